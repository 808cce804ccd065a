"""Printed lines as log lines."""

import logging
from collections.abc import Iterator

import pytest

from segue import flow
from segue.testing import Harness


class Printing(logging.Handler):
    """A handler of the user's own that prints each line."""

    def emit(self, record: logging.LogRecord) -> None:
        print("handled:", record.getMessage())  # noqa: T201  that is the story


@pytest.fixture
def printing() -> Iterator[Printing]:
    handler = Printing()
    logger = logging.getLogger("segue.flow_runs")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_what_a_handler_prints_of_a_printed_line_is_printed(
    harness: Harness, printing: Printing, capsys: pytest.CaptureFixture[str]
) -> None:
    @flow(log_prints=True)
    def f() -> None:
        print("one")  # noqa: T201
        print("two")  # noqa: T201

    f()
    assert [line for line in harness.log() if line in ("one", "two")] == ["one", "two"]
    assert "handled: one\nhandled: two\n" in capsys.readouterr().out

"""Runs in memory, for the tests of the runtime."""

from collections.abc import Iterator

import pytest

from segue.testing import Harness, harness


@pytest.fixture(name="harness")
def harness_fixture() -> Iterator[Harness]:
    """Flows run in memory, and time passes only when the test says so."""
    with harness() as made:
        yield made

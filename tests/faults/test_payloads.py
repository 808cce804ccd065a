"""Values and log lines that no journal can hold as they are: the run ends, says so, and loses nothing else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue import flow, get_run_logger, task
from segue.host import close_hosts
from segue.tables import projections
from segue.testing import segue_test_harness
from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal


class OddError(Exception):
    """Carries a text that is hard to write down."""


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def circular_dict() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = {"again": value}
    return value


ODD_TEXTS = {"surrogate": "\ud800", "nul": "a\0b", "ansi": "\r\x1b[2K", "separator": "\u2028", "long": "x" * 100_000}

VALUES: dict[str, Callable[[], Any]] = {
    "nan": lambda: math.nan,
    "infinity in a list": lambda: [1.0, -math.inf],
    "an integer of 5001 digits": lambda: 10**5000,
    "a lone surrogate": lambda: "\ud800",
    "a lone surrogate as a key": lambda: {"\udfff": 1},
    "nul": lambda: "a\0b",
    "100,000 deep": deep,
    "circular": circular,
    "a circular dict": circular_dict,
    "bytes": lambda: b"\xff\xfe",
    "keys that are no text": lambda: {(1, 2): object()},
}


async def recorded(home: Path) -> list[Event]:
    """What this process has recorded in the home, read after its host has closed, and found to be whole."""
    close_hosts()
    async with SqliteJournal(home / "segue.db", projections=projections()) as journal:
        assert await journal.check() == []
        return await journal.read(limit=10_000)


def last(events: list[Event], noun: str) -> str:
    return [event.kind for event in events if event.kind.startswith(noun)][-1]


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES.keys())
async def test_such_a_value_passes_through_a_run(make: Callable[[], Any]) -> None:
    """As a parameter and as a result, of a flow and of a task, it comes out as the object that went in."""

    @task
    async def same(value: Any) -> Any:
        return value

    @flow
    async def passing(value: Any) -> list[Any]:
        mapped = [await future for future in same.map([value])]
        return [await same(value), await same.submit(value), *mapped, value]

    value = make()
    with segue_test_harness() as home:
        outcome = await passing(value)
        events = await recorded(home)

    assert [item is value for item in outcome] == [True] * 4
    assert [event.kind for event in events].count("task-run.completed") == 3
    assert last(events, "flow-run.") == "flow-run.completed"


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES.keys())
def test_such_a_value_passes_through_a_plain_run(make: Callable[[], Any]) -> None:
    """The same where nothing is a coroutine."""

    @task
    def same(value: Any) -> Any:
        return value

    @flow
    def passing(value: Any) -> list[Any]:
        return [same(value), same.submit(value).result(), value]

    value = make()
    with segue_test_harness():
        assert [item is value for item in passing(value)] == [True] * 3


@pytest.mark.parametrize(
    "text", ["\ud800", "a\0b", "x" * 100_000, "\x1b[31m"], ids=["surrogate", "nul", "long", "ansi"]
)
async def test_such_a_message_of_an_error_is_recorded(text: str) -> None:
    """A flow that fails with it is recorded as failed, and its caller gets the exception itself."""

    @flow
    async def failing() -> None:
        raise OddError(text)

    with segue_test_harness() as home:
        with pytest.raises(OddError) as caught:
            await failing()
        events = await recorded(home)
    assert caught.value.args == (text,)
    assert last(events, "flow-run.") == "flow-run.failed"


async def test_a_line_of_ten_megabytes_is_cut_and_the_loss_is_said() -> None:
    """The lines around it are whole."""

    @flow
    async def talkative() -> None:
        logger = get_run_logger()
        logger.info("before")
        logger.info("x" * 10_000_000)
        logger.info("after")

    with segue_test_harness() as home:
        await talkative()
        events = await recorded(home)

    lines = [event.payload["message"] for event in events if event.kind == "log.written"]
    (long,) = [line for line in lines if line.startswith("xxx")]
    assert len(long) <= 1_100_000
    assert not long.endswith("x")
    assert lines.index("before") < lines.index(long) < lines.index("after")
    assert last(events, "flow-run.") == "flow-run.completed"


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
async def test_a_line_of_odd_characters_is_kept(text: str) -> None:
    """What cannot be written as text is written in another way; the line is not lost."""

    @flow
    async def talkative() -> None:
        get_run_logger().info("odd: %s.", text)

    with segue_test_harness() as home:
        await talkative()
        events = await recorded(home)
    lines = [event.payload["message"] for event in events if event.kind == "log.written"]
    assert [line for line in lines if line.startswith("odd: ") and line.endswith(".")]

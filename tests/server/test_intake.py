"""Events that come by a request: read and taken in steps, between which others have their turn; all, or none."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from segue.server.problems import Problem
from segue.server.streams.intake import publish, read
from segue_events import Bus, MemoryJournal

SIZE = 32 * 1024


def request(*payloads: Any) -> Request:
    body = msgspec.json.encode({"events": [{"kind": "a.b", "payload": payload} for payload in payloads]})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}, receive)


async def turns_during(work: Awaitable[object]) -> int:
    """How often another task has its turn until this is done."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await work
    counting.cancel()
    return turns


async def test_others_have_their_turns_while_a_long_request_is_read_and_taken() -> None:
    long = [{"text": "x" * SIZE}] * 100
    given = await read(request(*long))
    async with Bus(MemoryJournal()) as bus:
        turns = [await turns_during(read(request(*long))), await turns_during(publish(bus, given))]
        head = await asyncio.wrap_future(bus.flush())

    assert min(turns) >= 49
    assert head == 100


@pytest.mark.parametrize("count", [1, 100])
async def test_of_events_of_which_one_cannot_be_kept_none_is(count: int) -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    given = await read(request(*[{"text": "x" * SIZE}] * count, {"list": deep}))
    journal = MemoryJournal()
    async with Bus(journal) as bus:
        with pytest.raises(Problem) as caught:
            await publish(bus, given)

    assert [error.path for error in caught.value.errors or ()] == [f"body.events[{count}]"]
    assert await journal.read() == []


async def test_an_event_that_is_wrong_is_named_in_a_long_request_too() -> None:
    with pytest.raises(Problem) as wrong:
        await read(request(*[{"text": "x" * SIZE}] * 5, 7))

    assert [error.path for error in wrong.value.errors or ()] == ["body.events[5].payload"]

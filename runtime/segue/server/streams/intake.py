"""Intake: the events that a request brings, read and taken a little at a time, so that nobody else waits for them.

To read eight megabytes of JSON at once would keep the loop, and with it every other client, for half a second.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, NamedTuple

import msgspec
from starlette.requests import Request

from segue.api.engine import MAX_EVENTS, EventIn, EventsIn
from segue.api.types import microseconds_in
from segue.server.problems import wrong
from segue.server.queries import decoded, json_of
from segue_events import Bus, Event, PayloadError
from segue_events.event import seal

__all__ = ("Given", "publish", "read")

# What is read or taken before others have their turn, in bytes.
_STEP = 64 * 1024


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """EventsIn before its events are looked at."""

    events: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_EVENTS)]


class Given(NamedTuple):
    """An event that was sent: the how-manieth of the request it is, and its bytes, 0 in a short request."""

    number: int
    event: Event
    size: int


async def read(request: Request) -> list[Given]:
    """Return the events of a request's body; the Problem names the one that does not fit."""
    content = await json_of(request)
    if len(content) <= _STEP:
        # The usual request: what its parts look like is seen at once, and tells of a mistake where it is.
        events = decoded(content, EventsIn).events
        return [Given(index, _event(index, event), 0) for index, event in enumerate(events)]
    given: list[Given] = []
    taken = 0
    for index, raw in enumerate(decoded(content, _Envelope).events):
        size = len(bytes(raw))
        given.append(Given(index, _event(index, decoded(raw, EventIn, f"body.events[{index}]")), size))
        taken += size
        if taken >= _STEP:
            taken = 0
            await asyncio.sleep(0)
    return given


async def publish(bus: Bus, given: Sequence[Given]) -> None:
    """Publish the events in order, all or none; the Problem names one that no journal could hold."""
    if sum(one.size for one in given) > _STEP:
        # Looked at before the first one is published: these are all, or none.
        async for step in _steps(given):
            _check(step)
    async for step in _steps(given):
        try:
            bus.publish_many([one.event for one in step])
        except PayloadError:
            _check(step)
            raise


def _check(given: Sequence[Given]) -> None:
    for one in given:
        try:
            seal(one.event)
        except PayloadError as error:
            raise wrong(f"body.events[{one.number}]", str(error)) from None


async def _steps(given: Sequence[Given]) -> AsyncIterator[Sequence[Given]]:
    """Yield the events a step at a time, with turns for others in between."""
    first = size = 0
    for number, one in enumerate(given, 1):
        size += one.size
        if size >= _STEP and number < len(given):
            yield given[first:number]
            first, size = number, 0
            await asyncio.sleep(0)
    yield given[first:]


def _event(index: int, given: EventIn) -> Event:
    try:
        occurred = 0 if given.occurred is None else microseconds_in(given.occurred)
    except (ValueError, OverflowError) as error:
        raise wrong(f"body.events[{index}].occurred", str(error)) from None
    return Event(
        kind=given.kind, payload=given.payload, run=given.run, subject=given.subject, occurred=occurred, id=given.id
    )

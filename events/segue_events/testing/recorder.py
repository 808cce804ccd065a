"""Recorder: a subscriber that keeps whatever it is given."""

import asyncio
from typing import Self

from segue_events.bus import Bus
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor

__all__ = ("Recorder",)


class Recorder:
    """Collects a bus's events while its context is open; `events` are all so far, in order.

    A test that waits for an event bounds the waiting itself, by `anyio.fail_after`.
    """

    def __init__(self, bus: Bus, filter: Filter | None = None, after: Cursor | None = None) -> None:
        self.events: list[Event] = []
        self._subscription = bus.subscribe(filter, after)
        self._news = asyncio.Event()
        self._seen = 0

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events so far."""
        return [event.kind for event in self.events]

    async def next(self, kind: str = "*", subject: str | None = None) -> Event:
        """Wait for the next event of this kind (a glob) and subject that was not returned or passed over before."""
        wanted = Filter(kinds=(kind,), subjects=() if subject is None else (subject,))
        while True:
            while self._seen < len(self.events):
                self._seen += 1
                if wanted.matches(self.events[self._seen - 1]):
                    return self.events[self._seen - 1]
            self._news.clear()
            await self._news.wait()

    async def until(self, count: int) -> list[Event]:
        """Wait until so many events have come, at least; return all so far."""
        while len(self.events) < count:
            self._news.clear()
            await self._news.wait()
        return self.events

    async def __aenter__(self) -> Self:
        await self._subscription.__aenter__()
        self._task = asyncio.create_task(self._collect())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._subscription.__aexit__()
        await self._task

    async def _collect(self) -> None:
        async for batch in self._subscription:
            self.events.extend(batch)
            self._news.set()

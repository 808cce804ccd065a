"""Slots: taking slots of limits for a run, holding them while it needs them, and giving them back; from any thread.

All that is asked is asked in the loop where the Work of a backend lives, and answered by concurrent futures. What is
held is renewed there too: user code that blocks its own loop or thread loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary

from segue.futures import this_thread
from segue.records.work import LEASE_SECONDS, Lease, Limit
from segue_events import Clock

__all__ = ("Asking", "Held", "LimitedWork", "Slots", "Wanted")

T = TypeVar("T")

_LOGGER = logging.getLogger("segue.concurrency")

# How long one question for slots waits (seconds): what is asked on behalf of a run that has gone ends after so long.
_PATIENCE = 5.0
# After how many seconds a server that is away is asked again.
_AFTER_AWAY = 1.0
# How long a thread that waits cannot be interrupted (seconds).
_SLICE = 0.1
# How many holders a sentence names.
_SHOWN = 3
# How long what is known of the limits is taken to be so (seconds).
_FRESH = 1.0


class LimitedWork(Protocol):
    """What is asked of a Work here; see `segue.work.protocol`."""

    async def limits(self) -> list[Limit]:
        """Return all limits."""
        ...

    async def leases(self, limit: str = "") -> list[Lease]:
        """Return who holds slots."""
        ...

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        """Take slots, or return None if they are not free within `wait` seconds."""
        ...

    async def renew(self, lease_id: str) -> bool:
        """Hold them longer."""
        ...

    async def release(self, lease_id: str) -> None:
        """Free them."""
        ...


Call = Callable[[Callable[[LimitedWork], Awaitable[Any]]], "Future[Any]"]


class Wanted(NamedTuple):
    """Slots that a run wants, of all of these limits or of none; `strict` refuses names that have no limit."""

    names: tuple[str, ...]
    slots: int
    holder: str
    strict: bool = False


class Held:
    """Slots that are held until they are given back. `lost` tells that others have them now."""

    __slots__ = ("_call", "_keeper", "_on_loss", "lease", "lost", "released")

    def __init__(self, lease: Lease, call: Call) -> None:
        self.lease = lease
        self.lost = self.released = False
        self._call = call
        self._keeper: asyncio.Task[None] | None = None
        self._on_loss: Callable[[], object] | None = None

    def when_lost(self, tell: Callable[[], object]) -> None:
        """Have `tell` called, once and in another thread, when the slots are lost."""
        self._on_loss = tell
        if self.lost:
            self.lose()

    def release(self) -> Future[None]:
        """Give the slots back; the future is done when others can have them, and carries why they cannot yet."""
        self._on_loss = None
        return self._call(self._release)

    async def _release(self, work: LimitedWork) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        if self.lease.id and not (self.lost or self.released):
            self.released = True
            await work.release(self.lease.id)

    # --- in the loop of the Work ---

    def keep(self, work: LimitedWork, clock: Clock) -> None:
        """Begin to renew the lease, if there is one."""
        if self.lease.id:
            self._keeper = asyncio.create_task(self._renewed(work, clock))

    async def _renewed(self, work: LimitedWork, clock: Clock) -> None:
        while not self.lost:
            await clock.sleep(LEASE_SECONDS / 3)
            try:
                good = await work.renew(self.lease.id)
            except Exception as error:
                # A server that is away, a disk that is full: it may go well in time.
                _LOGGER.debug("A lease of %s could not be renewed. %s", ", ".join(self.lease.limits), error)
            else:
                self.lost = not good
        self.lose()

    def lose(self) -> None:
        """Tell whoever wants to know that the slots are lost."""
        self.lost = True
        tell, self._on_loss = self._on_loss, None
        if tell is not None:
            tell()


class Asking:
    """A question for slots that may take its time; `future` is of the slots, of None where they were not free."""

    __slots__ = ("_task", "_unwanted", "future")

    future: Future[Held | None]

    def __init__(self, call: Call, ask: Callable[[LimitedWork], Awaitable[Held | None]]) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._unwanted = False

        async def asked(work: LimitedWork) -> Held | None:
            self._task = asyncio.current_task()
            return None if self._unwanted else await ask(work)

        self.future = call(asked)

    def wait(self) -> Held | None:
        """Block until there is an answer; whoever is interrupted gives up."""
        try:
            # In slices: in most threads an interruption only arrives between them.
            if not wait([self.future], _SLICE).done:
                with this_thread.away():
                    while not wait([self.future], _SLICE).done:
                        pass
            return self.future.result()
        except BaseException:
            self.give_up()
            raise

    async def wait_async(self) -> Held | None:
        """Wait in a coroutine until there is an answer; whoever is cancelled gives up."""
        try:
            return await asyncio.shield(asyncio.wrap_future(self.future))
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Ask no more, and give back what is granted all the same; for any thread."""
        self._unwanted = True
        # The future itself is not cancelled: slots that come at the same moment would be held by nobody for ever.
        self.future.add_done_callback(_give_back)
        task = self._task
        if task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)


def _give_back(future: Future[Held | None]) -> None:
    if not future.cancelled() and future.exception() is None and (held := future.result()) is not None:
        held.release()


class Slots:
    """The way to the limits of one Work.

    `call` calls a function with it, in its loop; `away` are the exceptions that mean that it cannot be asked for now.
    """

    def __init__(self, call: Call, clock: Clock, away: tuple[type[Exception], ...] = ()) -> None:
        self._call = call
        self._clock = clock
        self._away = away
        self._known: dict[str, Limit] = {}
        self._tags: frozenset[str] = frozenset()
        self._looked: float | None = None
        # Who waits for the same slots in this process stands in line here, and only the first asks for them.
        self._lines: WeakValueDictionary[tuple[Any, ...], asyncio.Lock] = WeakValueDictionary()
        self._returning: set[asyncio.Task[None]] = set()

    # --- for any thread ---

    def tag_limits(self) -> frozenset[str] | None:
        """Return the tags that have a limit, as known for a second at most; None if that is not known: see `look`."""
        if self._looked is None or self._clock.monotonic() - self._looked > _FRESH:
            return None
        return self._tags

    def look(self, *, anew: bool = False) -> Future[dict[str, Limit]]:
        """Return a future of all limits by name, as known for a second at most, or `anew` as they are.

        While the server is away, it is of those that were there last.
        """
        return self._call(lambda work: self._look(work, anew))

    def take(self, wanted: Wanted, patience: float | None = None) -> Asking:
        """Ask for slots, and wait for them in the order of asking, up to `patience` seconds; None: as long as it takes.

        The future carries InvalidWork or UnknownLimit where they can never be had.
        """
        if patience is not None and patience <= 0:
            return Asking(self._call, lambda work: self._try(work, wanted))
        return Asking(self._call, lambda work: self._wait(work, wanted, patience))

    def why_not(self, wanted: Wanted) -> Future[str]:
        """Return a future of a sentence that says what keeps the slots from being had."""
        return self._call(lambda work: self._sentence(work, wanted))

    # --- in the loop of the Work ---

    async def _look(self, work: LimitedWork, anew: bool) -> dict[str, Limit]:
        if anew or self.tag_limits() is None:
            try:
                self._known = {limit.name: limit for limit in await work.limits()}
            except self._away as error:
                _LOGGER.debug("The limits could not be looked up. %s", error)
            self._tags = frozenset(limit.name for limit in self._known.values() if limit.tag and limit.active)
            self._looked = self._clock.monotonic()
        return self._known

    async def _try(self, work: LimitedWork, wanted: Wanted) -> Held | None:
        try:
            return self._held(work, await self._asked(work, wanted, 0.0))
        except self._away:
            return None

    async def _wait(self, work: LimitedWork, wanted: Wanted, patience: float | None) -> Held | None:
        line = self._lines.setdefault((wanted.names, wanted.slots), asyncio.Lock())
        end = None if patience is None else self._clock.monotonic() + patience
        try:
            async with asyncio.timeout(patience), line:
                lease = await self._first_in_line(work, wanted, end)
        except TimeoutError:
            return None
        return self._held(work, lease)

    async def _first_in_line(self, work: LimitedWork, wanted: Wanted, end: float | None) -> Lease | None:
        while True:
            left = _PATIENCE if end is None else min(_PATIENCE, end - self._clock.monotonic())
            try:
                lease = await self._asked(work, wanted, max(0.0, left))
            except self._away:
                lease = None
                await self._clock.sleep(_AFTER_AWAY)
            if lease is not None or (end is not None and self._clock.monotonic() >= end):
                return lease

    async def _asked(self, work: LimitedWork, wanted: Wanted, wait: float) -> Lease | None:
        """Ask once. Whoever is cancelled meanwhile gives back what is granted all the same."""
        names, slots, holder, strict = wanted
        asking = asyncio.ensure_future(work.acquire(names, slots, holder, strict=strict, wait=wait))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            returning = asyncio.create_task(_returned(work, asking))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            raise

    def _held(self, work: LimitedWork, lease: Lease | None) -> Held | None:
        if lease is None:
            return None
        held = Held(lease, self._call)
        held.keep(work, self._clock)
        return held

    async def _sentence(self, work: LimitedWork, wanted: Wanted) -> str:
        try:
            limits, leases = {limit.name: limit for limit in await work.limits()}, await work.leases()
        except self._away as error:
            return f"Waits for slots of {_quoted(wanted.names)}. {error}"
        for limit in (limits[name] for name in wanted.names if name in limits):
            held = [lease for lease in leases if limit.name in lease.limits and lease.holder]
            if limit.refill is None and limit.slots - sum(lease.slots for lease in held) < wanted.slots:
                return f"Waits for a slot of the limit '{limit.name}': {_holders(limit, held)}"
        return f"Waits for slots of {_quoted(wanted.names)}."


async def _returned(work: LimitedWork, asking: asyncio.Future[Lease | None]) -> None:
    with contextlib.suppress(Exception):  # what was not granted, or cannot be given back now, is free in time
        lease = await asking
        if lease is not None and lease.id:
            await work.release(lease.id)


def _holders(limit: Limit, held: list[Lease]) -> str:
    if limit.slots == 0:
        return "it has none, until it is raised."
    holders = sorted({lease.holder for lease in held})
    more = f" and {len(holders) - _SHOWN} more" if len(holders) > _SHOWN else ""
    taken = "its only slot is" if limit.slots == 1 else f"all {limit.slots} are"
    return f"{taken} held by {', '.join(holders[:_SHOWN])}{more}."


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)

"""Slots on a journal: limits saved and deleted, their slots taken, held and freed."""

import msgspec

from segue import work_events
from segue.exceptions import UnknownLimit
from segue.records.work import Lease, Limit
from segue.run_events import FLOW_RUN_KINDS
from segue.states import FINAL_TYPES
from segue.suggestions import did_you_mean
from segue.work.checks import check_limit
from segue.work.ground import Ground
from segue.work.limits import Books, Wish, binding, expired, free_at, full, grant, renewed
from segue.work.steady import SteadyClock
from segue_events import Event, new_id

__all__ = ("Slots",)

_NEWS = (
    work_events.LIMIT_RELEASED,
    work_events.LIMIT_SAVED,
    work_events.LIMIT_DELETED,
    # Whatever the run held is free.
    *(FLOW_RUN_KINDS[final] for final in FINAL_TYPES),
)

# Who wakes up so late has lost its slots, also if nobody else has taken them; in µs.
_FORGOTTEN = 3600 * 1_000_000


class Slots:
    """See Work."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._steady = SteadyClock(ground.journal.path, ground.clock)
        # Who waits in this process, the first to come first.
        self._ahead: dict[str, Wish] = {}

    # --- limits ---

    async def save(self, limit: Limit) -> Limit:
        """See Work."""
        check_limit(limit)
        ground = self._ground
        async with ground.lock:
            before = [one for one in await ground.store.limits() if one.name == limit.name]
            now = ground.clock.now_us()
            saved = msgspec.structs.replace(limit, created=before[0].created if before else now, updated=now)
            await ground.commit([work_events.limit_saved(saved, now)])
            return saved

    async def all(self) -> list[Limit]:
        """See Work."""
        return await self._ground.store.limits()

    async def delete(self, name: str) -> None:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            known = [limit.name for limit in await ground.store.limits()]
            if name not in known:
                hint = did_you_mean(name, known) or " `segue global-concurrency-limit ls` lists all."
                raise UnknownLimit(f"There is no limit '{name}'.{hint}")
            now = ground.clock.now_us()
            alone = [lease for lease in await ground.store.leases() if lease.limits == (name,)]
            events = [work_events.lease_released(lease.id, now) for lease in alone]
            await ground.commit([*events, work_events.limit_deleted(name, now)])

    # --- who holds them ---

    async def leases(self, limit: str) -> list[Lease]:
        """See Work. What rate limits have not got back is nobody's, and not among them."""
        now = self._steady.now_us()
        return [
            lease
            for lease in await self._ground.store.leases()
            if lease.holder and lease.until > now and (not limit or limit in lease.limits)
        ]

    async def acquire(self, wish: Wish, wait: float) -> Lease | None:
        """See Work. In one process, who came first is served first."""
        token = new_id()
        self._ahead[token] = wish
        ground = self._ground

        async def look() -> Lease | None:
            books = await self.books()
            # Without the lock: most looks of who waits find nothing free.
            bound = binding(wish, books.limits)
            if not bound:
                return Lease(id="", limits=(), slots=wish.slots, holder=wish.holder, until=books.now)
            return None if full(wish, books) else await self._take(token, wish)

        async def ready() -> int | None:
            books = await self.books()
            lacking = full(wish, books)
            if lacking is None:
                return None
            return ground.clock.now_us() + free_at(lacking, wish.slots, books) - books.now

        try:
            return await ground.until_found(look, wait, _NEWS, ready)
        finally:
            del self._ahead[token]

    async def books(self) -> Books:
        """Return what is known of limits and leases now."""
        store = self._ground.store
        limits = {limit.name: limit for limit in await store.limits()}
        return Books(limits, await store.leases() if limits else [], self._steady.now_us())

    async def _take(self, token: str, wish: Wish) -> Lease | None:
        async with self._ground.lock:
            books = await self.books()
            ahead = [other for one, other in self._ahead.items() if one < token]
            granted = grant(wish, ahead, books, new_id())
            if granted is None:
                return None
            now = self._ground.clock.now_us()
            events: list[Event] = [work_events.lease_acquired(lease, now) for lease in granted.leases]
            await self._ground.commit(events)
            return granted.lease

    async def renew(self, lease_id: str) -> bool:
        """See Work."""
        if not lease_id:
            return True  # of no limit, or rate limits only
        async with self._ground.lock:
            books = await self.books()
            lease = renewed(lease_id, books)
            if lease is None:
                return False
            await self._ground.commit([work_events.lease_renewed(lease, self._ground.clock.now_us())])
            return True

    async def release(self, lease_id: str) -> None:
        """See Work."""
        ground = self._ground
        if lease_id and lease_id in [lease.id for lease in await ground.store.leases()]:
            await ground.commit([work_events.lease_released(lease_id, ground.clock.now_us())])

    async def sweep(self) -> None:
        """Forget leases that are of no use to anybody: long past, or of limits that are gone."""
        ground = self._ground
        async with ground.lock:
            books = await self.books()
            old = books._replace(now=books.now - _FORGOTTEN)
            gone = [*expired(old), *(lease for lease in books.leases if not _binds(lease, books))]
            now = ground.clock.now_us()
            await ground.commit([work_events.lease_released(one.id, now, expired=True) for one in gone])


def _binds(lease: Lease, books: Books) -> bool:
    return any(name in books.limits for name in lease.limits)

"""The line on a journal: workers join it, are given runs, give signs of life, say how runs ended, and leave."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue import work_events
from segue.exceptions import InvalidWork
from segue.records.work import LEASE_SECONDS, Claim, WorkerInfo, WorkPool, WorkQueue
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED, FLOW_RUN_KINDS
from segue.states import FINAL_TYPES, State, StateType, microseconds
from segue.work.checks import check_pool
from segue.work.claims import Candidate, Held, Picked, Place, Slot, bounded, pick, queue_room, room, served
from segue.work.endings import ended, let_go
from segue.work.ground import Ground
from segue.work.protocol import Beat
from segue.work.slots import Slots
from segue.work.store import Standing
from segue.work.tags import tag_leases, tag_places
from segue.work.waiting import WaitingRuns
from segue_events import Event, new_id
from segue_events.ids import id_in_memory

__all__ = ("Line",)

_LEASE = round(LEASE_SECONDS * 1e6)
# A look cancels at most so many runs that are too many.
_MOST_REFUSED = 200

# After these, somebody may be given a run who was not before.
_NEWS = (
    work_events.RUN_SCHEDULED,
    work_events.RUN_RETURNED,
    work_events.POOL_SAVED,
    work_events.DEPLOYMENT_SAVED,
    work_events.LIMIT_RELEASED,
    work_events.LIMIT_SAVED,
    work_events.LIMIT_DELETED,
    *(FLOW_RUN_KINDS[final] for final in sorted(FINAL_TYPES)),
)


class Line:
    """See Work."""

    def __init__(self, ground: Ground, slots: Slots) -> None:
        self._ground = ground
        self._slots = slots
        self._waiting = WaitingRuns(ground.journal)
        # The pools of those who have claimed here: a worker stays in its pool.
        self._pools: dict[str, str] = {}
        # Who was given all that it asked for the last time: most likely, there is more.
        self._served: set[str] = set()

    # --- who is there ---

    async def join(self, worker: WorkerInfo) -> WorkerInfo:
        """See Work. A worker of no pool serves the runs of deployments without one: its queues are their ids."""
        ground = self._ground
        async with ground.lock:
            now = ground.clock.now_us()
            events: list[Event] = []
            if worker.pool:
                before = await ground.store.pool(worker.pool)
                pool = _pool_for(worker, before, now)
                if pool != before:
                    check_pool(pool)
                    events.append(work_events.pool_saved(pool, now))
            known = msgspec.structs.replace(worker, id=worker.id or new_id(), started=now, seen=now, ended=None)
            await ground.commit([*events, work_events.worker_started(known, now)])
            return known

    async def beat(self, worker_id: str, held: Sequence[str]) -> Beat:
        """See Work. What it should hold and does not know of is let go once it had time to begin it."""
        ground = self._ground
        async with ground.lock:
            worker = await ground.store.worker(worker_id)
            if worker is None:
                return Beat(lost=tuple(held))
            now = ground.clock.now_us()
            events = [work_events.worker_seen(worker_id, now)]
            for one in await ground.store.held(worker):
                if one.item.run_id not in held and (one.item.claimed or 0) + _LEASE <= now:
                    events += await let_go(ground, one, f"Worker '{worker.name}' does not know of it any more.")
            await ground.commit(events)
            standing = await ground.store.standing(held)
        mine = {run_id for run_id, one in standing.items() if one.item.worker_id == worker_id}
        return Beat(
            stop=tuple(run_id for run_id in held if run_id in mine and standing[run_id].stop),
            lost=tuple(run_id for run_id in held if run_id not in mine),
        )

    async def stops(self, worker_id: str, known: Sequence[str], wait: float) -> list[str]:
        """See Work. Without the lock: nothing is decided here."""
        await self._pool_of(worker_id)

        async def look() -> list[str] | None:
            found = await self._ground.store.stops(worker_id)
            return None if set(found) == set(known) else found

        async def ready() -> None:
            """Time alone brings nothing."""

        found = await self._ground.until_found(look, wait, (FLOW_RUN_CANCEL_REQUESTED,), ready)
        return list(known) if found is None else found

    async def leave(self, worker_id: str) -> None:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            worker = await ground.store.worker(worker_id)
            if worker is None or worker.ended is not None:
                return
            self._pools.pop(worker_id, None)
            self._served.discard(worker_id)
            events = [work_events.worker_gone(worker_id, ground.clock.now_us(), lost=False)]
            for one in await ground.store.held(worker):
                if not one.begun:
                    events += await let_go(ground, one, "")
            await ground.commit(events)

    async def sweep(self, now: int) -> None:
        """Let go of the runs of workers that have not been seen for LEASE_SECONDS, or that have left so long ago."""
        ground = self._ground
        if not await ground.store.silent_workers(now - _LEASE) and not await ground.store.stopped():
            return
        async with ground.lock:
            for worker in await ground.store.silent_workers(now - _LEASE):
                events: list[Event] = []
                if worker.ended is None:
                    events.append(work_events.worker_gone(worker.id, now, lost=True))
                why = f"Its worker '{worker.name}' on {worker.host or 'an unknown machine'} {_gone_since(worker, now)}."
                for one in await ground.store.held(worker):
                    events += await let_go(ground, one, why)
                await ground.commit(events)
            told = "It was cancelled before it had begun."
            for run_id in await ground.store.stopped():
                state: State[Any] = State(StateType.CANCELLED, "Cancelled", told, now)
                await ground.commit(await ended(ground, run_id, state))

    # --- who is given what ---

    async def claim(self, worker_id: str, most: int, wait: float) -> list[Claim]:
        """See Work. A worker that has left, or is thought lost until it gives a sign of life, is given nothing."""
        pool = await self._pool_of(worker_id)

        async def look() -> list[Claim] | None:
            # Without the lock: most looks find nothing.
            if worker_id not in self._served and not await self._waiting.any_due(pool, self._ground.clock.now_us()):
                return None
            run_ids = await self._give(worker_id, most)
            (self._served.add if len(run_ids) == most else self._served.discard)(worker_id)
            # As the tables have them: they alone say whose a run is.
            return await self._ground.store.claims(worker_id, run_ids) if run_ids else None

        async def ready() -> int | None:
            return await self._waiting.next_due(pool, self._ground.clock.now_us())

        return await self._ground.until_found(look, wait, _NEWS, ready) or []

    async def _pool_of(self, worker_id: str) -> str:
        if worker_id not in self._pools:
            worker = await self._ground.store.worker(worker_id)
            if worker is None:
                raise InvalidWork(f"There is no worker with the id '{worker_id}'; let it join first.")
            self._pools[worker_id] = worker.pool
        return self._pools[worker_id]

    async def _give(self, worker_id: str, most: int) -> list[str]:
        ground = self._ground
        async with ground.lock:
            desk = await self._waiting.desk(worker_id)
            if desk is None:
                return []
            now = ground.clock.now_us()
            places = await self._waiting.places() if desk.bounds else {}
            books = await self._slots.books() if desk.tags else None
            places.update(tag_places(books) if books else {})
            given, places = await self._chosen(desk.pool, desk.worker, places, most)
            taken = {id_in_memory(one.run): one.epoch + 1 for one in given}
            events = [work_events.run_claimed(run_id, worker_id, epoch, now) for run_id, epoch in taken.items()]
            events += [work_events.lease_acquired(lease, now) for lease in (tag_leases(given, books) if books else ())]
            too_many = await self._waiting.refused(desk.pool.name, now, places, most + _MOST_REFUSED)
            for run_id in [run_id for run_id in too_many if run_id not in taken]:
                told = "As many runs of its deployment go as may, and new ones are cancelled."
                events += await ended(ground, run_id, State(StateType.CANCELLED, "Cancelled", told, now))
            await ground.commit(events)
            return list(taken)

    async def _chosen(
        self, pool: WorkPool, worker: WorkerInfo, places: dict[Slot, Place], most: int
    ) -> tuple[list[Candidate], dict[Slot, Place]]:
        """Return the runs that the worker is given, and the slots as they are then."""
        held = await self._waiting.held(pool, worker.id) if bounded(pool, worker) else Held(0, 0, {})
        left = room(pool, worker, held, most)
        chosen: list[Candidate] = []
        for queue in served(pool, worker):
            picked = await self._first_of(pool, queue.name, places, queue_room(queue, held, left))
            places = picked.places
            chosen += picked.runs
            left -= len(picked.runs)
        return chosen, places

    async def _first_of(self, pool: WorkPool, queue: str, places: dict[Slot, Place], most: int) -> Picked:
        """Return the first runs of a queue that may go: those whose slots are full are passed over."""
        now = self._ground.clock.now_us()
        chosen: dict[bytes | str, Candidate] = {}
        while len(chosen) < most:
            # Those chosen already are among them, at the front.
            found = await self._waiting.candidates(pool.name, queue, now, places, most)
            picked = pick([one for one in found if one.run not in chosen], places, most - len(chosen))
            chosen.update((one.run, one) for one in picked.runs)
            changed, places = picked.places != places, picked.places
            if len(found) < most or not changed:
                break
        return Picked(list(chosen.values()), places)

    # --- how runs end ---

    async def settle(self, worker_id: str, claim: Claim, state: State[Any]) -> bool:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            standing = (await ground.store.standing([claim.run_id])).get(claim.run_id)
            if standing is None or not _holds(standing, worker_id, claim):
                return False
            if state.is_final():
                await ground.commit(await ended(ground, claim.run_id, state))
            else:
                await ground.commit(await self._given_back(standing, state))
            return True

    async def _given_back(self, standing: Standing, state: State[Any]) -> list[Event]:
        ground, item = self._ground, standing.item
        if standing.stop or not standing.begun:
            return await let_go(ground, standing._replace(begun=False), "")
        now = ground.clock.now_us()
        due = state.state_details.scheduled_time
        again = msgspec.structs.replace(item, due=now if due is None else microseconds(due))
        run = await ground.records.runs.flow_run(item.run_id)
        variables = await ground.store.variables(item.run_id)
        return [
            work_events.run_returned(item.run_id, item.worker_id, item.epoch, now),
            work_events.run_scheduled(run, again, now, job_variables=variables, again=state.name),
        ]


def _gone_since(worker: WorkerInfo, now: int) -> str:
    seconds = (now - (worker.seen if worker.ended is None else worker.ended)) // 1_000_000
    if worker.ended is None:
        return f"has not given a sign of life for {seconds} s"
    return f"left {seconds} s ago and has not said how it ended"


def _holds(standing: Standing, worker_id: str, claim: Claim) -> bool:
    item = standing.item
    return not item.done and item.worker_id == worker_id and item.epoch == claim.epoch


def _pool_for(worker: WorkerInfo, pool: WorkPool | None, now: int) -> WorkPool:
    """Return the pool that a worker joins, with the queues it wants; raises InvalidWork for one of another type."""
    if pool is None:
        pool = WorkPool(name=worker.pool, type=worker.type, created=now, updated=now)
    elif pool.type != worker.type:
        raise InvalidWork(
            f"Work pool '{pool.name}' is of type '{pool.type}', and the worker '{worker.name}' of type "
            f"'{worker.type}'; start one of that type, or choose another pool."
        )
    last = max(queue.priority for queue in pool.queues)
    known = {queue.name for queue in pool.queues}
    missing = [name for name in dict.fromkeys(worker.queues) if name not in known]
    if not missing:
        return pool
    more = tuple(WorkQueue(name=name, priority=last + number) for number, name in enumerate(missing, 1))
    return msgspec.structs.replace(pool, queues=(*pool.queues, *more), updated=now)

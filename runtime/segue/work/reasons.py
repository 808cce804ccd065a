"""Reasons: why a run that waits has not begun; one sentence, of what is in its way first."""

from collections.abc import Sequence
from typing import NamedTuple

from segue.records.work import LEASE_SECONDS, Deployment, WorkerInfo, WorkItem, WorkPool, WorkQueue
from segue.scheduling.requests import BACKFILL
from segue.states import instant
from segue.work.ground import Ground
from segue.work.slots import Slots
from segue.work.store import Going, Standing
from segue.work.tags import FullTag, full_tag

__all__ = ("Facts", "Reasons", "reason")

_LEASE = round(LEASE_SECONDS * 1e6)
_SHOWN = 3


class Facts(NamedTuple):
    """What a reason follows from: the run, where it waits, who works there, what goes there, and who is before it."""

    standing: Standing
    tags: Sequence[str]
    deployment: Deployment | None
    pool: WorkPool | None
    workers: Sequence[WorkerInfo]
    going: Sequence[Going]
    ahead: int
    now: int
    full_tag: FullTag | None = None


class Reasons:
    """Finds the facts in a journal."""

    def __init__(self, ground: Ground, slots: Slots) -> None:
        self._ground = ground
        self._slots = slots

    async def of(self, run_id: str) -> str:
        """See Work; raises UnknownRun."""
        ground = self._ground
        run = await ground.records.runs.flow_run(run_id)
        standing = (await ground.store.standing([run.id])).get(run.id)
        if standing is None or standing.item.done or standing.begun:
            return ""
        item, now = standing.item, ground.clock.now_us()
        return reason(
            Facts(
                standing=standing,
                tags=run.tags,
                deployment=await ground.store.deployment(item.deployment_id),
                pool=await ground.store.pool(item.pool) if item.pool else None,
                workers=await ground.store.workers(since=now - _LEASE, living=True),
                going=await ground.store.going(item.pool),
                ahead=await ground.store.ahead(item.run_id, now),
                now=now,
                full_tag=await self._full_tag(run.tags),
            )
        )

    async def _full_tag(self, tags: Sequence[str]) -> FullTag | None:
        """Return the full limit on one of the tags, with the names of the runs that hold its slots."""
        found = full_tag(tags, await self._slots.books()) if tags else None
        if found is None:
            return None
        names = await self._ground.store.run_names(found.holders)
        return found._replace(holders=[names.get(holder, holder) for holder in found.holders])


def reason(facts: Facts) -> str:
    """Return why the run has not begun; each of these looks at one thing, and says nothing if that is as it should."""
    for look in (_taken, _due, _paused, _place, _workers, _of_deployment, _of_tags, _of_pool, _busy):
        if told := look(facts):
            return told
    if facts.ahead:
        return f"{_counted(facts.ahead, 'run is', 'runs are')} before it in its queue."
    return "A worker is about to take it."


# --- what may be in its way, the first things first ---


def _taken(facts: Facts) -> str:
    item = facts.standing.item
    if facts.standing.stop:
        return "It was asked to stop before it had begun."
    if not item.worker_id:
        return ""
    names = [worker.name for worker in facts.workers if worker.id == item.worker_id]
    if not names:
        return "The worker that took it gives no sign of life; when it is thought lost, another may take the run."
    since = (facts.now - (item.claimed or facts.now)) // 1_000_000
    return f"Worker '{names[0]}' took it {since} s ago and is starting it."


def _due(facts: Facts) -> str:
    left = facts.standing.item.due - facts.now
    if left <= 0:
        return ""
    at = instant(facts.standing.item.due).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"It is due at {at}, in {_span(left)}."


def _paused(facts: Facts) -> str:
    deployment, pool, queue = facts.deployment, facts.pool, _queue_of(facts)
    of_schedule = facts.standing.item.schedule_id and BACKFILL not in facts.tags
    if deployment is not None and deployment.paused and of_schedule:
        name = deployment.full_name
        return (
            f"Deployment '{name}' is paused, and the runs of its schedules wait; `segue deployment resume '{name}'` "
            "lets them go."
        )
    if pool is not None and pool.paused:
        return f"Work pool '{pool.name}' is paused; `segue work-pool resume '{pool.name}'` lets its runs go."
    if pool is not None and queue is not None and queue.paused:
        return f"Queue '{queue.name}' of work pool '{pool.name}' is paused; resume it to let its runs go."
    return ""


def _place(facts: Facts) -> str:
    item = facts.standing.item
    if item.pool and facts.pool is None:
        return f"There is no work pool '{item.pool}' any more; `segue work-pool create '{item.pool}'` makes it again."
    if facts.pool is not None and _queue_of(facts) is None:
        return f"Work pool '{item.pool}' has no queue '{item.queue}' any more; create it again."
    return ""


def _workers(facts: Facts) -> str:
    item = facts.standing.item
    if _fit(facts):
        return ""
    if not item.pool:
        name = item.deployment_id if facts.deployment is None else facts.deployment.full_name
        return f"No process serves deployment '{name}'; start the one that does, or give the deployment a work pool."
    others = [worker.name for worker in facts.workers if worker.pool == item.pool]
    if others:
        takes = "takes" if len(others) == 1 else "take"
        return (
            f"No worker takes the queue '{item.queue}' of work pool '{item.pool}': {_listed(others)} {takes} others. "
            f"Start one: `segue worker start -p '{item.pool}' -q '{item.queue}'`."
        )
    return f"No worker polls the work pool '{item.pool}'; start one: `segue worker start -p '{item.pool}'`."


def _of_deployment(facts: Facts) -> str:
    item, deployment = facts.standing.item, facts.deployment
    bound = None if deployment is None else deployment.concurrency_limit
    if deployment is None or bound is None:
        return ""
    going = [one.run for one in facts.going if (one.deployment_id, one.key) == (deployment.id, item.key)]
    if len(going) < bound:
        return ""
    of_key = f" with the key '{item.key}'" if item.key else ""
    return f"As many runs{of_key} of deployment '{deployment.full_name}' go as may ({bound}): {_listed(going)}."


def _of_tags(facts: Facts) -> str:
    if facts.full_tag is None:
        return ""
    limit, holders = facts.full_tag
    if limit.slots == 0:
        return f"The limit on the tag '{limit.name}' has no slots; raise it to let runs with this tag go."
    if limit.refill is not None:
        return f"Runs with the tag '{limit.name}' begin at a rate of {limit.refill:g} a second, and it is not its turn."
    return f"As many runs with the tag '{limit.name}' go as may ({limit.slots}): {_listed(holders)}."


def _of_pool(facts: Facts) -> str:
    pool, queue = facts.pool, _queue_of(facts)
    if pool is None or queue is None:
        return ""
    going = [one.run for one in facts.going]
    if pool.limit is not None and len(going) >= pool.limit:
        return f"As many runs of work pool '{pool.name}' go as may ({pool.limit}): {_listed(going)}."
    of_queue = [one.run for one in facts.going if one.queue == queue.name]
    if queue.limit is not None and len(of_queue) >= queue.limit:
        where = f"queue '{queue.name}' of work pool '{pool.name}'"
        return f"As many runs of {where} go as may ({queue.limit}): {_listed(of_queue)}."
    return ""


def _busy(facts: Facts) -> str:
    fit = _fit(facts)
    for worker in fit:
        if worker.limit is None or len(_of_worker(facts, worker)) < worker.limit:
            return ""
    names = _listed([worker.name for worker in fit])
    runs = _listed([run for worker in fit for run in _of_worker(facts, worker)])
    return f"The workers that would take it have as many runs as they take at a time ({names}): {runs}."


# --- parts ---


def _queue_of(facts: Facts) -> WorkQueue | None:
    queues = () if facts.pool is None else facts.pool.queues
    return next((queue for queue in queues if queue.name == facts.standing.item.queue), None)


def _fit(facts: Facts) -> list[WorkerInfo]:
    """The workers that take runs of its queue."""
    item: WorkItem = facts.standing.item
    return [
        worker
        for worker in facts.workers
        if worker.pool == item.pool and (not worker.queues or item.queue in worker.queues)
    ]


def _of_worker(facts: Facts, worker: WorkerInfo) -> list[str]:
    return [one.run for one in facts.going if one.worker_id == worker.id]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _span(microseconds: int) -> str:
    seconds = round(microseconds / 1e6)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            rest = seconds % size // (size // (24 if unit == "d" else 60))
            smaller = {"d": "h", "h": "min", "min": "s"}[unit]
            return f"{seconds // size} {unit} {rest} {smaller}" if rest else f"{seconds // size} {unit}"
    return f"{seconds} s"

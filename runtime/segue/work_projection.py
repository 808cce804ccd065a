"""WorkProjection: the tables of deployments, pools, limits, workers and runs in line, folded from the events.

A document stands in its row as JSON, with the columns beside it that others look for. `last` is the seq of the event
that a row is as of. A run is in line from when it is scheduled until it ends; it waits while `worker` is ''.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from segue import work_events as kinds
from segue.records.work import DEFAULT_QUEUE, Deployment, Lease, Limit, WorkerInfo, WorkPool
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED, FLOW_RUN_DELETED, FLOW_RUN_KINDS
from segue.states import FINAL_TYPES
from segue_events import Event
from segue_events.ids import id_at_rest
from segue_events.journal import Write

__all__ = ("WorkProjection",)

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deployment (
    id PRIMARY KEY, flow TEXT NOT NULL, name TEXT NOT NULL, pool TEXT NOT NULL, queue TEXT NOT NULL,
    paused INTEGER NOT NULL, concurrency INTEGER, collision TEXT NOT NULL, document TEXT NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deployment_name ON deployment (flow, name);
CREATE INDEX IF NOT EXISTS deployment_pool ON deployment (pool);
CREATE INDEX IF NOT EXISTS deployment_bounded ON deployment (id) WHERE concurrency IS NOT NULL;
CREATE TABLE IF NOT EXISTS schedule_mark (
    deployment, schedule TEXT, at INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (deployment, schedule)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work_pool (
    name TEXT PRIMARY KEY, document TEXT NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS worker (
    id PRIMARY KEY, pool TEXT NOT NULL, seen INTEGER NOT NULL, ended INTEGER, document TEXT NOT NULL,
    last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS worker_seen ON worker (seen);
CREATE TABLE IF NOT EXISTS concurrency_limit (
    name TEXT PRIMARY KEY, document TEXT NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease (
    id PRIMARY KEY, limits TEXT NOT NULL, slots INTEGER NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL,
    taken INTEGER NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lease_holder ON lease (holder);
CREATE TABLE IF NOT EXISTS work_item (
    run PRIMARY KEY, deployment, schedule TEXT, pool TEXT NOT NULL, queue TEXT NOT NULL, due INTEGER NOT NULL,
    priority INTEGER NOT NULL, key TEXT NOT NULL, variables TEXT, first INTEGER NOT NULL,
    worker NOT NULL, epoch INTEGER NOT NULL, claimed INTEGER, stop INTEGER NOT NULL, done INTEGER NOT NULL,
    last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS work_item_waiting ON work_item (pool, queue, priority, due, first, deployment, key)
    WHERE done = 0 AND worker = '';
CREATE INDEX IF NOT EXISTS work_item_due ON work_item (pool, queue, due) WHERE done = 0 AND worker = '';
CREATE INDEX IF NOT EXISTS work_item_held ON work_item (pool, worker, queue, deployment, key)
    WHERE done = 0 AND worker != '';
CREATE INDEX IF NOT EXISTS work_item_deployment ON work_item (deployment);
CREATE INDEX IF NOT EXISTS work_item_stopped ON work_item (first) WHERE stop = 1 AND done = 0 AND worker = '';
CREATE INDEX IF NOT EXISTS work_item_open ON work_item (deployment, schedule) WHERE done = 0;
"""


class _Statement(NamedTuple):
    """A statement about one table: its beginning, the placeholder of a row, and its end."""

    table: str
    head: str
    row: str
    tail: str


def _upsert(table: str, keys: str, *columns: str, kept: Sequence[str] = ()) -> _Statement:
    """Return what inserts a row, or replaces the one of these keys by what is newer, all but the columns `kept`."""
    key_columns = keys.split(", ")
    every = (*key_columns, *columns, "last")
    changes = ", ".join(f"{name} = excluded.{name}" for name in every if name not in (*key_columns, *kept))
    return _Statement(
        table,
        f"INSERT INTO {table} ({', '.join(every)}) VALUES ",
        _marks(len(every)),
        f" ON CONFLICT ({keys}) DO UPDATE SET {changes} WHERE excluded.last > {table}.last",
    )


def _update(table: str, key: str, *columns: str) -> _Statement:
    """Return what changes the columns of a row that is there; what is NULL stays as it is."""
    changes = [f"{name} = coalesce(told.column{at}, {table}.{name})" for at, name in enumerate((*columns, "last"), 2)]
    return _Statement(
        table,
        f"UPDATE {table} SET {', '.join(changes)} FROM (VALUES ",
        _marks(len(columns) + 2),
        f") AS told WHERE {table}.{key} = told.column1 AND told.column{len(columns) + 2} > {table}.last",
    )


def _delete(table: str, key: str) -> _Statement:
    return _Statement(table, f"DELETE FROM {table} WHERE {key} IN (VALUES ", "(?)", ")")


def _marks(count: int) -> str:
    return f"({', '.join('?' * count)})"


_DEPLOYMENT = _upsert(
    "deployment", "id", "flow", "name", "pool", "queue", "paused", "concurrency", "collision", "document"
)
_POOL = _upsert("work_pool", "name", "document")
_WORKER = _upsert("worker", "id", "pool", "seen", "ended", "document")
_LIMIT = _upsert("concurrency_limit", "name", "document")
_LEASE = _upsert("lease", "id", "limits", "slots", "holder", "until", "taken")
_ITEM = _upsert(
    "work_item",
    "run",
    *("deployment", "schedule", "pool", "queue", "due", "priority", "key", "variables"),
    *("first", "worker", "epoch", "claimed", "stop", "done"),
    kept=("epoch",),
)
# A worker that is seen again was not gone.
_SEEN = _Statement(
    "worker",
    "UPDATE worker SET seen = told.column2, ended = NULL, last = told.column3 FROM (VALUES ",
    "(?, ?, ?)",
    ") AS told WHERE worker.id = told.column1 AND told.column3 > worker.last",
)
# A run of an instant long past, that is made up for, does not set the schedule back.
_MARK = _Statement(
    "schedule_mark",
    "INSERT INTO schedule_mark (deployment, schedule, at, last) VALUES ",
    "(?, ?, ?, ?)",
    (
        " ON CONFLICT (deployment, schedule) DO UPDATE SET at = max(at, excluded.at), last = excluded.last"
        " WHERE excluded.last > schedule_mark.last"
    ),
)
_GONE = _update("worker", "id", "ended")
_CHANGED = _update("work_item", "run", "worker", "stop", "done")
# Who claims a run that is held already does not get it, in whatever order the claims came to the journal.
_CLAIMED = _Statement(
    "work_item",
    (
        "UPDATE work_item SET worker = told.column2, epoch = told.column3, claimed = told.column4, last = told.column5"
        " FROM (VALUES "
    ),
    "(?, ?, ?, ?, ?)",
    # With the signs, it is found by its key, and not among all that wait.
    ") AS told WHERE run = told.column1 AND +worker = '' AND +done = 0 AND told.column5 > last",
)
_NO_DEPLOYMENT, _NO_MARKS = _delete("deployment", "id"), _delete("schedule_mark", "deployment")
_NO_POOL, _NO_LIMIT = _delete("work_pool", "name"), _delete("concurrency_limit", "name")
_NO_LEASE, _NO_ITEM = _delete("lease", "id"), _delete("work_item", "run")
_NO_LEASES_OF = _delete("lease", "holder")

_Row = tuple[Any, ...]
_Change = tuple[_Statement, _Row]
# Of an event that is not as it has to be, which segue has not made: it must not keep its batch out of the journal.
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class WorkProjection:
    """Folds events about work into tables; pure."""

    name = "work"
    version = 3
    schema = _SCHEMA
    tables = (
        "deployment",
        "schedule_mark",
        "work_pool",
        "worker",
        "concurrency_limit",
        "lease",
        "work_item",
    )

    def writes(self, events: Sequence[Event]) -> list[Write]:
        """Return what these events, in the order of the journal, change in the tables."""
        handlers = _HANDLERS
        told = [event for event in events if event.kind in handlers]
        return _folded(told) if told else []


def _folded(events: Sequence[Event]) -> list[Write]:
    """Return the statements of events, of which each table's follow one another in the order of the events."""
    writes: list[Write] = []
    # Of each table: the statement that is being filled, its rows, and the keys in them.
    filled: dict[str, tuple[_Statement, list[_Row], set[Any]]] = {}
    for event in events:
        try:
            changes = list(_HANDLERS[event.kind](event))
        except msgspec.ValidationError:
            continue
        for statement, row in changes:
            key = row[:2] if statement is _MARK else row[0]
            now = filled.get(statement.table)
            if now is None or now[0] is not statement or key in now[2]:
                now = filled[statement.table] = (statement, [], set())
                writes.append(Write(statement.head, statement.row, statement.tail, now[1]))
            now[1].append(row)
            now[2].add(key)
    return writes


# --- what each kind changes ---


class _ItemPayload(msgspec.Struct):
    """Of flow-run.scheduled: only one that names a deployment is about a run in line."""

    deployment: str = ""
    schedule: str = ""
    pool: str = ""
    queue: str = DEFAULT_QUEUE
    at: _Integer = 0
    priority: _Integer = 0
    key: str = ""
    variables: dict[str, Any] = {}


class _ClaimPayload(msgspec.Struct):
    worker: str
    epoch: _Integer


class _PassedPayload(msgspec.Struct):
    schedule: str
    at: _Integer


class _LeasePayload(msgspec.Struct):
    lease: Lease


def _deployment(event: Event) -> Iterator[_Change]:
    deployment = msgspec.convert(event.payload, Deployment)
    key, document = id_at_rest(deployment.id), _json(event.payload)
    columns = (deployment.flow_name, deployment.name, deployment.pool, deployment.queue, deployment.paused)
    bounds = (deployment.concurrency_limit, deployment.collision)
    yield _DEPLOYMENT, (key, *columns, *bounds, document, event.seq)


def _no_deployment(event: Event) -> Iterator[_Change]:
    yield _NO_DEPLOYMENT, (id_at_rest(event.subject),)
    yield _NO_MARKS, (id_at_rest(event.subject),)


def _passed(event: Event) -> Iterator[_Change]:
    payload = msgspec.convert(event.payload, _PassedPayload)
    yield _MARK, (id_at_rest(event.subject), payload.schedule, payload.at, event.seq)


def _pool(event: Event) -> Iterator[_Change]:
    yield _POOL, (msgspec.convert(event.payload, WorkPool).name, _json(event.payload), event.seq)


def _worker(event: Event) -> Iterator[_Change]:
    worker = msgspec.convert(event.payload, WorkerInfo)
    yield _WORKER, (id_at_rest(worker.id), worker.pool, event.occurred, worker.ended, _json(event.payload), event.seq)


def _seen(event: Event) -> Iterator[_Change]:
    yield _SEEN, (id_at_rest(event.subject), event.occurred, event.seq)


def _gone(event: Event) -> Iterator[_Change]:
    yield _GONE, (id_at_rest(event.subject), event.occurred, event.seq)


def _limit(event: Event) -> Iterator[_Change]:
    yield _LIMIT, (msgspec.convert(event.payload, Limit).name, _json(event.payload), event.seq)


def _lease(event: Event) -> Iterator[_Change]:
    lease = msgspec.convert(event.payload, _LeasePayload).lease
    told = (_json(lease.limits), lease.slots, lease.holder, lease.until, lease.taken)
    yield _LEASE, (id_at_rest(lease.id), *told, event.seq)


def _in_line(event: Event) -> Iterator[_Change]:
    payload = msgspec.convert(event.payload, _ItemPayload)
    if not payload.deployment:
        return
    deployment = id_at_rest(payload.deployment)
    told = (deployment, payload.schedule, payload.pool, payload.queue, payload.at, payload.priority, payload.key)
    variables = _json(payload.variables) if payload.variables else None
    yield _ITEM, (id_at_rest(event.run), *told, variables, event.seq, "", 0, None, 0, 0, event.seq)
    if payload.schedule and "flow" in event.payload:
        yield _MARK, (deployment, payload.schedule, payload.at, event.seq)


def _claimed(event: Event) -> Iterator[_Change]:
    payload = msgspec.convert(event.payload, _ClaimPayload)
    yield _CLAIMED, (id_at_rest(event.run), id_at_rest(payload.worker), payload.epoch, event.occurred, event.seq)


def _returned(event: Event) -> Iterator[_Change]:
    yield _CHANGED, (id_at_rest(event.run), "", None, None, event.seq)
    yield _NO_LEASES_OF, (event.run,)


def _stop(event: Event) -> Iterator[_Change]:
    yield _CHANGED, (id_at_rest(event.run), None, 1, None, event.seq)


def _done(event: Event) -> Iterator[_Change]:
    yield _CHANGED, (id_at_rest(event.run), None, None, 1, event.seq)
    # However the run ended, it holds nothing any more.
    yield _NO_LEASES_OF, (event.run,)


def _no_item(event: Event) -> Iterator[_Change]:
    yield _NO_ITEM, (id_at_rest(event.subject),)
    yield _NO_LEASES_OF, (event.subject,)


def _gone_by(statement: _Statement, *, by_id: bool = False) -> Callable[[Event], Iterator[_Change]]:
    """Return what deletes the row of an event's subject."""

    def change(event: Event) -> Iterator[_Change]:
        yield statement, (id_at_rest(event.subject) if by_id else event.subject,)

    return change


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_HANDLERS: dict[str, Callable[[Event], Iterator[_Change]]] = {
    kinds.DEPLOYMENT_SAVED: _deployment,
    kinds.DEPLOYMENT_DELETED: _no_deployment,
    kinds.SCHEDULE_PASSED: _passed,
    kinds.POOL_SAVED: _pool,
    kinds.POOL_DELETED: _gone_by(_NO_POOL),
    kinds.WORKER_STARTED: _worker,
    kinds.WORKER_SEEN: _seen,
    kinds.WORKER_ENDED: _gone,
    kinds.WORKER_LOST: _gone,
    kinds.LIMIT_SAVED: _limit,
    kinds.LIMIT_DELETED: _gone_by(_NO_LIMIT),
    kinds.LIMIT_ACQUIRED: _lease,
    kinds.LIMIT_RENEWED: _lease,
    kinds.LIMIT_RELEASED: _gone_by(_NO_LEASE, by_id=True),
    kinds.RUN_SCHEDULED: _in_line,
    kinds.RUN_CLAIMED: _claimed,
    kinds.RUN_RETURNED: _returned,
    FLOW_RUN_CANCEL_REQUESTED: _stop,
    FLOW_RUN_DELETED: _no_item,
    **{FLOW_RUN_KINDS[final]: _done for final in FINAL_TYPES},
}

"""RunProjection: the tables of runs, log lines and cached results, folded from the journal's events.

A row says what its run's events have said last; `first` and `last` are the seqs of the first and the last of them.
What few readers want (results, references, tracebacks) stays in the event at `last`, or at a cache entry's `seq`.
Ids are 16-byte blobs where they are UUIDs; the run of task runs outside of flows is ''.

Flow runs are found by any of their columns in lists: flow_run_created holds all that lists filter and sort by, so that
a look through a hundred thousand of them reads 9 MB and not the table. Task runs are ten times as many, and each index
of them slows the writer: one by id, which is their order of creation and no later event changes, and one of those few
that ended badly (types above 5, which is COMPLETED).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple, cast

import msgspec

from segue.run_events import FLOW_RUN_DELETED, FLOW_RUN_KINDS, LOG_WRITTEN, TASK_RUN_DELETED, TASK_RUN_KINDS
from segue.states import StateType
from segue_events import Event
from segue_events.ids import id_at_rest, ids_at_rest, unpack_id
from segue_events.journal import Write

TYPE_CODES: dict[StateType, int] = {kind: code for code, kind in enumerate(StateType)}
"""The small integers that stand for types of states in the tables; they never change."""

START = "coalesce(started, 0)"
"""When a flow run began, as lists are sorted by it: those that have not are the first."""

DURATION = "CASE WHEN type >= 5 AND started IS NOT NULL THEN changed - started ELSE -1 END"
"""How long a flow run took, in µs: those that have not ended (types below 5, which is COMPLETED) are the shortest."""

StoredId = bytes | str

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS flow_run (
    id PRIMARY KEY, flow TEXT, name TEXT, version TEXT, parameters TEXT, tags TEXT, parent, root,
    epoch INTEGER, pid INTEGER, entrypoint TEXT,
    type INTEGER NOT NULL, state TEXT, message TEXT, changed INTEGER NOT NULL,
    attempt INTEGER, created INTEGER, started INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS flow_run_created ON flow_run (
    created, id, type, flow, name, state, started, changed, tags, parent
);
CREATE INDEX IF NOT EXISTS flow_run_started ON flow_run ({START}, id, flow, parent);
CREATE INDEX IF NOT EXISTS flow_run_duration ON flow_run ({DURATION}, id, flow, parent);
CREATE INDEX IF NOT EXISTS flow_run_type ON flow_run (type, created, id, flow);
CREATE INDEX IF NOT EXISTS flow_run_flow ON flow_run (flow, type, created, id);
CREATE INDEX IF NOT EXISTS flow_run_name ON flow_run (name, created, id);
CREATE INDEX IF NOT EXISTS flow_run_root ON flow_run (root, created, id);
CREATE TABLE IF NOT EXISTS task_run (
    run, id, task TEXT, name TEXT, scope TEXT, input, ordinal INTEGER, tags TEXT, parent, upstream,
    epoch INTEGER, cache_key TEXT,
    type INTEGER NOT NULL, state TEXT, message TEXT, changed INTEGER NOT NULL,
    attempt INTEGER, created INTEGER, started INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_run_id ON task_run (id);
CREATE INDEX IF NOT EXISTS task_run_failed ON task_run (id, type) WHERE type > 5;
CREATE TABLE IF NOT EXISTS log_index (
    run, seq INTEGER, level INTEGER NOT NULL, subject, PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache_entry (
    key TEXT PRIMARY KEY, run, task_run, seq INTEGER NOT NULL, expires INTEGER
) WITHOUT ROWID;
"""

# What a batch leaves out stays as an earlier batch has set it; what is true of the run's beginning is never replaced.
_LATEST = ("state", "message", "type", "changed", "last")
_FIRST = ("created", "started", "first")
_FLOW_COLUMNS = ("flow", "name", "version", "parameters", "tags", "parent", "root", "epoch", "pid", "entrypoint")
_TASK_COLUMNS = ("task", "name", "scope", "input", "ordinal", "tags", "parent", "upstream", "epoch", "cache_key")


class _Table(NamedTuple):
    """A table of runs: its name, and its columns: of the key, of what is told of a run, and of all that a row has."""

    name: str
    key: tuple[str, ...]
    told: tuple[str, ...]
    columns: tuple[str, ...]


def _table(name: str, key: tuple[str, ...], told: tuple[str, ...]) -> _Table:
    return _Table(name, key, told, (*told, "attempt", *_LATEST, *_FIRST))


_FLOW_RUNS = _table("flow_run", ("id",), _FLOW_COLUMNS)
_TASK_RUNS = _table("task_run", ("run", "id"), _TASK_COLUMNS)


@lru_cache(maxsize=256)
def _upsert(table: _Table, columns: tuple[str, ...]) -> tuple[str, str, str]:
    """Return head, row and tail of the statement that folds rows of these columns into a table.

    A batch seen before changes nothing. A column left out counts as NULL.
    """
    name = table.name
    every = (*table.key, *columns)
    changes = [f"{column} = COALESCE(excluded.{column}, {name}.{column})" for column in (*table.told, "attempt")]
    changes += [f"{column} = excluded.{column}" for column in _LATEST]
    changes += [f"{column} = COALESCE({name}.{column}, excluded.{column})" for column in _FIRST]
    return (
        f"INSERT INTO {name} ({', '.join(every)}) VALUES ",
        f"({', '.join('?' * len(every))})",
        f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(changes)} WHERE excluded.last > {name}.last",
    )


_LOG_INDEX = ("INSERT INTO log_index (run, seq, level, subject) VALUES ", "(?, ?, ?, ?)", " ON CONFLICT DO NOTHING")
_CACHE_ENTRIES = (
    "INSERT INTO cache_entry (key, run, task_run, seq, expires) VALUES ",
    "(?, ?, ?, ?, ?)",
    (
        " ON CONFLICT (key) DO UPDATE SET run = excluded.run, task_run = excluded.task_run, seq = excluded.seq,"
        " expires = excluded.expires WHERE excluded.seq > cache_entry.seq"
    ),
)
_OF_FLOW_RUNS = {"flow_run": "id", "task_run": "run", "log_index": "run", "cache_entry": "run"}
# The others are in the care of their flow run.
_OF_LOOSE_TASK_RUNS = {
    "task_run": "run = '' AND id",
    "log_index": "run = '' AND subject",
    "cache_entry": "run = '' AND task_run",
}
_DELETIONS = {FLOW_RUN_DELETED: _OF_FLOW_RUNS, TASK_RUN_DELETED: _OF_LOOSE_TASK_RUNS}


class RunProjection:
    """Folds events about runs into tables; pure, and in memory no larger than the batch it is given."""

    name = "runs"
    version = 2
    schema = _SCHEMA
    tables = tuple(_OF_FLOW_RUNS)

    def writes(self, events: Sequence[Event]) -> list[Write]:
        """Return what these events, in the order of the journal, change in the tables; at most one row per key."""
        writes: list[Write] = []
        fold = _Fold()
        for event in events:
            if event.kind in _DELETIONS:
                # What came before goes too, and what comes after does not: so the order has to be kept.
                if not fold.only_deletes:
                    writes += fold.writes()
                    fold = _Fold()
                fold.delete(event)
            elif (add := _HANDLERS.get(event.kind)) is not None:
                try:
                    add(fold, event)
                except msgspec.ValidationError:
                    continue
        return writes + fold.writes()


def stored_ids(ids: Sequence[str]) -> bytes | str | None:
    """Return ids as one value: their bytes in a row, or a JSON list where one of them is no UUID."""
    if not ids:
        return None
    stored = [id_at_rest(text) for text in ids]
    if all(isinstance(one, bytes) and one for one in stored):
        return b"".join(cast("list[bytes]", stored))
    return _json(ids)


def shown_ids(stored: bytes | str | None) -> tuple[str, ...]:
    """Return the ids that `stored_ids` has made one value of."""
    if not stored:
        return ()
    if isinstance(stored, str):
        return tuple(msgspec.json.decode(stored, type=list[str]))
    return tuple(unpack_id(stored[at : at + 16]) for at in range(0, len(stored), 16))


# Payloads as they have to be. An event that is not so, which segue has not made, is left out of the tables; it must
# not keep the whole batch out of the journal.
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _RunPayload(msgspec.Struct):
    """What the payloads of flow runs and of task runs have in common."""

    name: str | None = None
    message: str | None = None
    attempt: _Integer = 1
    tags: tuple[str, ...] = ()
    parent: str = ""
    epoch: _Integer | None = None


class _FlowPayload(_RunPayload):
    flow: str | None = None
    version: str | None = None
    parameters: Any = None
    root: str = ""
    pid: _Integer | None = None
    entrypoint: str | None = None
    run_name: str | None = None

    @property
    def known(self) -> bool:
        """Whether this is the payload that makes a run known; its name is the run's, else the state's."""
        return self.flow is not None

    def told(self) -> list[Any]:
        """Return the values of _FLOW_COLUMNS."""
        return [
            self.flow,
            self.name if self.known else self.run_name,
            self.version,
            _json(self.parameters) if self.parameters else None,
            _json(self.tags) if self.tags else None,
            id_at_rest(self.parent) if self.parent else None,
            id_at_rest(self.root) if self.root else None,
            self.epoch,
            self.pid,
            self.entrypoint,
        ]


class _TaskPayload(_RunPayload):
    task: str | None = None
    scope: str | None = None
    input: str | None = None
    ordinal: _Integer | None = None
    upstream: tuple[str, ...] = ()
    cache_key: str | None = None
    expires: _Integer | None = None

    @property
    def known(self) -> bool:
        """Whether this is the payload that makes a run known; its name is the run's, else the state's."""
        return self.task is not None

    def told(self) -> list[Any]:
        """Return the values of _TASK_COLUMNS."""
        return [
            self.task,
            self.name if self.known else None,
            self.scope,
            self.input,
            self.ordinal,
            _json(self.tags) if self.tags else None,
            id_at_rest(self.parent) if self.parent else None,
            stored_ids(self.upstream),
            self.epoch,
            self.cache_key,
        ]


_SILENT = _TaskPayload()


class _LogPayload(msgspec.Struct):
    level: _Integer = 0


class _Row:
    """What a batch says of one run."""

    __slots__ = (
        "attempt",
        "changed",
        "created",
        "first",
        "key",
        "last",
        "message",
        "name",
        "started",
        "told",
        "type",
    )

    type: int
    name: str | None
    message: str | None
    changed: int

    def __init__(self, key: tuple[str, ...], table: _Table, first: int) -> None:
        self.key = key
        self.told: Sequence[Any] = (None,) * len(table.told)
        self.attempt: int | None = None
        self.created: int | None = None
        self.started: int | None = None
        self.first = first
        self.last = 0

    def enter(self, event: Event, type_code: int, payload: _RunPayload, known: bool) -> None:
        """Take the state that the event tells of; `known` if it is the one that makes the run known."""
        self.name = None if known else payload.name
        self.message = payload.message
        self.type = type_code
        self.changed = event.occurred
        self.last = event.seq
        if known and self.created is None:
            self.created = event.occurred
        if type_code == _RUNNING:
            self.attempt = payload.attempt
            if self.started is None:
                self.started = event.occurred

    def learn(self, told: list[Any]) -> None:
        """Take what is told of the run itself; what is not told stays."""
        if self.last:
            told = [old if new is None else new for old, new in zip(self.told, told, strict=True)]
        self.told = told

    def values(self) -> tuple[Any, ...]:
        """Return the row in the order of its table's columns."""
        return (
            *self.told,
            self.attempt,
            self.name,
            self.message,
            self.type,
            self.changed,
            self.last,
            self.created,
            self.started,
            self.first,
        )


def _written(table: _Table, rows: Sequence[_Row]) -> Write:
    """Return the statement of these rows: only of the columns that have a value in one of them, mostly half of all."""
    columns = list(zip(*(row.values() for row in rows), strict=True))
    used = [index for index, column in enumerate(columns) if column[0] is not None or column.count(None) < len(column)]
    keys = (ids_at_rest(list(key)) for key in zip(*(row.key for row in rows), strict=True))
    statement = _upsert(table, tuple(table.columns[index] for index in used))
    return Write(*statement, list(zip(*keys, *(columns[index] for index in used), strict=True)))


class _Fold:
    """A batch so far: what is deleted, and then one row per run and per cache key, one per log line."""

    __slots__ = ("cache_entries", "deletions", "flow_runs", "ids", "log_lines", "task_runs")

    def __init__(self) -> None:
        self.deletions: dict[str, set[StoredId]] = {kind: set() for kind in _DELETIONS}
        self.ids: dict[str, StoredId] = {}
        self.flow_runs: dict[str, _Row] = {}
        self.task_runs: dict[tuple[str, str], _Row] = {}
        self.log_lines: dict[tuple[str, int], tuple[Any, ...]] = {}
        self.cache_entries: dict[str, tuple[Any, ...]] = {}

    @property
    def only_deletes(self) -> bool:
        """Whether nothing was folded in but deletions."""
        return not (self.flow_runs or self.task_runs or self.log_lines or self.cache_entries)

    def delete(self, event: Event) -> None:
        """Note that a run is to go, before what is folded in."""
        run_id = event.run if event.kind == FLOW_RUN_DELETED else event.subject
        self.deletions[event.kind].add(id_at_rest(run_id))

    def id(self, text: str) -> StoredId:
        """Return an id as stored; most ids occur several times in a batch."""
        stored = self.ids.get(text)
        if stored is None:
            stored = self.ids[text] = id_at_rest(text)
        return stored

    def flow_run(self, event: Event, type_code: int) -> None:
        """Fold in a flow run's new state."""
        payload = msgspec.convert(event.payload, _FlowPayload)
        row = self.flow_runs.get(event.run)
        if row is None:
            row = self.flow_runs[event.run] = _Row((event.run,), _FLOW_RUNS, event.seq)
        if event.seq <= row.last:
            return
        known = payload.known
        if known or payload.run_name is not None:
            row.learn(payload.told())
        row.enter(event, type_code, payload, known)

    def task_run(self, event: Event, type_code: int) -> None:
        """Fold in a task run's new state."""
        # A first attempt begins without a word.
        payload = msgspec.convert(event.payload, _TaskPayload) if event.payload else _SILENT
        key = (event.run, event.subject)
        row = self.task_runs.get(key)
        if row is None:
            row = self.task_runs[key] = _Row(key, _TASK_RUNS, event.seq)
        if event.seq <= row.last:
            return
        known = payload.known
        if known or payload.cache_key is not None:
            row.learn(payload.told())
        if payload.cache_key is not None and type_code == _COMPLETED:
            self.cache_entries[payload.cache_key] = (
                payload.cache_key,
                *map(self.id, key),
                event.seq,
                payload.expires,
            )
        row.enter(event, type_code, payload, known)

    def log_line(self, event: Event) -> None:
        """Fold in a logged line."""
        payload = msgspec.convert(event.payload, _LogPayload)
        subject = None if event.subject == event.run else self.id(event.subject)
        self.log_lines[event.run, event.seq] = (self.id(event.run), event.seq, payload.level, subject)

    def writes(self) -> list[Write]:
        """Return the batch as statements."""
        runs = ((_FLOW_RUNS, self.flow_runs.values()), (_TASK_RUNS, self.task_runs.values()))
        others = ((_LOG_INDEX, self.log_lines.values()), (_CACHE_ENTRIES, self.cache_entries.values()))
        writes = [
            Write(f"DELETE FROM {table} WHERE {condition} IN (VALUES ", "(?)", ")", [(run_id,) for run_id in ids])
            for kind, ids in self.deletions.items()
            if ids
            for table, condition in _DELETIONS[kind].items()
        ]
        writes += [_written(table, list(rows)) for table, rows in runs if rows]
        return writes + [Write(*statement, list(rows)) for statement, rows in others if rows]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _handlers() -> dict[str, Callable[[_Fold, Event], None]]:
    """Return what to do with an event, by its kind."""
    handlers: dict[str, Callable[[_Fold, Event], None]] = {LOG_WRITTEN: _Fold.log_line}
    for kind, code in TYPE_CODES.items():
        handlers[FLOW_RUN_KINDS[kind]] = partial(_Fold.flow_run, type_code=code)
        handlers[TASK_RUN_KINDS[kind]] = partial(_Fold.task_run, type_code=code)
    return handlers


_UUID_LENGTH = 36
_RUNNING, _COMPLETED = TYPE_CODES[StateType.RUNNING], TYPE_CODES[StateType.COMPLETED]
_HANDLERS = _handlers()

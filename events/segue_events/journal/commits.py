"""Commits: the transactions of a journal's one writer, each a single visit to the database's thread."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from segue_events.clock import Clock
from segue_events.errors import JournalCorrupt
from segue_events.event import Event, decode_payload, seal
from segue_events.ids import id_at_rest, id_in_memory
from segue_events.journal import Cursor, Projection, Write, folding, schema
from segue_events.journal.lock import JournalLock
from segue_events.journal.rows import EVENT_INSERT, EVENT_WIDTH, rows_of
from segue_events.journal.watermark import Mark, Watermark
from segue_events.sqlite import in_parts, insert

__all__ = ("Batch", "Commits", "Prepared")

T = TypeVar("T")

_LOGGER = logging.getLogger("segue_events.journal")

# So many runs' numbers are remembered.
_RUNS = 50_000


class Batch(NamedTuple):
    """Events on their way into the journal, with their encoded payloads."""

    events: Sequence[Event]
    payloads: Sequence[bytes]


@dataclass
class _Terms:
    """The numbers of all kinds, and of the runs that were met."""

    kinds: dict[str, int] = field(default_factory=dict[str, int])
    runs: dict[str, int] = field(default_factory=dict[str, int])


class Prepared(NamedTuple):
    """All that is to be written for a batch, as long as the head and the numbers of kinds and runs stay the same."""

    head: int
    terms: _Terms
    values: list[object]
    writes: list[Write]


class Commits:
    """What a writer knows of its journal, and its transactions.

    Everything but `prepare` runs in the database's thread. `prepare` reckons with what was true at the last commit;
    the transaction, once it has the lock, looks whether another process has written and prepares again if so.
    """

    def __init__(
        self,
        path: Path,
        projections: Sequence[Projection],
        watermark: Watermark,
        clock: Clock,
    ) -> None:
        self.lock = JournalLock(path)
        self.cursor = Cursor("", 0, 0)
        self.floor = 0
        # The last event that a commit has met and that another process has written; for who looks for those.
        self.others = 0
        self._path = path
        self._projections = projections
        self._watermark = watermark
        self._clock = clock
        self._terms = _Terms()
        self._data_version = 0
        self._stale = False

    @property
    def mark(self) -> Mark:
        """The high-water mark of the last commit."""
        return Mark(self.cursor.journal, self.cursor.epoch, self.cursor.seq)

    # --- before the hop ---

    def prepare(self, batch: Batch) -> Prepared | None:
        """Reckon all rows, and set `seq` of each event; None if a kind or run has no number yet."""
        try:
            return self._prepared(batch, self._terms, self.cursor.seq)
        except KeyError:
            return None

    def _prepared(self, batch: Batch, terms: _Terms, head: int) -> Prepared:
        values = rows_of(batch.events, batch.payloads, terms.kinds, terms.runs)
        for seq, event in enumerate(batch.events, head + 1):
            event.seq = seq
        writes = folding.writes_of(self._projections, _as_read(batch)) if self._projections else []
        return Prepared(head, terms, values, writes)

    # --- in the database's thread ---

    def begin(self, connection: sqlite3.Connection) -> None:
        """Make or migrate the tables, and bring everything up to date; under the lock, which the caller holds."""
        connection.execute("BEGIN IMMEDIATE")
        schema.migrate(connection, self._path)
        self._catch_up(connection)
        connection.execute("COMMIT")
        self._write_mark()

    def append(self, connection: sqlite3.Connection, batch: Batch, prepared: Prepared | None) -> int:
        """Commit the batch and return the head; on an error nothing is written and no event has a seq."""
        with self.lock:
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._look(connection)
                if prepared is None or prepared.head != self.cursor.seq or prepared.terms is not self._terms:
                    prepared = self._prepare_now(connection, batch)
                if not self._write(connection, batch, prepared):
                    return self._append_fresh(connection, batch)
                self._commit(connection, len(batch.events))
            except BaseException:
                self._forget(connection)
                for event in batch.events:
                    event.seq = 0
                raise
        return self.cursor.seq

    def transaction(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Change the database in another way than by events; return what `work` returns."""
        with self.lock:
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._look(connection)
                result = work(connection)
                connection.execute("COMMIT")
            finally:
                # Runs and projections may have changed.
                self._forget(connection)
        return result

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        """Move what was committed from the write-ahead log into the database, as far as no reader needs it."""
        with self.lock:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    # --- a transaction's parts ---

    def _look(self, connection: sqlite3.Connection) -> None:
        """See whether what is known still holds."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._data_version or self._stale:
            known = self.cursor.seq
            self._catch_up(connection)
            if self.cursor.seq > known:
                self.others = self.cursor.seq

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        (self._data_version,) = connection.execute("PRAGMA data_version").fetchone()
        journal, epoch, self.floor = connection.execute("SELECT id, epoch, floor FROM journal").fetchone()
        (head,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
        self.cursor = Cursor(journal, epoch, head)
        self._terms = _Terms(dict(connection.execute("SELECT name, number FROM event_kind")))
        folding.adopt(connection, self._projections, self.floor)
        folding.disown(connection, self._projections, head)
        self._stale = False
        mark = self._watermark.read()
        if mark is not None and mark.journal == journal and (mark.epoch, mark.seq) > (epoch, head):
            self._tell_of_loss(connection, mark)

    def _tell_of_loss(self, connection: sqlite3.Connection, mark: Mark) -> None:
        """Begin a new epoch: the events between the head and the mark were committed once, and are gone."""
        lost = max(mark.seq - self.cursor.seq, 0)
        _LOGGER.error("The journal %s lost its last %d events; a crash of the system does that.", self._path, lost)
        epoch = max(mark.epoch, self.cursor.epoch) + 1
        connection.execute("UPDATE journal SET epoch = ?", (epoch,))
        event = Event(kind="journal.truncated", payload={"lost": lost}, occurred=self._clock.now_us())
        batch = Batch([event], [seal(event)])
        self._write(connection, batch, self._prepare_now(connection, batch))
        self.cursor = Cursor(self.cursor.journal, epoch, event.seq)

    def _prepare_now(self, connection: sqlite3.Connection, batch: Batch) -> Prepared:
        terms = self._terms
        if len(terms.runs) > _RUNS:
            terms = self._terms = _Terms(terms.kinds)
        for kind in dict.fromkeys(event.kind for event in batch.events if event.kind not in terms.kinds):
            cursor = connection.execute("INSERT INTO event_kind (name) VALUES (?)", (kind,))
            terms.kinds[kind] = cursor.lastrowid or 0
        unknown = list(dict.fromkeys(event.run for event in batch.events if event.run not in terms.runs))
        terms.runs.update(_numbers_of(connection, unknown))
        new: list[object] = [id_at_rest(run) for run in unknown if run not in terms.runs]
        insert(connection, ("INSERT INTO event_run (id) VALUES", "(?)", ""), new, 1)
        terms.runs.update(_numbers_of(connection, [run for run in unknown if run not in terms.runs]))
        return self._prepared(batch, terms, self.cursor.seq)

    def _write(self, connection: sqlite3.Connection, batch: Batch, prepared: Prepared) -> bool:
        """Insert the batch's rows; False, with the projections not yet written, if some were there already."""
        if insert(connection, EVENT_INSERT, prepared.values, EVENT_WIDTH) < len(batch.events):
            return False
        folding.execute(connection, prepared.writes)
        return True

    def _append_fresh(self, connection: sqlite3.Connection, batch: Batch) -> int:
        """Commit those of the events that are not in the journal yet; the others get the seq that they have."""
        self._forget(connection)
        connection.execute("BEGIN IMMEDIATE")
        self._look(connection)
        seqs = _seqs_of(connection, batch.events)
        # The first of each id that is not known.
        fresh: dict[str, tuple[Event, bytes]] = {}
        for event, payload in zip(*batch, strict=True):
            if event.id not in seqs:
                fresh.setdefault(event.id, (event, payload))
        rest = Batch([event for event, _ in fresh.values()], [payload for _, payload in fresh.values()])
        if not self._write(connection, rest, self._prepare_now(connection, rest)):
            raise JournalCorrupt(f"The index of ids of the journal {self._path} is damaged; restore a backup.")
        self._commit(connection, len(fresh))
        seqs.update((event.id, event.seq) for event in rest.events)
        for event in batch.events:
            event.seq = seqs[event.id]
        return self.cursor.seq

    def _commit(self, connection: sqlite3.Connection, events: int) -> None:
        connection.execute("COMMIT")
        self.cursor = Cursor(self.cursor.journal, self.cursor.epoch, self.cursor.seq + events)
        self._write_mark()

    def _write_mark(self) -> None:
        try:
            self._watermark.write(self.mark)
        except OSError as error:
            # What is committed is committed: the next commit writes the mark again.
            _LOGGER.warning("The high-water mark of the journal %s could not be written: %s", self._path, error)

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Leave the transaction, if there is one, and look everything up anew at the next."""
        self._stale = True
        self._terms = _Terms()
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


def _as_read(batch: Batch) -> list[Event]:
    """The events as a reader will find them: what was published already encoded is decoded.

    Else a projection could make one thing of a value now, and another of the same value when it is folded anew.
    """
    return [
        msgspec.structs.replace(event, payload=decode_payload(payload))
        if event.payload and msgspec.Raw in map(type, event.payload.values())
        else event
        for event, payload in zip(*batch, strict=True)
    ]


def _numbers_of(connection: sqlite3.Connection, runs: Iterable[str]) -> dict[str, int]:
    """The numbers of those runs that have one."""
    query = "SELECT id, number FROM event_run WHERE id IN"
    return {id_in_memory(run): number for run, number in in_parts(connection, query, map(id_at_rest, runs))}


def _seqs_of(connection: sqlite3.Connection, events: Iterable[Event]) -> dict[str, int]:
    """The seqs of those events whose ids are in the journal."""
    query = "SELECT id, seq FROM event WHERE id IN"
    ids = (id_at_rest(event.id) for event in events)
    return {id_in_memory(kept): seq for kept, seq in in_parts(connection, query, ids)}

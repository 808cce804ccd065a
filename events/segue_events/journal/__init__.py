"""Journal: the ordered record of all events, and the cursors that name a place in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from segue_events.errors import CursorError, CursorReset
from segue_events.event import Event
from segue_events.filter import Filter

__all__ = ("Cursor", "Journal", "Projection", "Write", "follow")


class Cursor(msgspec.Struct, frozen=True):
    """A place in a journal: after the event `seq` (0: before the first one), in an epoch of the journal's life.

    A new epoch begins when a journal finds that it has lost its last events.
    """

    journal: str
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.journal}:{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that the text stands for; CursorError if it stands for none."""
        journal, _, numbers = text.partition(":")
        epoch, _, seq = numbers.partition(":")
        if not (journal and _is_number(epoch) and _is_number(seq)):
            raise CursorError(text)
        return cls(journal, int(epoch), int(seq))


def _is_number(text: str) -> bool:
    # Such as str() makes it, so that each cursor has one text; 19 digits are more than 64 bits hold.
    return text.isascii() and text.isdigit() and len(text) <= 19 and (text == "0" or not text.startswith("0"))


class Journal(Protocol):
    """Keeps events in the order in which they were committed.

    An event exists once `append` has returned. Every method raises JournalError, with a sentence, for what is wrong
    with the journal itself.
    """

    @property
    def busy(self) -> bool:
        """Whether something asked of the journal is not done yet."""
        ...

    async def open(self) -> None:
        """Begin; `async with` does it."""
        ...

    async def close(self) -> None:
        """End; safe to call twice."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def append(self, events: Sequence[Event], payloads: Sequence[bytes] | None = None) -> int:
        """Commit the events, all or none, and set the `seq` of each; return the head's seq.

        An event whose id is in the journal already is not written again, and gets the seq that it has. `payloads` are
        the encoded payloads, where the caller has them already.
        """
        ...

    async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
        """Return the next events after the seq `after`, at most `limit` of them, in order."""
        ...

    async def head(self) -> Cursor:
        """Return the cursor after the last event."""
        ...

    async def check_cursor(self, cursor: Cursor) -> None:
        """Raise CursorReset, with the reason, if the events after the cursor cannot be had without a gap."""
        ...

    async def changed(self) -> bool:
        """Return whether another process committed since this was last asked."""
        ...


class Write(NamedTuple):
    """Rows of one table, written by few statements: `head` row, row, … `tail`.

    `head` is "INSERT INTO t (a, b) VALUES", or another statement's beginning that ends with VALUES, `row` the
    placeholder of one row: "(?, ?)", `tail` what follows: "ON CONFLICT (a) DO UPDATE SET …" or nothing. `rows` are the
    parameters; a key appears once at most, since one statement writes many rows.
    """

    head: str
    row: str
    tail: str
    rows: list[tuple[Any, ...]]


class Projection(Protocol):
    """Tables that are a fold of the journal, kept in the journal's database in the same transactions."""

    @property
    def name(self) -> str:
        """What it is called; unique in a database."""
        ...

    @property
    def version(self) -> int:
        """Grows with each change of the tables or of their meaning; the tables are then made anew."""
        ...

    @property
    def schema(self) -> str:
        """The statements that create the tables and indexes, each "IF NOT EXISTS"."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables' names."""
        ...

    def writes(self, events: Sequence[Event]) -> list[Write]:
        """Return what these events, which follow one another, change; pure.

        `seq` of each is set, and payloads are as a reader finds them. What this raises fails the commit.
        """
        ...


def follow(cursor: Cursor, head: Cursor, floor: int) -> None:
    """Raise CursorReset if a journal with this head, whose events up to `floor` are gone, cannot follow the cursor."""
    if cursor.journal != head.journal:
        raise CursorReset(f"The cursor is one of another journal ({cursor.journal}); this one is {head.journal}.")
    if cursor.epoch != head.epoch:
        raise CursorReset(
            f"The cursor is of epoch {cursor.epoch} and the journal in epoch {head.epoch}: "
            "between them, the journal lost its last events."
        )
    if cursor.seq > head.seq:
        raise CursorReset(f"The cursor is after event {cursor.seq}, and the journal's last one is {head.seq}.")
    if cursor.seq < floor:
        raise CursorReset(f"The cursor is after event {cursor.seq}, and events up to {floor} are deleted.")

"""Books: the rules at work, and how far in the journal each of them has come."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

from segue_events import Cursor, CursorError, CursorReset, Event, Filter, Journal
from segue_notifiers.firing import Firing, News
from segue_notifiers.outbox.state import Kept, Place
from segue_notifiers.rules import Rule
from segue_notifiers.rules.book import RuleBook
from segue_notifiers.rules.match import MUTED
from segue_notifiers.subject import described_by_event

LOGGER = logging.getLogger("segue.notifications")

# They belong to no run; with that said a journal may have an index for them.
MUTES = Filter(kinds=(MUTED,), runs=("",))

PAGE = 1000


@dataclass
class _Reader:
    """Rules that have come equally far."""

    book: RuleBook
    rules: tuple[str, ...]
    cursor: Cursor


class Books:
    """Each rule sees every event once, in order, from where it stopped; a new one from where it is told to begin.

    Rules that were kept together stay together, in one book.
    """

    def __init__(self, readers: Sequence[_Reader], start: Cursor) -> None:
        self._readers = readers
        self._start = start

    @classmethod
    async def opened(cls, rules: Sequence[Rule], kept: Kept, journal: Journal, start: Cursor) -> Self:
        """Go on from what was kept; rules that it does not know begin after `start`."""
        left = {rule.name: rule for rule in rules}
        readers: list[_Reader] = []
        for place in kept.places:
            cursor = await _followed(place.cursor, journal)
            known = [left.pop(name) for name in place.rules if name in left] if cursor else []
            if cursor and known:
                names = tuple(rule.name for rule in known)
                readers.append(_Reader(RuleBook(known, bytes(place.snapshot)), names, cursor))
        if left:
            book = RuleBook(list(left.values()))
            await _mute(book, journal, start.seq)
            readers.append(_Reader(book, tuple(left), start))
        return cls(readers, start)

    @property
    def cursor(self) -> Cursor:
        """The cursor from which on some rule has not seen the events."""
        return min((reader.cursor for reader in self._readers), key=lambda cursor: cursor.seq, default=self._start)

    def wants(self, event: Event) -> bool:
        """Whether some rule has to see the event."""
        return any(reader.book.wants(event) for reader in self._unread(event))

    def needs_subject(self, event: Event) -> bool:
        """Whether some rule asks for more of the event's subject than the event tells."""
        return any(reader.book.needs_subject(event) for reader in self._unread(event))

    def see(self, news: News, now: int) -> list[Firing]:
        """Return what is to be told of the news, at the instant `now` (µs since 1970)."""
        return [firing for reader in self._unread(news.event) for firing in reader.book.see(news, now)]

    def due(self, now: int) -> list[Firing]:
        """Return what time alone brings; to be asked only when all that was committed before has been seen."""
        return [firing for reader in self._readers for firing in reader.book.due(now)]

    def next_due(self) -> int | None:
        """Return the instant (µs since 1970) at which `due` has something to say; None for never."""
        instants = [reader.book.next_due() for reader in self._readers]
        return min((instant for instant in instants if instant is not None), default=None)

    def move(self, cursor: Cursor) -> None:
        """Note that all events up to the cursor have been seen."""
        for reader in self._readers:
            if reader.cursor.seq < cursor.seq:
                reader.cursor = cursor

    def places(self) -> tuple[Place, ...]:
        """Return what is to be kept."""
        return tuple(
            Place(str(reader.cursor), reader.rules, msgspec.Raw(reader.book.snapshot())) for reader in self._readers
        )

    def _unread(self, event: Event) -> list[_Reader]:
        return [reader for reader in self._readers if event.seq > reader.cursor.seq]


async def _mute(book: RuleBook, journal: Journal, until: int) -> None:
    """Let rules be silent that somebody has muted before they had anything to see, up to this seq."""
    after = 0
    while page := await journal.read(after, MUTES, PAGE):
        for event in page:
            if event.seq <= until:
                book.see(News(event, described_by_event(event)), event.occurred)
        after = page[-1].seq


async def _followed(text: str, journal: Journal) -> Cursor | None:
    """The cursor, if the journal can follow it."""
    try:
        cursor = Cursor.parse(text)
        await journal.check_cursor(cursor)
    except CursorError:
        return None
    except CursorReset as reset:
        LOGGER.warning("Rules begin anew: %s", reset)
        return None
    return cursor

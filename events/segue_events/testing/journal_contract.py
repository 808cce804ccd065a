"""The contract of journals, as a suite to be run on each of them."""

from segue_events.errors import CursorReset, PayloadError
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.ids import new_id
from segue_events.journal import Cursor, Journal

__all__ = ("JournalContract",)


def _numbers(count: int, first: int = 0) -> list[Event]:
    return [Event(kind="number.told", payload={"n": first + i}, occurred=1_000 + i) for i in range(count)]


async def _reason(journal: Journal, cursor: Cursor) -> str:
    """Why the journal cannot follow the cursor; "" if it can."""
    try:
        await journal.check_cursor(cursor)
    except CursorReset as reset:
        return reset.reason
    return ""


class JournalContract:
    """Tests of a journal: derive a class and give it a fixture `journal` that is open and empty."""

    async def test_events_get_numbers_from_one_without_gaps(self, journal: Journal) -> None:
        """Over several batches, and the events themselves are told their number."""
        events = _numbers(5)
        assert await journal.append(events[:2]) == 2
        assert await journal.append(events[2:]) == 5
        assert [event.seq for event in events] == [1, 2, 3, 4, 5]

    async def test_what_is_read_is_what_was_written(self, journal: Journal) -> None:
        """Every field comes back, whether its ids are UUIDs or not."""
        written = [
            Event(kind="a.b", payload={"x": [1, None, "ä", {"y": 2.5}]}, run=new_id(), subject=new_id(), occurred=-5),
            Event(kind="a.c", run="my run", subject='ünï"\\', occurred=2**62, id="my id"),
        ]
        await journal.append(written)
        assert await journal.read() == written

    async def test_an_empty_append_changes_nothing(self, journal: Journal) -> None:
        """It tells the head, as always."""
        await journal.append(_numbers(3))
        assert await journal.append([]) == 3

    async def test_reading_goes_on_after_a_seq_up_to_a_limit(self, journal: Journal) -> None:
        """Pages follow one another."""
        await journal.append(_numbers(10))
        first = await journal.read(limit=4)
        second = await journal.read(after=first[-1].seq, limit=4)
        assert [event.payload["n"] for event in first + second] == list(range(8))
        assert await journal.read(after=10) == []

    async def test_a_filter_chooses(self, journal: Journal) -> None:
        """The limit counts chosen events only."""
        events = _numbers(10)
        for event in events[::3]:
            event.kind = "third.told"
        await journal.append(events)
        assert [event.seq for event in await journal.read(filter=Filter(kinds=("third.*",)), limit=3)] == [1, 4, 7]
        assert await journal.read(filter=Filter(kinds=("!*.told",))) == []

    async def test_an_event_is_kept_once(self, journal: Journal) -> None:
        """One that comes again, in the same batch or later, gets the seq it has."""
        first, second, third = _numbers(3)
        again = Event(kind="number.told", payload={"n": 99})
        await journal.append([first, second])
        again.id = second.id
        assert await journal.append([again, third, third]) == 3
        assert [first.seq, again.seq, third.seq] == [1, 2, 3]
        assert [event.payload["n"] for event in await journal.read()] == [0, 1, 2]

    async def test_many_events_at_once(self, journal: Journal) -> None:
        """Batches of any size are written whole."""
        sizes = [1, 2, 3, 7, 31, 64, 65, 1000, 1025]
        for size in sizes:
            await journal.append(_numbers(size))
        assert len(await journal.read(limit=10_000)) == sum(sizes)

    async def test_a_payload_that_is_no_json_is_refused(self, journal: Journal) -> None:
        """And nothing of its batch is kept."""
        refusal: PayloadError | None = None
        try:
            await journal.append([*_numbers(2), Event(kind="a.b", payload={"x": float("nan")})])
        except PayloadError as error:
            refusal = error
        assert "$.x" in str(refusal)
        assert await journal.read() == []

    async def test_a_cursor_of_this_journal_is_followed(self, journal: Journal) -> None:
        """From before the first event to the head."""
        await journal.append(_numbers(3))
        head = await journal.head()
        assert head.seq == 3
        assert [await _reason(journal, Cursor(head.journal, head.epoch, seq)) for seq in range(4)] == [""] * 4

    async def test_other_cursors_are_reset_with_a_reason(self, journal: Journal) -> None:
        """Another journal, the future, another epoch."""
        await journal.append(_numbers(3))
        head = await journal.head()
        assert "another journal" in await _reason(journal, Cursor(new_id(), head.epoch, 1))
        assert "the journal's last one is 3" in await _reason(journal, Cursor(head.journal, head.epoch, 4))
        assert "lost its last events" in await _reason(journal, Cursor(head.journal, head.epoch + 1, 1))

    async def test_nobody_else_commits(self, journal: Journal) -> None:
        """Its own commits are no news to a journal."""
        await journal.append(_numbers(3))
        assert not await journal.changed()
        assert not await journal.changed()

"""The care of a journal's file."""

from pathlib import Path

from segue_events import Event, SqliteJournal


async def test_the_file_shrinks_when_its_events_are_deleted(path: Path) -> None:
    """The pages of deleted events go back to the file system, not only into the file's own list of free ones."""
    async with SqliteJournal(path) as journal:
        await journal.append([Event(kind="a.b", payload={"text": "x" * 2_000}) for _ in range(500)])
        before = await journal.statistics()
        assert await journal.delete_before(500) == 499
        after = await journal.statistics()
    assert before.bytes > 1_000_000
    assert after.bytes < before.bytes / 10
    assert after.free_bytes == 0


async def test_one_deletion_gives_back_a_bounded_number_of_pages(path: Path) -> None:
    """Others wait meanwhile; what is left goes back with later deletions."""
    async with SqliteJournal(path) as journal:
        await journal.append([Event(kind="a.b", payload={"text": "x" * 10_000}) for _ in range(502)])
        before = await journal.statistics()
        await journal.delete_before(501)
        first = await journal.statistics()
        await journal.delete_before(502)
        second = await journal.statistics()
    assert first.bytes < before.bytes
    assert first.free_bytes > 0
    assert second.free_bytes == 0

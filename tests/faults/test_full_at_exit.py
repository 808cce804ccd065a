"""A process that ends while its disk is full: it ends, says what it could not write, and shows no traceback."""

from pathlib import Path

from segue.tables import projections
from segue_events.journal.sqlite import SqliteJournal


async def test_a_process_ends_on_a_full_disk(start, capfd, segue_home: Path) -> None:
    """What was recorded before is whole; the rest is said to be lost, by a sentence with the journal's path."""
    child = start("crowded.py", 2_000, 50_000, "stays")
    told, _ = child.communicate()
    written = capfd.readouterr().err

    assert told.startswith("JournalNotRecorded: ")
    assert "Traceback" not in written
    assert str(segue_home / "segue.db") in written
    async with SqliteJournal(segue_home / "segue.db", projections=projections()) as journal:
        assert await journal.check() == []

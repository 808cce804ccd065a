"""Every journal keeps the contract of journals."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue_events import MemoryJournal, SqliteJournal
from segue_events.testing import FailingJournal, JournalContract


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[SqliteJournal]:
        async with SqliteJournal(tmp_path / "journal.db") as journal:
            yield journal


class TestFailingJournal(JournalContract):
    @pytest.fixture
    async def journal(self) -> FailingJournal:
        return FailingJournal(MemoryJournal())

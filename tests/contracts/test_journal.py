"""Every journal keeps the contract of journals."""

import pytest
from segue_events import MemoryJournal
from segue_events.testing import JournalContract


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()

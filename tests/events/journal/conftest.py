"""A journal in a file, with a projection."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue_events import SqliteJournal
from segue_events.testing import Tally


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        yield journal

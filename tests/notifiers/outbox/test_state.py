"""How far rules and outbox have come, over restarts."""

import stat
from pathlib import Path

import msgspec
import pytest

from segue_notifiers.outbox.state import NOTHING, Kept, Place, StateFile

KEPT = Kept(
    places=(Place("journal:1:7", ("failures", "late"), msgspec.Raw(b'{"failures":{"groups":[1,2]}}')),),
    outbox="journal:1:3",
)


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state"
    await StateFile(path).put(NOTHING)
    await StateFile(path).put(KEPT)

    again = await StateFile(path).get()

    assert msgspec.json.encode(again) == msgspec.json.encode(KEPT)
    assert bytes(again.places[0].snapshot) == b'{"failures":{"groups":[1,2]}}'


async def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    await StateFile(tmp_path / "state").put(KEPT)

    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"places": 7}', b'{"places": [{"cursor": 1}]}', b"\xff"])
async def test_an_unreadable_file_counts_as_empty(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)

    assert await StateFile(path).get() == NOTHING
    assert "cannot be read" in caplog.text


async def test_a_file_that_cannot_be_written_is_told_and_nothing_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await StateFile(tmp_path / "missing" / "state").put(KEPT)

    assert "cannot be written" in caplog.text

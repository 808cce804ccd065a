"""How far each lane has come, over restarts."""

import stat
from pathlib import Path

import anyio
import pytest

from segue_events import Cursor
from segue_notifiers import CursorFile


def cursor(seq: int) -> Cursor:
    return Cursor("0193f3a0-0000-7000-8000-00000000000a", 1, seq)


async def test_a_cursor_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cursors"
    await CursorFile(path).put("slack-1", cursor(7))

    again = CursorFile(path)

    assert await again.get("slack-1") == cursor(7)
    assert await again.get("mailto-1") is None


async def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cursors"
    await CursorFile(path).put("slack-1", cursor(7))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_lanes_that_write_at_once_keep_each_other(tmp_path: Path) -> None:
    path = tmp_path / "cursors"
    cursors = CursorFile(path)
    async with anyio.create_task_group() as group:
        for lane in range(20):
            group.start_soon(cursors.put, f"lane-{lane}", cursor(lane))

    again = CursorFile(path)
    assert [await again.get(f"lane-{lane}") for lane in range(20)] == [cursor(lane) for lane in range(20)]


async def test_another_lane_s_cursor_survives_a_put_before_any_get(tmp_path: Path) -> None:
    path = tmp_path / "cursors"
    await CursorFile(path).put("slack-1", cursor(7))
    await CursorFile(path).put("mailto-1", cursor(8))

    assert await CursorFile(path).get("slack-1") == cursor(7)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"slack-1": 7}', b'{"slack-1": "nonsense"}', b"\xff"])
async def test_an_unreadable_file_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cursors"
    path.write_bytes(content)
    cursors = CursorFile(path)

    assert await cursors.get("slack-1") is None
    await cursors.put("slack-1", cursor(7))
    assert await CursorFile(path).get("slack-1") == cursor(7)


async def test_a_file_that_cannot_be_written_is_told_and_nothing_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cursors = CursorFile(tmp_path / "missing" / "cursors")
    await cursors.put("slack-1", cursor(7))

    assert await cursors.get("slack-1") == cursor(7)
    assert "cannot be written" in caplog.text

"""The spool on disk: what is taken is sent in order, acknowledged it is gone, and no death of a process loses it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from segue.far.segments import SpoolFolder
from segue.far.spool import DiskSpool


def opened(path: Path) -> DiskSpool:
    folder = SpoolFolder.claim(path)
    assert folder is not None
    return DiskSpool(folder)


def rows(first: int, count: int, size: int = 0) -> list[bytes]:
    return [b'["%06d"%b]' % (n, b" " * size) for n in range(first, first + count)]


def fill(spool: DiskSpool, wanted: list[bytes]) -> None:
    for row in wanted:
        assert spool.put(row)


def drain(spool: DiskSpool, max_bytes: int = 100_000) -> list[bytes]:
    taken: list[bytes] = []
    while batch := spool.take(max_bytes):
        taken += batch.rows
    return taken


def test_rows_come_out_in_order_and_in_batches(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 10))
    first = spool.take(1000, 3)
    assert first is not None
    assert (first.number, first.rows) == (1, rows(0, 3))
    assert drain(spool) == rows(3, 7)
    assert spool.take(1000) is None


def test_a_row_larger_than_a_batch_is_a_batch_of_its_own(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    wanted = [b"[1]", b"[%b]" % (b"2" * 5000), b"[3]"]
    fill(spool, wanted)
    batches: list[list[bytes]] = []
    while batch := spool.take(1000):
        batches.append(batch.rows)
    assert batches == [[row] for row in wanted]


def test_what_was_acknowledged_is_not_sent_by_the_next_process(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 10))
    taken = [spool.take(1000, 3) for _ in range(3)]
    assert taken[1] is not None
    spool.acknowledge(taken[1].number)
    spool.close()
    again = opened(tmp_path / "a")
    assert len(again) == 4
    assert drain(again) == rows(6, 4)


def test_many_segments_come_and_go_without_a_gap(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    wanted = rows(0, 300, 50_000)
    fill(spool, wanted)
    assert len(list((tmp_path / "a").glob("*.rows"))) > 3
    seen: list[bytes] = []
    while batch := spool.take(256 * 1024):
        seen += batch.rows
        spool.acknowledge(batch.number)
    assert seen == wanted
    assert len(list((tmp_path / "a").glob("*.rows"))) == 1
    assert spool.held_bytes == 0


def test_a_spool_that_was_all_sent_leaves_nothing(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 10))
    batch = spool.take(1000)
    assert batch is not None
    spool.acknowledge(batch.number)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_was_half_written_when_its_process_died_is_left_out(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 3))
    spool.sync()
    spool.close()
    with (tmp_path / "a" / "00000001.rows").open("ab") as file:
        file.write(b'["half')
    again = opened(tmp_path / "a")
    fill(again, rows(3, 1))
    assert drain(again) == rows(0, 4)


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 1))
    assert SpoolFolder.claim(tmp_path / "a") is None
    spool.close()
    assert len(opened(tmp_path / "a")) == 1


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_while_the_disk_is_full_rows_are_kept_in_memory_and_sent_in_order(tmp_path: Path) -> None:
    spool = opened(tmp_path / "a")
    fill(spool, rows(0, 3))
    assert spool.take(1000, 2) is not None
    with full_disk():
        fill(spool, rows(3, 3))
        with pytest.raises(OSError, match="too large"):
            spool.sync()
        assert drain(spool) == rows(2, 4)
        fill(spool, rows(6, 1))
    spool.sync()
    assert drain(spool) == rows(6, 1)
    spool.acknowledge(100)
    assert len(spool) == 0

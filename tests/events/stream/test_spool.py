"""Events that wait for their acknowledgement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events.stream.failures import SpoolFull
from segue_events.stream.spool import Spool

URL = "ws://127.0.0.1:1/"


def spool(*rows: bytes, limit: int = 10**6) -> Spool:
    """A spool with these rows."""
    made = Spool(URL, limit)
    for row in rows:
        made.put(row)
    return made


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(1, 50))
def test_batches_hold_every_row_in_order(rows: list[bytes], max_bytes: int) -> None:
    full = spool(*rows)
    batches = list(iter(lambda: full.take(max_bytes), None))

    assert [row for batch in batches for row in batch.rows] == rows
    assert all(len(batch.rows) == 1 or sum(map(len, batch.rows)) <= max_bytes for batch in batches)
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))


def test_a_batch_is_kept_until_it_is_acknowledged() -> None:
    full = spool(b"a", b"b", b"c")
    first, second = full.take(1), full.take(1)
    assert full.unacknowledged == (first, second)

    full.acknowledge(1)
    assert full.unacknowledged == (second,)
    assert len(full) == 2

    full.acknowledge(1)
    full.acknowledge(2)
    assert (full.unacknowledged, len(full), full.statistics().held_bytes) == ((), 1, 1)


def test_a_full_spool_says_so_and_counts() -> None:
    full = spool(b"aaaa", limit=6)

    with pytest.raises(SpoolFull, match=r"1 events, 4 bytes"):
        full.put(b"bbb")
    full.put(b"cc")
    assert full.statistics().refused == 1

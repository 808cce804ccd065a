"""Batches become frames, once."""

from hypothesis import given
from hypothesis import strategies as st

from segue_events import Event, Filter
from segue_events.stream import wire
from segue_events.stream.frames import FrameCache


def events(count: int, size: int = 1) -> list[Event]:
    """Committed events with payloads of this many bytes."""
    return [Event(kind="k", id=f"id-{seq}", seq=seq, payload={"x": "y" * size}) for seq in range(1, count + 1)]


@given(st.integers(1, 60), st.integers(100, 3000))
def test_frames_hold_every_event_once_and_keep_the_bound(count: int, max_frame: int) -> None:
    frames = FrameCache(max_frame).frames(None, events(count))

    messages = [wire.decode_server(frame.data) for frame in frames]
    assert [event for message in messages if isinstance(message, wire.Events) for event in message.events()] == events(
        count
    )
    assert all(len(frame.data) <= max_frame for frame in frames)
    assert frames[-1].through == count


def test_an_event_larger_than_a_frame_travels_alone() -> None:
    assert len(FrameCache(1000).frames(None, events(3, size=5000))) == 3


def test_equal_filters_share_the_bytes() -> None:
    cache = FrameCache(10**6)

    first = cache.frames(Filter(kinds=("k",)), events(3))
    assert cache.frames(Filter(kinds=("k",)), events(3)) is first
    assert cache.frames(Filter(kinds=("*",)), events(3)) is not first
    assert cache.frames(Filter(kinds=("k",)), events(2)) is not first


def test_old_frames_are_forgotten() -> None:
    cache = FrameCache(10**6, limit=10_000)
    first = cache.frames(None, events(1, size=4000))
    for count in (2, 3):
        cache.frames(None, events(count, size=2000))

    assert cache.frames(None, events(1, size=4000)) is not first

"""The messages and the two state machines, without sockets."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Cursor, Event, Filter
from segue_events.stream import wire
from segue_events.stream.failures import WireError

JOURNAL = "019a0000-0000-7000-8000-000000000001"
WELCOME = wire.encode(wire.Welcome(cursor=f"{JOURNAL}:1:5", head=f"{JOURNAL}:1:9", max_frame=1000))

texts = st.text(st.characters(codec="utf-8"), max_size=20)
seqs = st.integers(0, 2**53)
payloads = st.dictionaries(
    texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
rows = st.lists(st.tuples(seqs, texts, seqs, texts, texts, texts, payloads), max_size=5)
filters = st.builds(Filter, kinds=st.tuples(texts), runs=st.tuples(texts), since=st.none() | seqs)
client_messages = st.one_of(
    st.builds(wire.Hello, token=texts, filter=st.none() | filters, after=st.none() | texts),
    st.builds(wire.Publish, writer=texts, number=seqs, rows=rows),
)
server_messages = st.one_of(
    st.builds(wire.Welcome, cursor=texts, head=texts, max_frame=seqs),
    st.builds(wire.Events, through=seqs, rows=rows),
    st.builds(wire.Reset, reason=texts, oldest=texts, head=texts),
    st.builds(wire.Ack, number=seqs, head=seqs),
    st.builds(wire.Bye, code=seqs, reason=texts, cursor=texts),
)


def event(seq: int, **payload: Any) -> Event:
    """A committed event."""
    return Event(kind="test.happened", id=f"id-{seq}", occurred=seq, run="r", subject="s", payload=payload, seq=seq)


def greeted(token: str | None = None) -> wire.ServerSide:
    """A server's side after a hello."""
    side = wire.ServerSide(token)
    side.greet(wire.encode(wire.Hello(token=token or "")))
    return side


def welcomed(after: str | None = "now") -> wire.ClientSide:
    """A client's side after a welcome, at seq 5."""
    side = wire.ClientSide(wire.Hello(after=after))
    side.receive(WELCOME)
    return side


@given(client_messages)
def test_a_clients_message_survives_the_wire(message: wire.ClientMessage) -> None:
    assert wire.decode_client(wire.encode(message)) == message


@given(server_messages)
def test_a_servers_message_survives_the_wire(message: wire.ServerMessage) -> None:
    assert wire.decode_server(wire.encode(message)) == message


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_a_wire_error(frame: bytes) -> None:
    for read in (wire.ServerSide().greet, greeted().receive, welcomed().receive):
        with pytest.raises(WireError):
            read(frame)


@given(client_messages | server_messages, st.data())
def test_a_message_cut_short_raises_a_wire_error(message: Any, data: st.DataObject) -> None:
    frame = wire.encode(message)
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]

    for read in (wire.ServerSide().greet, greeted().receive, welcomed().receive):
        with pytest.raises(WireError):
            read(cut)


@given(client_messages | server_messages)
def test_whole_messages_at_the_wrong_time_raise_nothing_but_a_wire_error(message: Any) -> None:
    for read in (
        wire.ServerSide("t").greet,
        greeted().receive,
        wire.ClientSide(wire.Hello()).receive,
        welcomed().receive,
    ):
        with suppress(WireError):
            read(wire.encode(message))


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"publish","writer":"w","number":1,"rows":' + b"[" * 100_000,
        b'{"type":"publish","writer":"w","number":1,"rows":[[0,"",0,"k","","",{"a":"\\ud800"}]]}',
        b'{"type":"publish","writer":"w","number":1,"rows":[[0,"",0,"k","","",{"a":1e999}]]}',
        b'{"type":"publish","writer":"w","number":1,"rows":[[0,"",0,"k","","",{"a":' + b"9" * 5000 + b"}]]}",
        b'{"type":"publish","writer":"w","number":1,"rows":[[0,"",0,"k"]]}',
        b'{"type":"publish","writer":"w","number":1,"rows":[[0,"",0,"k","","",{"a":"\xff"}]]}',
    ],
    ids=["nested", "surrogate", "infinite", "digits", "short row", "not utf-8"],
)
def test_hostile_batches_raise_a_wire_error(frame: bytes) -> None:
    with pytest.raises(WireError):
        greeted().receive(frame)


@pytest.mark.parametrize("shown", ["", "wrong", "tökén", "right ", "r" * 3000])
def test_only_the_right_token_is_admitted(shown: str) -> None:
    with pytest.raises(WireError) as refused:
        wire.ServerSide("right").greet(wire.encode(wire.Hello(token=shown)))

    assert refused.value.code == wire.CloseCode.UNAUTHORIZED


def test_a_token_may_be_any_text() -> None:
    assert greeted("tökén").greeted


def test_a_hello_is_bounded_and_comes_first_and_once() -> None:
    hello, publish = wire.encode(wire.Hello()), wire.publish_frame("w", 1, [])
    for read, frame in (
        (wire.ServerSide().greet, wire.encode(wire.Hello(token="x" * 4096))),
        (wire.ServerSide().greet, publish),
        (wire.ServerSide().receive, publish),
        (wire.ServerSide().greet, wire.encode(wire.Hello(version=2))),
        (greeted().receive, hello),
    ):
        with pytest.raises(WireError):
            read(frame)


@pytest.mark.parametrize(
    "asked",
    [Filter(kinds=("a*" * 50,)), Filter(kinds=("a",) * 101), Filter(since=2**63), Filter(until=-1)],
)
def test_a_filter_that_would_cost_too_much_is_refused(asked: Filter) -> None:
    with pytest.raises(WireError):
        wire.ServerSide().greet(wire.encode(wire.Hello(filter=asked)))


def test_rows_encoded_one_by_one_make_the_same_message() -> None:
    events = [event(1, text="é"), event(2)]
    frame = wire.publish_frame('w"1', 7, [wire.event_row(events[0]), wire.event_row(events[1], b"{}")])

    message = greeted().receive(frame)

    assert isinstance(message, wire.Publish)
    assert (message.writer, message.number, message.events()) == ('w"1', 7, events)


def test_a_client_follows_the_seqs_and_keeps_the_cursor() -> None:
    side = welcomed()
    message = side.receive(wire.events_frame([event(6), event(9)], 9))

    assert isinstance(message, wire.Events)
    assert message.events() == [event(6), event(9)]
    assert side.cursor == Cursor(journal=JOURNAL, epoch=1, seq=9)
    for again in ([event(9)], [event(11), event(10)]):
        with pytest.raises(WireError):
            side.receive(wire.events_frame(again, again[-1].seq))


def test_a_mark_moves_the_cursor_and_holds_no_event() -> None:
    side = welcomed()
    side.receive(wire.events_frame([], 8))
    assert side.cursor == Cursor(journal=JOURNAL, epoch=1, seq=8)

    for frame in (wire.events_frame([], 7), wire.events_frame([event(9), event(10)], 9)):
        with pytest.raises(WireError):
            side.receive(frame)


@pytest.mark.parametrize("frame", [wire.events_frame([event(6)], 6), wire.encode(wire.Ack(number=1, head=1))])
def test_nothing_comes_before_the_welcome(frame: bytes) -> None:
    with pytest.raises(WireError):
        wire.ClientSide(wire.Hello(after="now")).receive(frame)


def test_a_client_takes_one_welcome_with_a_cursor_it_can_read() -> None:
    for side, frame in (
        (welcomed(), WELCOME),
        (wire.ClientSide(wire.Hello()), wire.encode(wire.Welcome(cursor="?", head="?", max_frame=1))),
        (wire.ClientSide(wire.Hello()), wire.encode(wire.Welcome(cursor="?", head="?", max_frame=1, version=9))),
        (welcomed(after=None), wire.events_frame([event(6)], 6)),
    ):
        with pytest.raises(WireError):
            side.receive(frame)

"""Events and their payloads, which are strict JSON or refused with a reason."""

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Event, PayloadError, encode_payload, to_cloudevent
from segue_events.event import MAX_DEPTH, decode_payload, seal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@dataclass
class Point:
    x: float


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return value


def circular() -> dict[str, Any]:
    payload: dict[str, Any] = {}
    payload["self"] = [payload]
    return payload


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_a_payload_comes_back_as_it_was(payload: dict[str, Any]) -> None:
    encoded = encode_payload(payload)
    assert decode_payload(encoded) == payload
    assert json.loads(encoded) == payload


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"a": [1, math.nan]}, ["$.a[1]", "nan"]),
        ({"a": {"b": -math.inf}}, ["$.a.b", "-inf"]),
        ({"a": (math.inf,)}, ["$.a[0]", "inf"]),
        ({"a": [None, {"b": (1.5, [math.nan])}]}, ["$.a[1].b[1][0]", "nan"]),
        ({"a": Point(math.nan)}, ["$.a.x", "nan"]),
        ({"a": 10**5000}, ["$.a", "4300 digits"]),
        ({"a": {"b": "\ud800"}}, ["$.a.b", "surrogates"]),
        ({"a": {"\udfff": 1}}, ["The key", "$.a", "surrogates"]),
        ({"a": object()}, ["$.a", "object"]),
        ({"a": {(1, 2): 3}}, ["The key (1, 2) of $.a"]),
        ({"a": nested(MAX_DEPTH + 1)}, ["nested", str(MAX_DEPTH)]),
        ({"a": nested(100_000)}, ["nested"]),
        (circular(), ["contains itself"]),
        ([1, 2], ["a dict", "[1, 2]"]),
        (msgspec.Raw(b"{}"), ["a dict"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_what_is_no_json_is_refused_with_its_place(payload: Any, words: list[str]) -> None:
    with pytest.raises(PayloadError) as refused:
        encode_payload(payload)
    assert [word for word in words if word not in str(refused.value)] == []


def test_the_text_null_and_none_are_no_nan() -> None:
    assert decode_payload(encode_payload({"a": None, "b": "null"})) == {"a": None, "b": "null"}


def test_deep_but_not_too_deep_is_taken() -> None:
    payload = {"a": nested(MAX_DEPTH - 1), "text": "[" * 1000}
    assert decode_payload(encode_payload(payload)) == payload


def test_many_brackets_side_by_side_are_not_deep() -> None:
    payload = {"a": [[] for _ in range(1000)]}
    assert decode_payload(encode_payload(payload)) == payload


def test_what_is_encoded_already_is_taken_as_it_is() -> None:
    assert encode_payload({"result": msgspec.Raw(b'{"x":1.50}')}) == b'{"result":{"x":1.50}}'


def test_sealing_gives_an_id_and_keeps_one() -> None:
    fresh, known = Event(kind="a.b"), Event(kind="a.b", id="mine")
    assert (seal(fresh), seal(known)) == (b"{}", b"{}")
    assert len(fresh.id) == 36
    assert known.id == "mine"


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (Event(kind=""), "kind"),
        (Event(kind="a.b", subject="\ud800"), "subject"),
        (Event(kind="a.b", run="a\0b"), "run"),
        (Event(kind="a\0b"), "kind"),
        (Event(kind="a.b", run=None), "texts"),  # pyright: ignore[reportArgumentType]
        (Event(kind="a.b", occurred=2**63), "64 bits"),
        (Event(kind="a.b", occurred="now"), "instant"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_an_event_that_no_journal_could_hold_is_refused(event: Event, word: str) -> None:
    with pytest.raises(PayloadError, match=word):
        seal(event)


def test_texts_of_all_languages_are_taken() -> None:
    assert seal(Event(kind="ä.ö", subject="日本", run="🎼")) == b"{}"


def test_events_do_not_share_a_default_payload() -> None:
    first, second = Event(kind="a.b"), Event(kind="a.b")
    first.payload["x"] = 1
    assert second.payload == {}


def test_an_event_as_a_cloudevent() -> None:
    event = Event(kind="a.b", payload={"x": 1}, run="r", subject="s", occurred=1_500_000, id="i", seq=7)
    assert to_cloudevent(event) == {
        "specversion": "1.0",
        "id": "i",
        "source": "/runs/r",
        "type": "a.b",
        "subject": "s",
        "time": "1970-01-01T00:00:01.500000Z",
        "datacontenttype": "application/json",
        "data": {"x": 1},
        "sequence": "7",
    }

"""Canonical JSON: values come back exactly, digests tell types apart, and what cannot be said is refused."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.canonical import decode, digest, encode, encode_within
from segue.exceptions import NotCanonical, SerializationError


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Access(Flag):
    READ = 1
    WRITE = 2


class Point(pydantic.BaseModel):
    x: int


@dataclasses.dataclass
class Size:
    width: int


class Text(str):
    __slots__ = ()


# Lone surrogates included, which no encoding can write.
texts = st.text(st.characters() | st.sampled_from("\ud800\udfff\0$"))
moments = st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()) | st.datetimes().map(
    lambda moment: moment.replace(fold=1, tzinfo=timezone(timedelta(minutes=-90)))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 9).map(lambda last: 10**5000 + last)
    | st.floats()
    | texts
    | st.binary()
    | st.decimals()
    | moments
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Color.RED, Level.HIGH, Access.WRITE, Path("a/b"), Path("/")])
)
hashable = scalars.filter(lambda value: not (isinstance(value, Decimal) and value.is_snan()))
keys = st.recursive(hashable, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner, min_size=9, max_size=12)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(texts | st.sampled_from(["$", "$tuple", "$dict", "a"]), inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.sets(keys, max_size=3)
    ),
    max_leaves=12,
)


def spelled(value: Any, ordered: bool = True) -> Any:
    """Say a value and all its types in a form that compares as exactly as can be."""
    kind = type(value).__name__
    if isinstance(value, dict):
        pairs = [(spelled(key, ordered), spelled(item, ordered)) for key, item in value.items()]
        return kind, pairs if ordered else sorted(pairs, key=repr)
    if isinstance(value, (list, tuple)):
        return kind, [spelled(item, ordered) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, sorted((spelled(item, ordered) for item in value), key=repr)
    if isinstance(value, (datetime, time)):
        return kind, value.isoformat(), getattr(value.tzinfo, "key", None), value.fold
    return kind, hex(value) if kind == "int" else repr(value)


@settings(deadline=None)
@given(values)
def test_a_value_comes_back_with_exactly_its_types(value: Any) -> None:
    assert spelled(decode(encode(value))) == spelled(value)


@settings(deadline=None)
@given(values, values)
def test_digests_are_equal_for_what_is_equal_with_its_types_and_only_then(one: Any, other: Any) -> None:
    same = spelled(one, ordered=False) == spelled(other, ordered=False)

    assert (digest(one) == digest(other)) is same
    assert digest(one) == digest(decode(encode(one)))


@pytest.mark.parametrize(
    "different",
    [
        (1, True, 1.0, "1", Decimal(1)),
        (0.0, -0.0, 0, False, None, math.nan, math.inf, -math.inf),
        ([1, 2], (1, 2), {1, 2}, frozenset({1, 2}), {1: 2}, "[1,2]"),
        ([], (), {}, set(), frozenset(), "", b""),
        (b"x", "x", "eA==", {"$bytes": "eA=="}),
        (Level.HIGH, 3),
        (Color.RED, "red"),
        ({"$tuple": []}, {"$tuple": [], "a": 1}, ()),
        (UUID(int=1), UUID(int=1).hex, Path("a"), "a"),
        (date(2024, 1, 1), datetime.fromisoformat("2024-01-01"), datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_python_or_json_calls_equal_has_different_digests(different: tuple[Any, ...]) -> None:
    assert len({digest(value) for value in different}) == len(different)


def test_a_digest_knows_where_one_part_ends() -> None:
    assert digest([1], [2]) != digest([1, 2], []) != digest([1], 2)


def test_dicts_and_sets_have_the_same_digest_in_any_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({1: "a", None: "b"}) == digest({None: "b", 1: "a"})
    assert list(decode(encode({"b": 2, "a": 1}))) == ["b", "a"]


def test_a_digest_is_the_same_in_another_process_with_another_hash_seed() -> None:
    program = (
        "from segue.canonical import digest\n"
        "print(digest({'a', 'b', 'c', ('d', 1)}, {frozenset({'x', 'y'}): 1.5, 2: b'z'}))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "2")
    }

    assert said == {digest({"a", "b", "c", ("d", 1)}, {frozenset({"x", "y"}): 1.5, 2: b"z"})}


def test_a_digest_is_the_one_it_was_in_earlier_versions() -> None:
    """Whoever changes this makes every recorded step run again."""
    assert digest() == "F17C0gJIYJbwefwqXIEKlQ"
    assert digest((1, "a"), {}) == "hLPR2HkWn5GG-8GGdgFqPQ"


def test_plain_values_are_plain_json() -> None:
    assert encode({"a": [1, 1.0, "x", None, True]}) == b'{"a":[1,1.0,"x",null,true]}'
    assert encode((1, {2: b"hi"})) == b'{"$tuple":[1,{"$dict":[[2,{"$bytes":"aGk="}]]}]}'


def test_a_zone_is_kept_by_its_name() -> None:
    moment = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

    back = decode(encode(moment))

    assert (back.tzinfo.key, back.fold, back.utcoffset()) == ("Europe/Berlin", 1, timedelta(hours=1))


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        (object(), "value", "object"),
        ([0, {"a": object()}], "value[1]['a']", "object"),
        ([0] * 20 + [object()], "value[20]", "object"),
        (({1: {"b": (Text("x"),)}},), "value[0][1]['b'][0]", "Text"),
        ({(1,): object()}, "value[<tuple>]", "object"),
        (OrderedDict(a=1), "value", "collections.OrderedDict"),
        (Point(x=1), "value", "Point"),
        (Size(1), "value", "Size"),
        (Access.READ | Access.WRITE, "value", "Access"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "GMT")), "value.tzinfo", "datetime.timezone"),
        (len, "value", "builtin_function_or_method"),
    ],
)
def test_what_would_not_come_back_the_same_is_refused_with_its_place(value: Any, path: str, kind: str) -> None:
    for refuse in (encode, lambda value: encode_within(value, 1000)):
        with pytest.raises(NotCanonical) as refused:
            refuse(value)
        assert refused.value.path == path
        assert kind in refused.value.type_name


def test_an_enum_within_a_function_cannot_be_found_again() -> None:
    class Hidden(Enum):
        ONE = 1

    with pytest.raises(NotCanonical, match="Hidden"):
        encode(Hidden.ONE)


def nested(depth: int, wrap: Any) -> Any:
    value: Any = []
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}])
def test_deep_values_are_refused_and_those_less_deep_come_back(wrap: Any) -> None:
    fine = nested(99, wrap)

    assert decode(encode(fine)) == fine
    with pytest.raises(NotCanonical):
        encode(nested(10_000, wrap))
    with pytest.raises(NotCanonical):
        digest(nested(10_000, wrap))


def test_circular_values_are_refused() -> None:
    circle: list[Any] = []
    circle.append({"again": circle})

    with pytest.raises(NotCanonical):
        encode(circle)


def test_a_value_that_would_unfold_without_end_stops_at_the_limit() -> None:
    doubled: list[Any] = []
    for _ in range(90):
        doubled = [doubled, doubled]

    assert encode_within(doubled, 10_000) is None
    with pytest.raises(NotCanonical):
        digest(doubled, limit=10_000)


@settings(deadline=None)
@given(values, st.integers(min_value=0, max_value=300))
def test_a_limit_gives_the_text_or_nothing(value: Any, limit: int) -> None:
    text = encode(value)

    assert encode_within(value, limit) == (text if len(text) <= limit else None)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[1",
        b'{"$nothing":1}',
        b'{"$tuple":1}',
        b'{"$int":"x"}',
        b'{"$date":"soon"}',
        b'{"$dict":[[[],1]]}',
        b'{"$datetime":["2024-01-01",null]}',
        b'{"$uuid":1}',
        b'{"$decimal":"x"}',
        b'{"$enum":["sys","path","x"]}',
    ],
)
def test_a_text_that_is_not_canonical_json_is_an_error_of_its_own(text: bytes) -> None:
    with pytest.raises(SerializationError):
        decode(text)


def test_reading_an_enum_imports_nothing() -> None:
    assert "this" not in sys.modules
    with pytest.raises(SerializationError, match="Import this before"):
        decode(b'{"$enum":["this","Zen","ONE"]}')
    assert "this" not in sys.modules

"""Fingerprints: equal for equal data in every process, never for what is not data."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from enum import Flag
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pydantic
import pytest

from segue.canonical import digest
from segue.exceptions import HashError
from segue.fingerprints import fingerprint


class Model(pydantic.BaseModel):
    x: int = 1
    tags: set[str] = set()
    _private: int = pydantic.PrivateAttr(0)


class OtherModel(Model):
    pass


@dataclasses.dataclass
class Data:
    x: Any = 1


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    x: Any = 1


class Box(msgspec.Struct):
    x: Any = 1


class Pair(NamedTuple):
    x: int
    y: int


class Plain:
    def __init__(self, x: Any) -> None:
        self.x = x


class Words(set[str]):
    note = ""


class Access(Flag):
    READ = 1
    WRITE = 2


# Each makes a value anew; the second of each pair differs in a detail.
PAIRS: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: Model(x=1), lambda: Model(x=2)),
    (lambda: Model(x=1), lambda: OtherModel(x=1)),
    (lambda: Model(tags={"a", "b", "c"}), lambda: Model(tags={"a", "b"})),
    (lambda: Data(1), lambda: Data(True)),
    (lambda: Data(Data(1)), lambda: Data(Data(2))),
    (lambda: Data(1), lambda: Slotted(1)),
    (lambda: Slotted({"a", "b"}), lambda: Slotted({"a"})),
    (lambda: Box(1), lambda: Box(1.0)),
    (lambda: Pair(1, 2), lambda: (1, 2)),
    (lambda: Plain([1]), lambda: Plain((1,))),
    (lambda: [Plain(1), Plain(1)], lambda: [Plain(1)]),
    (lambda: {Plain: 1}, lambda: {Model: 1}),
    (lambda: {"a": Plain(1), "b": 2}, lambda: {"a": Plain(1), "b": 3}),
    (lambda: {Slotted(1), Slotted(2)}, lambda: {Slotted(1)}),
    (lambda: Words("abc"), lambda: Words("ab")),
    (lambda: Counter("aab"), lambda: Counter("abb")),
    (lambda: OrderedDict(a=1), lambda: {"a": 1}),
    (lambda: OrderedDict(a=1, b=2), lambda: OrderedDict(b=2, a=1)),
    (lambda: defaultdict(list, a=[1]), lambda: defaultdict(set, a=[1])),
    (lambda: deque([1, 2], 3), lambda: deque([1, 2], 4)),
    (lambda: Access.READ | Access.WRITE, lambda: Access.READ),
    (lambda: re.compile("a"), lambda: re.compile("a", re.IGNORECASE)),
    (lambda: 1 + 2j, lambda: 1 - 2j),
    (lambda: range(3), lambda: range(4)),
    (lambda: ValueError("a"), lambda: ValueError("b")),
    (lambda: bytearray(b"a"), lambda: b"a"),
    (lambda: Plain(b"a" * 1_000_000), lambda: Plain(b"a" * 999_999)),
    (lambda: Plain(sys.maxsize**300), lambda: Plain(-(sys.maxsize**300))),
    (lambda: len, lambda: repr),
    (lambda: Ellipsis, lambda: NotImplemented),
]


@pytest.mark.parametrize(("make", "make_other"), PAIRS)
def test_equal_data_has_one_fingerprint_and_other_data_another(
    make: Callable[[], Any], make_other: Callable[[], Any]
) -> None:
    assert fingerprint(make()) == fingerprint(make())
    assert fingerprint(make()) != fingerprint(make_other())


def test_a_canonical_value_has_its_digest() -> None:
    assert fingerprint({"a": (1, 2)}) == digest({"a": (1, 2)})


def test_equal_lists_that_share_elements_and_that_do_not_are_the_same() -> None:
    shared = Plain(["x"])

    assert fingerprint([shared, shared]) == fingerprint([Plain(["x"]), Plain(["x"])])


def test_models_are_the_same_whichever_fields_were_given() -> None:
    assert fingerprint(Model()) == fingerprint(Model(x=1))


def test_a_private_attribute_tells_models_apart() -> None:
    other = Model()
    other._private = 1  # noqa: SLF001

    assert fingerprint(other) != fingerprint(Model())


def test_a_fingerprint_is_the_same_in_another_process_with_another_hash_seed() -> None:
    program = """
import re
from collections import Counter
from segue.fingerprints import fingerprint
class Words(set): pass
class Plain: pass
plain = Plain()
plain.words = {Words({"a", "b", "c"}) and "x", "y", "z", ("p", re.compile("q"))}
print(fingerprint([plain, Words("hello world"), Counter("hello")]))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }

    assert len(said) == 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda x: x, "function"),
        (Plain(threading.Lock()), "lock"),
        ([Plain(lambda: 1)], "function"),
        (partial(print, partial(lambda: 1)), "function"),
        (iter([1, 2]), "list_iterator"),
        (iter({1, 2}), "set_iterator"),
        ((x for x in "a"), "generator"),
        (threading, "module"),
        (Plain(1).__init__, "method"),
        (sys.stdout, "is not data"),
    ],
)
def test_what_is_not_data_has_none(value: Any, kind: str) -> None:
    with pytest.raises(HashError, match=kind):
        fingerprint(value)


def nested(depth: int, value: Any) -> Any:
    for _ in range(depth):
        value = Plain(value)
    return value


def test_what_contains_itself_or_is_too_deep_has_none() -> None:
    circle = Plain(None)
    circle.x = [circle]

    for value in (circle, nested(1000, 1)):
        with pytest.raises(HashError, match="nested more than"):
            fingerprint(value)
    assert fingerprint(nested(15, 1)) == fingerprint(nested(15, 1))


def test_what_would_unfold_without_end_has_none() -> None:
    doubled: Any = Slotted(())
    for _ in range(18):
        doubled = Slotted((doubled, doubled, doubled, doubled))

    with pytest.raises(HashError, match="too many parts"):
        fingerprint(doubled)

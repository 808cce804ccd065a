"""Serializers: by name or by settings, there and back, and a sentence for what cannot be written."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pytest

from segue.exceptions import ResultNotSerializable, SerializationError
from segue.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
    resolve_serializer,
)


class Shout(Serializer[str]):
    """A serializer as a user would write one."""

    type = "shout"

    def dumps(self, obj: str) -> bytes:
        return obj.upper().encode()

    def loads(self, blob: bytes) -> str:
        return blob.decode()


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


CUSTOM_JSON = JSONSerializer(object_encoder="builtins.vars", object_decoder="collections.OrderedDict")


@pytest.mark.parametrize("name", ["pickle", "json", "compressed/pickle", "compressed/json", "compressed"])
def test_a_serializer_is_found_by_its_name_and_gives_values_back(name: str) -> None:
    serializer = resolve_serializer(name)
    value = {"a": (1, 2.5, None, b"x"), 3: {4}}

    assert serializer.type == name
    assert serializer.loads(serializer.dumps(value)) == value


@pytest.mark.parametrize(
    "serializer",
    [
        PickleSerializer(picklelib="pickle"),
        JSONSerializer(dumps_kwargs={"sort_keys": True}),
        CompressedSerializer(serializer="json", compressionlib="zlib"),
        CompressedSerializer(serializer=CompressedJSONSerializer()),
        CompressedPickleSerializer(compressionlib="bz2"),
        Shout(),
        CUSTOM_JSON,
    ],
)
def test_a_serializer_can_be_made_again_from_its_spec(serializer: Serializer[Any]) -> None:
    again = resolve_serializer(serializer.spec())

    assert again.spec() == serializer.spec()
    assert again.loads(serializer.dumps("TEXT")) == "TEXT"


def test_a_plain_spec_is_short() -> None:
    assert JSONSerializer().spec() == {"type": "json"}
    assert PickleSerializer().spec() == {"type": "pickle"}


def test_pickle_takes_functions() -> None:
    pickled = PickleSerializer().dumps(lambda x: x + 1)

    assert PickleSerializer().loads(pickled)(1) == 2


def test_json_takes_encoders_and_decoders_by_their_import_path() -> None:
    (read,) = CUSTOM_JSON.loads(CUSTOM_JSON.dumps([Holder(3)]))

    assert read == OrderedDict(held=3)
    assert type(read) is OrderedDict


def test_a_compressed_value_is_smaller() -> None:
    assert len(CompressedJSONSerializer().dumps("a" * 10_000)) < 1_000


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (threading.Lock(), r"^The result is a _thread\.lock"),
        ([1, {"a": threading.Lock()}], r"^The result\[1\]\['a'\] is a _thread\.lock"),
        (Holder([Holder(threading.Lock())]), r"^The result\.held\[0\]\.held is a _thread\.lock"),
        ((item for item in "ab"), "^The result is a generator"),
    ],
)
def test_what_cannot_be_pickled_is_named_with_its_place(value: Any, path: str) -> None:
    for serializer in (PickleSerializer(), CompressedPickleSerializer()):
        with pytest.raises(ResultNotSerializable, match=path):
            serializer.dumps(value)


def test_looking_for_the_culprit_ends_in_a_value_that_contains_itself() -> None:
    holder = Holder(None)
    holder.held = [holder, threading.Lock()]

    with pytest.raises(ResultNotSerializable, match="cannot write"):
        PickleSerializer().dumps(holder)


def test_what_is_not_json_is_told_with_the_way_out() -> None:
    with pytest.raises(ResultNotSerializable, match=r"^value\['a'\] is a .*Holder.*Use result_serializer='pickle'"):
        JSONSerializer().dumps({"a": Holder(1)})
    with pytest.raises(ResultNotSerializable, match="Holder"):
        JSONSerializer(dumps_kwargs={"indent": 1}).dumps(Holder(1))


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(SerializationError, match=r"no serializer 'yaml'.*pickle, json"):
        resolve_serializer("yaml")
    with pytest.raises(ValueError, match="'math' has no functions compress"):
        CompressedSerializer(compressionlib="math")
    with pytest.raises(ValueError, match="must be JSON values"):
        JSONSerializer(dumps_kwargs={"cls": Holder(1)})

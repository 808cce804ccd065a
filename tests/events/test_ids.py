"""Ids are UUIDv7, unique and increasing, and lose nothing at rest."""

import os
import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import new_id, pack_id, unpack_id
from segue_events.ids import id_at_rest, id_in_memory, ids_at_rest

UUIDS = st.uuids().map(str)


def test_an_id_is_a_uuid_of_version_7_in_canonical_form() -> None:
    made = new_id()
    parsed = UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 7, "specified in RFC 4122")


def test_ids_of_one_thread_increase() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_of_many_threads_are_unique_and_increase_in_each() -> None:
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(len(made))

    def make(into: list[str]) -> None:
        start.wait()
        into.extend(new_id() for _ in range(5_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({one for ids in made for one in ids}) == 40_000


def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_id() for _ in range(50)).encode())
        os._exit(0)
    ours = {new_id() for _ in range(50)}
    os.waitpid(child, 0)
    text = os.read(reading, 50 * 36).decode()
    os.close(reading)
    os.close(writing)
    theirs = {text[begin : begin + 36] for begin in range(0, len(text), 36)}
    assert len(theirs) == 50
    # The last group is counted up from a random number: the same seed would show in it.
    assert {one[24:] for one in ours}.isdisjoint(one[24:] for one in theirs)


@given(UUIDS)
def test_a_uuid_is_16_bytes_at_rest(text: str) -> None:
    assert len(pack_id(text)) == 16
    assert unpack_id(pack_id(text)) == text


@given(st.text() | UUIDS | UUIDS.map(str.upper) | st.uuids().map(lambda one: one.hex))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert id_in_memory(id_at_rest(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no uuid",
        "0189D0E2-0000-7000-8000-000000000000",
        "0189d0e200007000800000000000000000--",
        "0189d0e2-0000-7000-8000-00000000000 ",
        "0189d0e2-0000-7000-8000-00000000000g",
        " 189d0e2-0000-7000-8000- 00000000000",
    ],
)
def test_what_is_no_canonical_uuid_is_not_packed(text: str) -> None:
    with pytest.raises(ValueError, match="no UUID"):
        pack_id(text)
    assert id_at_rest(text) == text


@given(st.lists(UUIDS | st.text(alphabet="0123456789abcdef- A", min_size=34, max_size=38), max_size=5))
def test_many_at_once_are_as_each_alone(texts: list[str]) -> None:
    assert ids_at_rest(texts) == [id_at_rest(text) for text in texts]

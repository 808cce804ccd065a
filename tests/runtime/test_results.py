"""Stores of results: what is kept comes back, whole and from here, and no key leads elsewhere."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.exceptions import MissingResult, ResultNotSerializable, ResultTampered, SerializationError
from segue.results import LocalResultStore, MemoryResultStore, Ref, ResultStore, safe_join, signing_key
from segue.serializers import CompressedJSONSerializer, PickleSerializer, Serializer


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.size == self.size

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class Exploding:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


class Fragile(Serializer[str]):
    type = "fragile"

    def dumps(self, obj: str) -> bytes:
        return obj.encode()

    def loads(self, blob: bytes) -> str:
        raise AttributeError("class Old is gone")


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ResultStore:
    return MemoryResultStore() if request.param == "memory" else LocalResultStore(tmp_path / "storage")


@pytest.fixture
def local(tmp_path: Path) -> LocalResultStore:
    return LocalResultStore(tmp_path / "storage")


# --- what every store does ---


@pytest.mark.parametrize(
    ("value", "serializer"),
    [
        ({"a": (1, b"x")}, "json"),
        (None, "json"),
        (Thing(3), "pickle"),
        ([Thing(3), {1, 2}], "pickle"),
    ],
)
def test_a_value_is_kept_as_json_or_else_pickled(store: ResultStore, value: Any, serializer: str) -> None:
    ref = store.persist(value)

    assert ref.serializer == serializer
    assert store.load(ref) == value


@pytest.mark.parametrize("serializer", ["pickle", "compressed/json", CompressedJSONSerializer(compressionlib="zlib")])
def test_a_value_is_kept_by_the_serializer_asked_for(store: ResultStore, serializer: Any) -> None:
    assert store.load(store.persist([1, 2], serializer)) == [1, 2]


def test_a_ref_survives_the_journal(store: ResultStore) -> None:
    ref = store.persist(1, key="a/b")

    again = msgspec.convert(msgspec.to_builtins(ref), Ref)

    assert again == Ref(store.storage, "a/b", "json")
    assert store.load(again) == 1


def test_each_result_without_a_key_gets_one_of_its_own(store: ResultStore) -> None:
    first, second = store.persist(1), store.persist(2)

    assert (store.load(first), store.load(second)) == (1, 2)


def test_a_key_holds_what_was_last_kept(store: ResultStore) -> None:
    store.persist("old", key="k")
    ref = store.persist("new", "pickle", key="k")

    assert store.load(ref) == "new"


def test_what_is_deleted_is_missing(store: ResultStore) -> None:
    ref = store.persist(1, key="k")
    assert store.exists("k")

    store.delete("k")
    store.delete("k")

    assert not store.exists("k")
    with pytest.raises(MissingResult, match="'k' is not in"):
        store.load(ref)


def test_a_result_expires_at_its_instant(store: ResultStore) -> None:
    ref = store.persist(1, expires=1_000)

    assert store.load(ref, now=999) == store.load(ref) == 1
    with pytest.raises(MissingResult, match="has expired"):
        store.load(ref, now=1_000)


def test_what_cannot_be_written_leaves_nothing_behind(store: ResultStore) -> None:
    with pytest.raises(ResultNotSerializable, match=r"^The result\[0\] is a _thread.lock"):
        store.persist([threading.Lock()], key="k")
    with pytest.raises(ResultNotSerializable, match="Use result_serializer='pickle'"):
        store.persist(Thing(1), "json", key="k")

    assert not store.exists("k")


def test_what_can_no_longer_be_read_is_told(store: ResultStore) -> None:
    ref = store.persist("x", Fragile())

    with pytest.raises(SerializationError, match="cannot be read any more: AttributeError: class Old is gone"):
        store.load(ref)


@settings(deadline=None)
@given(st.text(st.characters() | st.sampled_from("\ud800\0/.~\\")), st.integers())
def test_any_text_is_a_key(tmp_path_factory: pytest.TempPathFactory, key: str, value: int) -> None:
    store = LocalResultStore(tmp_path_factory.getbasetemp() / "any-key")

    ref = store.persist(value, key=key)

    assert store.load(ref) == value


# --- signatures ---


def file_of(store: LocalResultStore, ref: Ref) -> Path:
    return safe_join(store.root, ref.key)


@pytest.mark.parametrize("place", [0, 20, 50, -1])
def test_a_changed_file_is_not_read(local: LocalResultStore, tmp_path: Path, place: int) -> None:
    ref = local.persist(Exploding(tmp_path / "boom"), "pickle")
    content = bytearray(file_of(local, ref).read_bytes())
    content[place] ^= 1
    file_of(local, ref).write_bytes(content)

    with pytest.raises(ResultTampered, match="signature"):
        local.load(ref)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("size", [0, 10, 40, 60])
def test_a_file_cut_short_is_not_read(local: LocalResultStore, size: int) -> None:
    ref = local.persist([1, 2, 3])
    file_of(local, ref).write_bytes(file_of(local, ref).read_bytes()[:size])

    with pytest.raises(ResultTampered):
        local.load(ref)


def test_a_result_of_another_installation_is_not_read(local: LocalResultStore, tmp_path: Path) -> None:
    ref = LocalResultStore(local.root, tmp_path / "other.key").persist(Exploding(tmp_path / "boom"))

    with pytest.raises(ResultTampered, match="another key"):
        local.load(ref)
    assert not (tmp_path / "boom").exists()


def test_a_result_put_in_the_place_of_another_is_not_read(local: LocalResultStore) -> None:
    one, other = local.persist("mine", key="one"), local.persist("theirs", key="other")
    file_of(local, one).write_bytes(file_of(local, other).read_bytes())

    with pytest.raises(ResultTampered, match="is that of 'other'"):
        local.load(one)


def test_expiry_cannot_be_changed(local: LocalResultStore) -> None:
    ref = local.persist("x", expires=1_000)
    file = file_of(local, ref)
    file.write_bytes(file.read_bytes().replace(b"1000", b"9000"))

    with pytest.raises(ResultTampered):
        local.load(ref, now=2_000)


def test_files_and_the_key_are_for_their_owner_only(local: LocalResultStore) -> None:
    file = file_of(local, local.persist(1))

    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, local.key_file)] == [0o600, 0o600]
    assert stat.S_IMODE(local.root.stat().st_mode) == 0o700


def test_all_that_make_the_key_at_once_use_the_same(tmp_path: Path) -> None:
    path = tmp_path / "home" / "results.key"
    gate = threading.Barrier(8)

    def make(_: int) -> bytes:
        gate.wait()
        return signing_key(path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(make, range(8)))

    assert keys == {path.read_bytes()}
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_key_file_is_not_replaced(local: LocalResultStore) -> None:
    local.key_file.write_bytes(b"short")

    with pytest.raises(ResultTampered, match=r"key file .* is damaged"):
        local.persist(1)


# --- files ---


def test_a_result_is_read_in_another_process(local: LocalResultStore) -> None:
    ref = local.persist({"a": (1, 2)}, "pickle")
    program = (
        "import sys; from segue.results import LocalResultStore, Ref\n"
        "print(LocalResultStore(sys.argv[1]).load(Ref(*sys.argv[1:])))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, ref.storage, ref.key, ref.serializer],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "{'a': (1, 2)}"


def test_readers_beside_a_writer_see_the_old_or_the_new_value_whole(local: LocalResultStore) -> None:
    values = ["a" * 50_000, "b" * 50_000]
    ref = local.persist(values[0], key="k")

    def write(number: int) -> None:
        local.persist(values[number % 2], key="k")

    with ThreadPoolExecutor(2) as pool:
        written = pool.map(write, range(30))
        seen = list(pool.map(lambda _: local.load(ref), range(30)))

    assert len(list(written)) == 30
    assert set(seen) <= set(values)
    assert [path.name for path in local.root.iterdir()] == ["k.result"]


HOSTILE = [
    "../x",
    "..",
    ".",
    "",
    "a/../../x",
    "/etc/passwd",
    "a//b",
    "a/",
    "..%2fx",
    "%00",
    "a\0b",
    "C:\\x",
    "\\\\host\\x",
    ".env",
    "~",
    "~root/x",
    "-rf",
    "a\nb",
    "a" * 300,
    "a/" * 200 + "b",
    "é",
    "e\u0301",
    "x.result",
    "x.result/y",
    "\ud800",
]


def test_no_two_hostile_keys_meet_and_none_is_outside(tmp_path: Path) -> None:
    paths = [safe_join(tmp_path, key) for key in HOSTILE]

    assert len(set(paths)) == len(HOSTILE)
    assert {path.parent for path in paths} == {tmp_path}


@settings(deadline=None)
@given(st.text(st.characters() | st.sampled_from("\ud800\0/.~\\")) | st.from_regex(r"\A[./a-z~]*\Z"))
def test_the_file_of_a_key_is_inside_of_the_root(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    root = tmp_path_factory.getbasetemp()

    path = safe_join(root, key)

    assert path.resolve().is_relative_to(root.resolve())
    assert path.parts[: len(root.parts)] == root.parts
    assert all(len(part.encode()) <= 255 for part in path.parts)


def test_plain_keys_are_their_own_paths(tmp_path: Path) -> None:
    assert safe_join(tmp_path, "reports/2024-01/a_b=c.json") == tmp_path / "reports/2024-01/a_b=c.json.result"


def test_a_key_and_a_longer_one_live_side_by_side(local: LocalResultStore) -> None:
    refs = [local.persist(key, key=key) for key in ("a", "a/b", "a/b/c")]

    assert [local.load(ref) for ref in refs] == ["a", "a/b", "a/b/c"]


def test_a_link_out_of_the_root_is_not_followed(local: LocalResultStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    ref = local.persist("inside", key="x")
    file_of(local, ref).rename(outside / "x.result")
    file_of(local, ref).symlink_to(outside / "x.result")
    (local.root / "folder").symlink_to(outside)

    with pytest.raises(MissingResult):
        local.load(ref)
    with pytest.raises(ResultTampered, match="leads out of"):
        local.persist("y", key="folder/y")
    assert [path.name for path in outside.iterdir()] == ["x.result"]

    assert local.load(local.persist("again", key="x")) == "again"
    assert not file_of(local, ref).is_symlink()


def test_a_root_that_is_a_link_itself_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = LocalResultStore(tmp_path / "link")

    assert store.load(store.persist(1, PickleSerializer(), key="a/b")) == 1


def test_a_root_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = LocalResultStore(tmp_path / "file" / "storage", tmp_path / "results.key")

    with pytest.raises(NotADirectoryError):
        store.persist(1)

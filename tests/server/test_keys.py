"""The file of keys: what is kept, who is recognised, and what happens when it is broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from segue.cli.main import main
from segue.server.keys import SESSION_US, Given, Key, KeysError, KeysFile, given_key, given_session
from segue.settings import load_settings

DAY = 86_400 * 1_000_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "segue.db"


def shown(text: str) -> Given:
    given = given_key(text)
    assert given is not None
    return given


def test_a_key_is_recognised_by_its_text_in_every_process(database: Path) -> None:
    text = KeysFile(database).create("ci", "run", now=5, expires=None)

    found = KeysFile(database).key(shown(text), now=DAY)

    assert found is not None
    assert (found.name, found.scope, found.created, found.last_used) == ("ci", "run", 5, None)


def test_only_a_hash_is_kept_in_a_file_of_ones_own(database: Path) -> None:
    file = KeysFile(database)
    text = file.create("ci", "run", now=5, expires=None)

    assert shown(text).secret not in file.path.read_text()
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in database.parent.iterdir()) == ["segue.db.keys", "segue.db.keys.lock"]


@pytest.mark.parametrize(
    "text", ["", "sgk", "sgk__", "sgk_a_b", "sgk_a", "SGK_a_b", "sgk_é_ü", "sgk_\udcff_x", "sgk_" + "x" * 300, "_a_b"]
)
def test_no_other_text_is_a_key(database: Path, text: str) -> None:
    file = KeysFile(database)
    file.create("ci", "run", now=0, expires=None)
    given = given_key(text)

    assert given is None or file.key(given, now=1) is None


def test_the_id_of_one_key_does_not_go_with_the_secret_of_another(database: Path) -> None:
    file = KeysFile(database)
    one, other = (shown(file.create(name, "admin", now=0, expires=None)) for name in ("one", "other"))

    assert file.key(Given(one.id, other.secret), now=1) is None


def test_a_key_ends_at_its_instant(database: Path) -> None:
    file = KeysFile(database)
    given = shown(file.create("ci", "run", now=0, expires=DAY))

    assert file.key(given, now=DAY - 1) is not None
    assert file.key(given, now=DAY) is None


def test_a_revoked_key_is_none_and_takes_its_sessions_along(database: Path) -> None:
    file = KeysFile(database)
    key = file.key(shown(file.create("page", "admin", now=0, expires=None)), now=1)
    assert isinstance(key, Key)
    session = given_session(file.begin(key, now=1))
    assert session is not None
    assert file.session(session, now=2) == key

    KeysFile(database).revoke("page")

    assert file.keys == ()
    assert file.session(session, now=2) is None


def test_a_session_ends_by_logout_and_after_twelve_hours(database: Path) -> None:
    file = KeysFile(database)
    key = file.key(shown(file.create("page", "admin", now=0, expires=None)), now=1)
    assert key is not None
    left, kept = given_session(file.begin(key, now=0)), given_session(file.begin(key, now=0))
    assert left is not None
    assert kept is not None

    file.end(left.id)

    assert file.session(left, now=1) is None
    assert file.session(kept, now=SESSION_US - 1) == key
    assert file.session(kept, now=SESSION_US) is None


def test_of_more_than_a_thousand_sessions_the_oldest_end(database: Path) -> None:
    file = KeysFile(database)
    key = file.key(shown(file.create("page", "admin", now=0, expires=None)), now=1)
    assert key is not None
    document = {"id": "x", "key": key.id, "digest": "0", "expires": DAY}
    content = json.loads(file.path.read_text())
    content["sessions"] = [{**document, "id": f"old{n}"} for n in range(1000)]
    file.path.write_text(json.dumps(content))

    file.begin(key, now=1)

    sessions = [session["id"] for session in json.loads(file.path.read_text())["sessions"]]
    assert (len(sessions), "old0" in sessions, "old1" in sessions) == (1000, False, True)


def test_the_uses_of_keys_are_written_down_and_never_go_back(database: Path) -> None:
    file = KeysFile(database)
    key_id = shown(file.create("ci", "run", now=0, expires=None)).id

    file.used({key_id: 20, "gone": 30})
    file.used({key_id: 10})

    assert [key.last_used for key in file.keys] == [20]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_refused(database: Path, name: str) -> None:
    with pytest.raises(KeysError, match="printable"):
        KeysFile(database).create(name, "run", now=0, expires=None)


def test_two_keys_cannot_have_one_name(database: Path) -> None:
    KeysFile(database).create("ci", "run", now=0, expires=None)

    with pytest.raises(KeysError, match="'ci' already"):
        KeysFile(database).create("ci", "read", now=0, expires=None)


def test_a_key_that_is_not_there_cannot_be_revoked(database: Path) -> None:
    KeysFile(database).create("nightly", "run", now=0, expires=None)

    with pytest.raises(KeysError, match="Did you mean 'nightly'"):
        KeysFile(database).revoke("nighty")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": [{}]}', b"\xff", b'{"keys": 3}'])
def test_a_broken_file_lets_nobody_in_and_is_not_overwritten(database: Path, content: bytes) -> None:
    file = KeysFile(database)
    file.path.write_bytes(content)

    with pytest.raises(KeysError, match="Nobody is let in"):
        file.key(Given("a", "b"), now=0)
    with pytest.raises(KeysError, match="Nobody is let in"):
        file.create("ci", "run", now=0, expires=None)
    assert file.path.read_bytes() == content


# --- the command ---


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def api_key(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`segue api-key …` in this process."""

    def call(*arguments: str) -> Done:
        code = main(["api-key", *arguments])
        return Done(code, *capsys.readouterr())

    return call


def own_file() -> KeysFile:
    return KeysFile(load_settings().settings.database)


def test_a_key_is_created_listed_and_revoked(api_key: Callable[..., Done]) -> None:
    made = api_key("create", "ci", "--scope", "admin", "--expires", "90d")
    [listed] = json.loads(api_key("ls", "-o", "json").out)
    shown = api_key("ls").out
    revoked = api_key("revoke", "ci")

    given = shown_key(made.out)
    assert given.id == listed["id"]
    assert (listed["name"], listed["scope"], listed["last_used"]) == ("ci", "admin", None)
    assert given.secret not in shown
    assert revoked.out == f"Revoked key 'ci' ({given.id}).\n"
    assert "the server lets nobody in" in revoked.err
    assert own_file().keys == ()


def shown_key(out: str) -> Given:
    """The key that a command has printed."""
    return shown(out.strip())


def test_only_the_first_key_changes_who_is_asked(api_key: Callable[..., Done]) -> None:
    first, second = api_key("create", "one"), api_key("create", "two")

    assert "asks everybody for a key" in first.err
    assert second.err == ""


def test_a_key_lasts_as_long_as_it_is_said(api_key: Callable[..., Done]) -> None:
    api_key("create", "short", "--expires", "12h")

    [key] = own_file().keys
    assert key.expires is not None
    assert key.expires - key.created == 12 * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("create", "ci"), 2, "There is a key 'ci' already"),
        (("create", "new", "--expires", "soon"), 2, "--expires"),
        (("create", "new", "--scope", "root"), 2, "root"),
        (("revoke", "cj"), 3, "There is no key 'cj'."),
        (("revoke",), 2, "Say which key"),
    ],
)
def test_what_cannot_be_is_said(
    api_key: Callable[..., Done], arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    api_key("create", "ci")

    done = api_key(*arguments)

    assert (done.code, sentence in done.err) == (code, True), done.err
    assert [key.name for key in own_file().keys] == ["ci"]


def test_before_the_first_key_the_list_says_how_to_make_one(api_key: Callable[..., Done]) -> None:
    assert api_key("ls").out == "There are no keys; `segue api-key create NAME` makes one.\n"
    assert own_file().stamp is None, "looking makes no file: that would close the server"

"""segue journal, and what every command says of a journal that cannot be used."""

import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from .conftest import Command

SCRIPT = "from segue import flow\n@flow\ndef hello(name: str = 'you'):\n    return f'hello {name}'\n"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script with a small flow."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"script_{os.urandom(4).hex()}.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def database(segue: Command, script: Path, home: Path) -> Path:
    """A journal with one run."""
    assert segue("run", f"{script}:hello").code == 0
    return home / "segue.db"


def test_a_sound_journal_is_said_to_be_sound(segue: Command, database: Path) -> None:
    shown = json.loads(segue("journal", "check", "-o", "json").out)

    assert segue("journal", "check").out.startswith(f"The journal {database} is sound up to its event ")
    assert shown["problems"] == []


def test_tables_that_do_not_say_what_the_events_say_are_found_and_made_anew(segue: Command, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE flow_run SET name = 'nobody'")
    connection.close()
    found = segue("journal", "check")

    assert found.code == 74
    assert "`segue journal rebuild`" in found.err
    assert segue("journal", "rebuild").code == 0
    assert segue("journal", "check").code == 0


def test_a_backup_is_a_journal_of_its_own(
    segue: Command, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    runs = segue("flow-run", "ls", "-o", "json").out
    done = segue("journal", "backup", str(copy))
    again = segue("journal", "backup", str(copy))
    monkeypatch.setenv("SEGUE_DATABASE", str(copy))

    assert done.out.startswith(f"Copied {database} to {copy} (")
    assert (again.code, f"{copy} is there already" in again.err) == (2, True)
    assert segue("flow-run", "ls", "-o", "json").out == runs


def test_a_backup_into_a_folder_that_is_not_there_is_refused(segue: Command, database: Path, tmp_path: Path) -> None:
    done = segue("journal", "backup", str(tmp_path / "none" / "copy.db"))

    assert done.code == 74
    assert "none" in done.err
    assert "went wrong" not in done.err


def test_the_status_tells_where_the_journal_is_and_how_far_it_goes(segue: Command, database: Path) -> None:
    shown = json.loads(segue("journal", "status", "-o", "json").out)

    assert shown["path"] == str(database)
    assert shown["cursor"].endswith(f":{shown['head']}")
    assert f"Journal  {database}\nEvents   {shown['head']}\n" in segue("journal", "status").out


def break_as_no_database(path: Path) -> None:
    path.write_bytes(b"This is no database at all. " * 100)


def break_as_another_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name)")
    connection.close()


def break_as_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1936025461")
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def break_as_folder(path: Path) -> None:
    path.mkdir()


def break_as_cut_off(path: Path) -> None:
    break_as_another_database(path)
    path.write_bytes(path.read_bytes()[:5000])


BREAKS = [break_as_no_database, break_as_another_database, break_as_newer, break_as_folder, break_as_cut_off]


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("command", ["run {script}:hello", "flow-run ls", "flow-run inspect x", "journal check"])
def test_a_journal_that_cannot_be_used_is_told_in_a_sentence_with_its_path(
    segue: Command, script: Path, home: Path, broken: object, command: str
) -> None:
    home.mkdir()
    broken(home / "segue.db")  # type: ignore[operator]

    done = segue(*command.format(script=script).split())

    assert (done.code, done.out) == (74, "")
    assert str(home / "segue.db") in done.err
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert "segue itself" not in done.err


@pytest.mark.parametrize("place", ["/proc/segue", "{file}/home"])
def test_a_home_that_cannot_be_made_is_told_in_a_sentence(
    segue: Command, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("")
    where = place.format(file=tmp_path / "file")
    monkeypatch.setenv("SEGUE_DATABASE", f"{where}/segue.db")

    done = segue("run", f"{script}:hello")

    assert (done.code, done.out) == (74, "")
    assert where.split("/home")[0] in done.err
    assert done.err.count("\n") == 1
    assert "segue itself" not in done.err


def test_a_profile_that_is_broken_stops_every_command_that_needs_it(segue: Command, script: Path, home: Path) -> None:
    home.mkdir()
    (home / "profiles.toml").write_text("[profiles.default\n")

    for command in (["run", f"{script}:hello"], ["flow-run", "ls"], ["config", "view"]):
        done = segue(*command)
        assert (done.code, done.out) == (78, "")
        assert f"{home}/profiles.toml is not valid TOML: " in done.err
    assert segue("version").code == 0

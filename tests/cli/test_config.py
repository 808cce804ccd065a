"""segue config and segue profile: settings as files, with nobody's secrets on the screen."""

import json
from pathlib import Path

import pytest

from .conftest import Command


def test_a_setting_that_is_set_is_in_the_profile_and_in_force(segue: Command, home: Path) -> None:
    done = segue("config", "set", "SEGUE_LOGGING_LEVEL=debug")

    assert done == (0, "Set 'SEGUE_LOGGING_LEVEL' to 'DEBUG'.\nUpdated profile 'default'.\n", "")
    assert 'SEGUE_LOGGING_LEVEL = "DEBUG"' in (home / "profiles.toml").read_text()
    assert "SEGUE_LOGGING_LEVEL='DEBUG' (from profile 'default')" in segue("config", "view").out


def test_view_hides_secrets_unless_asked(segue: Command) -> None:
    assert "hunter2" not in segue("config", "set", "SEGUE_NOTIFY_URLS=mailto://me:hunter2@mail").out
    assert "hunter2" not in segue("config", "view").out
    assert "hunter2" in segue("config", "view", "--show-secrets").out
    assert "hunter2" not in segue("profile", "inspect").out


def test_view_as_json_has_values_with_their_sources(segue: Command) -> None:
    segue("config", "set", "SEGUE_TASKS_DEFAULT_RETRIES=2")

    shown = json.loads(segue("config", "view", "--show-defaults", "-o", "json").out)

    assert shown["SEGUE_TASKS_DEFAULT_RETRIES"] == {"value": 2, "source": "profile 'default'"}
    assert shown["SEGUE_DURABILITY"] == {"value": "normal", "source": "defaults"}


def test_an_unset_setting_has_its_default_again(segue: Command) -> None:
    segue("config", "set", "SEGUE_DURABILITY=full")

    assert segue("config", "unset", "SEGUE_DURABILITY").out == "Unset 'SEGUE_DURABILITY'.\nUpdated profile 'default'.\n"
    assert "DURABILITY" not in segue("config", "view").out


def test_a_variable_of_the_environment_that_wins_is_told_of(segue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DURABILITY", "normal")

    assert "set in the environment too, which wins" in segue("config", "set", "SEGUE_DURABILITY=full").err


def test_a_profile_with_a_wrong_line_can_be_mended_by_the_command(segue: Command, home: Path) -> None:
    home.mkdir()
    (home / "profiles.toml").write_text("[profiles.default]\nSEGUE_DURABILTY = 'full'\n")

    assert segue("config", "view").code == 78
    assert segue("config", "unset", "SEGUE_DURABILTY").code == 0
    assert segue("config", "view").code == 0


def test_a_life_of_a_profile(segue: Command) -> None:
    segue("config", "set", "SEGUE_DURABILITY=full")
    segue("profile", "create", "work", "--from", "default")
    segue("profile", "use", "work")
    segue("profile", "rename", "work", "job")

    assert segue("profile", "ls").out == "  default\n* job\n"
    assert json.loads(segue("profile", "inspect", "-o", "json").out) == {
        "name": "job",
        "active": True,
        "settings": {"SEGUE_DURABILITY": "full"},
    }
    segue("profile", "delete", "default")
    assert json.loads(segue("profile", "ls", "-o", "json").out) == [{"name": "job", "active": True, "settings": 1}]


def test_another_profile_for_one_command(segue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    segue("profile", "create", "loud")
    segue("--profile", "loud", "config", "set", "SEGUE_LOGGING_LEVEL=DEBUG")

    assert "DEBUG" in segue("--profile", "loud", "config", "view").out
    monkeypatch.setenv("SEGUE_PROFILE", "")
    assert "DEBUG" not in segue("config", "view").out


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("config set SEGUE_TASK_DEFAULT_RETRIES=1", 2, "Did you mean 'SEGUE_TASKS_DEFAULT_RETRIES'?"),
        ("config set SEGUE_TASKS_DEFAULT_RETRIES=-1", 2, "it must be a whole number of at least 0."),
        ("config set SEGUE_DURABILITY", 2, "'SEGUE_DURABILITY' has no value; write SEGUE_DURABILITY=value."),
        ("config set SEGUE_HOME=/x", 2, "set it in the environment"),
        ("config set", 2, "Say which setting"),
        ("config unset", 2, "Say which setting"),
        ("config unset SEGUE_DURABILITY", 2, "'SEGUE_DURABILITY' is not set in profile 'default'."),
        ("profile use nobody", 3, "There is no profile 'nobody'"),
        ("profile inspect defalt", 3, "Did you mean 'default'?"),
        ("profile delete default", 2, "is the active one"),
        ("profile create a/b", 2, "cannot be the name of a profile"),
        ("--profile nobody config view", 78, "There is no profile 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(segue: Command, command: str, code: int, sentence: str) -> None:
    done = segue(*command.split())

    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1


def test_a_home_that_cannot_be_written_is_named(segue: Command, home: Path) -> None:
    home.write_text("a file, where a folder is expected")

    done = segue("config", "set", "SEGUE_DURABILITY=full")

    assert done.code == 78
    assert f"{home}/profiles.toml cannot be read: Not a directory" in done.err

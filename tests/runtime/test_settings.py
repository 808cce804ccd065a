"""Settings: where values come from, what they may be, and what is said about those that may not."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from segue.exceptions import SettingsError
from segue.settings import (
    SETTINGS,
    LoadedSettings,
    get_current_settings,
    load_settings,
    settings_context,
    temporary_settings,
)


def loaded(home: Path, profiles: str = "", **environ: str) -> LoadedSettings:
    (home / "profiles.toml").write_text(profiles)
    return load_settings({"SEGUE_HOME": str(home), **environ})


def test_the_environment_wins_over_the_profile_and_the_profile_over_the_defaults(tmp_path: Path) -> None:
    profile = '[profiles.default]\nSEGUE_DURABILITY = "full"\nSEGUE_LOGGING_LEVEL = "error"'
    found = loaded(tmp_path, profile, SEGUE_LOGGING_LEVEL="debug")

    settings = found.settings
    assert (settings.durability, settings.logging_level, settings.results_inline_limit) == ("full", "DEBUG", 16_384)
    assert {name: given.source for name, given in found.given.items()} == {
        "home": "environment",
        "durability": "profile 'default'",
        "logging_level": "environment",
    }


def test_the_profile_is_the_active_one_or_the_one_asked_for(tmp_path: Path) -> None:
    profiles = 'active = "a"\n[profiles.a]\nSEGUE_API_URL = "A"\n[profiles.b]\nSEGUE_API_URL = "B"'

    assert loaded(tmp_path, profiles).settings.api_url == "A"
    assert loaded(tmp_path, profiles, SEGUE_PROFILE="b").settings.api_url == "B"
    assert load_settings({"SEGUE_HOME": str(tmp_path)}, profile="b").settings.api_url == "B"


def test_paths_lie_in_the_home_unless_the_environment_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"

    def database(**environ: str) -> Path:
        return load_settings({"SEGUE_HOME": str(home), **environ}).settings.database

    assert database() == home / "segue.db"
    assert database(SEGUE_DATABASE="here.db") == tmp_path / "here.db"
    assert load_settings({"SEGUE_HOME": "home"}).settings.results_storage == home / "storage"


def test_a_path_in_a_profile_lies_beside_the_profile(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[profiles.default]\nSEGUE_DATABASE = "runs/a.db"')

    assert found.settings.database == tmp_path / "runs" / "a.db"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TASKS_DEFAULT_RETRIES", " 3 ", 3),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1.5", 1.5),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1 10 100", (1.0, 10.0, 100.0)),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "[1, 10]", (1.0, 10.0)),
        ("TASKS_REFRESH_CACHE", "True", True),
        ("TASKS_REFRESH_CACHE", "0", False),
        ("TASKS_MAX_THREADS", "", None),
        ("DURABILITY", "FULL", "full"),
        ("NOTIFY_URLS", "json://a json://b", ("json://a", "json://b")),
        ("NOTIFY_URLS", '["mailto://a?to=b c"]', ("mailto://a?to=b c",)),
    ],
)
def test_text_becomes_the_value_it_stands_for(name: str, text: str, value: object) -> None:
    settings = load_settings({f"SEGUE_{name}": text}).settings

    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("TASKS_DEFAULT_RETRIES", "-1", "SEGUE_TASKS_DEFAULT_RETRIES is '-1' in the environment; it must be"),
        ("TASKS_DEFAULT_RETRIES", "many", "is 'many' in the environment; it must be a whole number of at least 0."),
        ("TASKS_MAX_THREADS", "0", "it must be a whole number of at least 1."),
        ("NOTIFY_TIMEOUT_SECONDS", "nan", "it must be a number of at least 0."),
        ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1 -2", "or a list, each item a number of at least 0."),
        ("LOGGING_LOG_PRINTS", "perhaps", "it must be true or false."),
        ("DURABILITY", "total", "it must be one of normal, full."),
        ("DATABASE", "~nobody-of-this-name/x", "it must be a path."),
        ("HOME", "~nobody-of-this-name", "it must be a path."),
        ("TASKS_DEFAULT_RETRIES", "9" * 5000, "(5,002 characters)"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({f"SEGUE_{name}": text})

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("SEGUE_DURABILITY = 3", "SEGUE_DURABILITY is 3 in {file}, line 2; it must be one of normal, full."),
        ('SEGUE_DATABASE = "a\\u0000"', "SEGUE_DATABASE is 'a\\x00' in {file}, line 2; it must be a path."),
        ('SEGUE_DURABILTY = "full"', "as written in {file}, line 2. Did you mean 'SEGUE_DURABILITY'?"),
        ('SEGUE_HOME = "/x"', "SEGUE_HOME is set in {file}, line 2, but it says where that file is; set it"),
    ],
)  # fmt: skip
def test_a_profile_that_is_wrong_is_refused_with_its_line(tmp_path: Path, line: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, f"[profiles.default]\n{line}\n")

    assert sentence.format(file=tmp_path / "profiles.toml") in str(caught.value)


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, SEGUE_NOTIFY_URLS='["mailto://me:hunter2@')

    assert "hunter2" not in str(caught.value)
    assert "SEGUE_NOTIFY_URLS is ********" in str(caught.value)


def test_a_variable_that_resembles_a_setting_is_warned_about(tmp_path: Path) -> None:
    found = loaded(tmp_path, SEGUE_LOGGING_LEVL="DEBUG", SEGUE_OF_ANOTHER="x", SEGUE__RUNTIME__HOME="y")

    assert found.warnings == (
        "SEGUE_LOGGING_LEVL in the environment is not a setting and does nothing. Did you mean SEGUE_LOGGING_LEVEL?",
    )


def test_temporary_settings_hold_inside_the_block_and_nest(tmp_path: Path) -> None:
    with temporary_settings({"SEGUE_TASKS_DEFAULT_RETRIES": 2, "home": tmp_path}):
        with temporary_settings(
            {"tasks_refresh_cache": "true"}, restore_defaults=["SEGUE_TASKS_DEFAULT_RETRIES"]
        ) as inner:
            assert (inner.tasks_default_retries, inner.tasks_refresh_cache) == (0, True)
            assert inner.database == tmp_path / "segue.db"
        assert get_current_settings().tasks_default_retries == 2
        assert not get_current_settings().tasks_refresh_cache


@pytest.mark.parametrize(("name", "value"), [("SEGUE_TASK_DEFAULT_RETRIES", 2), ("tasks_default_retries", "x")])
def test_temporary_settings_refuse_what_they_cannot_set(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match="SEGUE_TASKS_DEFAULT_RETRIES"), temporary_settings({name: value}):
        pass


def test_a_context_has_its_own_settings(tmp_path: Path) -> None:
    with settings_context(loaded(tmp_path, SEGUE_DURABILITY="full")) as settings:
        assert get_current_settings() is settings


def test_each_setting_has_a_sentence_of_help_and_a_default_that_fits() -> None:
    for setting in SETTINGS.values():
        assert setting.help.endswith(".")
        assert msgspec.convert(setting.default, setting.type, strict=False) == setting.default


def test_without_a_profiles_file_no_toml_reader_is_imported(tmp_path: Path) -> None:
    code = "import sys, segue.settings as s; s.get_current_settings(); print('tomllib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"SEGUE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "False\n"

"""The profiles file: read with its lines, changed without losing what a person wrote."""

from pathlib import Path

import pytest

from segue.exceptions import SettingsError
from segue.profiles import ProfilesFile, read_profiles

WRITTEN = """\
# which one is used
active = "default"

[profiles.default]
# the loud one
SEGUE_LOGGING_LEVEL = "DEBUG"  # why not

[profiles.quiet]
SEGUE_LOGGING_LEVEL = "ERROR"
"""


def written(folder: Path, text: str = WRITTEN) -> ProfilesFile:
    path = folder / "profiles.toml"
    path.write_text(text, encoding="utf-8")
    return read_profiles(path)


def test_a_file_that_does_not_exist_holds_an_empty_default_profile(tmp_path: Path) -> None:
    file = read_profiles(tmp_path / "profiles.toml")

    assert (file.active, file.profiles) == ("default", {"default": {}})


def test_a_key_is_found_in_its_own_profile(tmp_path: Path) -> None:
    file = written(tmp_path)

    assert file.line_of("default", "SEGUE_LOGGING_LEVEL") == 6
    assert file.line_of("quiet", "SEGUE_LOGGING_LEVEL") == 9
    assert file.line_of("quiet", "SEGUE_DATABASE") is None


def test_setting_a_key_keeps_the_comments_and_the_other_profiles(tmp_path: Path) -> None:
    changed = written(tmp_path).set("default", {"SEGUE_DURABILITY": "full"})

    assert changed.text == WRITTEN.replace("# why not\n", '# why not\nSEGUE_DURABILITY = "full"\n')


def test_setting_a_key_again_replaces_it(tmp_path: Path) -> None:
    changed = written(tmp_path).set("quiet", {"SEGUE_LOGGING_LEVEL": "INFO"})

    assert changed.text == WRITTEN.replace('"ERROR"', '"INFO"')


def test_unset_use_and_delete_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    changed = written(tmp_path).use("quiet").unset("default", ["SEGUE_LOGGING_LEVEL"])

    assert changed.text == WRITTEN.replace('active = "default"', 'active = "quiet"').replace(
        'SEGUE_LOGGING_LEVEL = "DEBUG"  # why not\n', ""
    )
    assert "[profiles.default]" not in changed.delete("default").text


def test_renaming_the_active_profile_keeps_it_active(tmp_path: Path) -> None:
    changed = written(tmp_path).rename("default", "loud")

    assert changed.active == "loud"
    assert changed.text == WRITTEN.replace("default", "loud")


def test_a_value_over_several_lines_makes_the_file_be_written_anew(tmp_path: Path) -> None:
    file = written(tmp_path, '[profiles.default]\nSEGUE_NOTIFY_URLS = [\n  "a",\n  "b",\n]\n')

    changed = file.set("default", {"SEGUE_NOTIFY_URLS": ["c"]})

    assert changed.text == 'active = "default"\n\n[profiles.default]\nSEGUE_NOTIFY_URLS = ["c"]\n'


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    odd = {"SEGUE_API_URL": "\x7f\x1b\"'\\\n é 雪", "SEGUE_NOTIFY_URLS": ["a", "b"]}
    read_profiles(tmp_path / "new" / "profiles.toml").create("other", odd).write()

    again = read_profiles(tmp_path / "new" / "profiles.toml")

    assert again.profiles == {"default": {}, "other": odd}
    assert again.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("active = ", "is not valid TOML: Invalid value (at end of document)"),
        ("x = 1\ny = [1,\n", "is not valid TOML"),
        ("deep = " + "[" * 100_000, "is not valid TOML"),
        ("active = 3", "is not a profiles file"),
        ("profiles = 3", "is not a profiles file"),
        ('[profile.default]\nA = "b"', "'profile' is not known there"),
        ('active = "prod"\n[profiles.prd]', "'prod' the active profile, which it does not hold. Did you mean 'prd'?"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        written(tmp_path, text)

    assert str(tmp_path / "profiles.toml") in str(caught.value)
    assert sentence in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_bytes(b'active = "\xff"')

    with pytest.raises(SettingsError, match="not UTF-8"):
        read_profiles(tmp_path / "profiles.toml")


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(SettingsError, match=r"home/profiles.toml cannot be read: Not a directory"):
        read_profiles(tmp_path / "home" / "profiles.toml")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    file = read_profiles(tmp_path / "profiles.toml")._replace(path=tmp_path / "home" / "profiles.toml")

    with pytest.raises(SettingsError, match="cannot be written"):
        file.write()


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda file: file.use("quit"), "no profile 'quit' in .*Did you mean 'quiet'?"),
        (lambda file: file.delete("default"), "is the active one"),
        (lambda file: file.create("quiet", {}), "already a profile 'quiet'"),
        (lambda file: file.create("a b", {}), "letters, digits"),
        (lambda file: file.rename("quiet", "default"), "already a profile"),
        (lambda file: file.set("default", {"A": object()}), "cannot hold"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(tmp_path: Path, act: object, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        act(written(tmp_path))  # type: ignore[operator]

"""What is hidden in parameters."""

from datetime import date
from typing import Any

import msgspec
import pytest

from segue_notifiers.messages.masking import MASK, Masking, sounds_secret


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASSWORD", "dbPassword", "api_key", "apiKey", "APIKey", "X-Auth-Token", "access_token", "secret",
     "client_secret", "aws_secret_access_key", "private-key", "connection_string", "cookie", "dsn", "jwt", "apikey"],
)  # fmt: skip
def test_names_that_sound_secret(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["key", "tokenizer", "author", "compass", "passenger", "keyboard", "", "secretary"])
def test_names_that_do_not(name: str) -> None:
    assert not sounds_secret(name)


def test_secrets_are_masked_at_any_depth() -> None:
    value = {"user": "ada", "auth": {"x": 1}, "all": [{"token": "t0p"}, "plain"]}

    assert Masking().value(value) == {"user": "ada", "auth": MASK, "all": [{"token": MASK}, "plain"]}


def test_a_password_within_a_url_is_masked_whatever_the_name() -> None:
    assert Masking().shown("database", "postgresql://ada:lovelace@db/x") == f'"postgresql://{MASK}@db/x"'


def test_a_value_nested_without_end_is_cut() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless

    assert "…" in Masking().shown("endless", endless)


def test_a_long_value_says_how_long_it_is() -> None:
    assert Masking().shown("text", "x" * 1_000).endswith("… (1,002 characters)")


def test_an_object_shows_its_type_only() -> None:
    class Account:
        def __repr__(self) -> str:
            return "Account(password='t0p')"

    assert Masking().shown("account", Account()) == '"<Account>"'


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2", "password=********"),
        ("--token=abc.def --day=3", "--token=******** --day=3"),
        ('login(user="ada", password="hun ter2")', 'login(user="ada", password=********)'),
        ("{'api_key': 'abc', 'day': 3}", "{'api_key': ********, 'day': 3}"),
        ('{"token": "a\\"b", "x": 1}', '{"token": ********, "x": 1}'),
        ("Authorization: Bearer abc.def-1", "Authorization: ********"),
        ("X-Auth-Token: abc", "X-Auth-Token: ********"),
        ("GET https://x.example/a?access_token=abc&b=c", "GET https://x.example/a?access_token=********&b=c"),
        ("https://hooks.slack.com/services/T0/B0/xyz", f"https://hooks.slack.com/services/{MASK}"),
        ("https://discord.com/api/webhooks/123/abc-DEF", f"https://discord.com/api/webhooks/{MASK}"),
        ("it was ghp_0123456789abcdefghij", f"it was {MASK}"),
        ("it was AKIAIOSFODNN7EXAMPLE", f"it was {MASK}"),
        ("it was eyJhbGciOiJI.eyJzdWIi.c2ln", f"it was {MASK}"),
    ],
)
def test_secrets_within_a_text_are_masked(text: str, masked: str) -> None:
    assert Masking().text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "InvalidTokenError: the session has expired",
        "KeyError: 'token'",
        "key=3, keyboard: us, https://x.example/a?b=c",
        'File "/srv/auth/login.py", line 3, in check',
        "if token == other: pass",
        "basic authentication failed",
    ],
)
def test_a_reason_without_a_secret_stays_readable(text: str) -> None:
    assert Masking().text(text) == text


def test_a_known_secret_is_masked_wherever_it_occurs() -> None:
    masking = Masking({"login": {"password": "correct horse"}}, {"tokens": ["battery staple"]})

    assert masking.text("'correct horse' was refused, battery staple too") == f"'{MASK}' was refused, {MASK} too"
    assert masking.value({"seen": ["correct horse"]}) == {"seen": [MASK]}


def test_a_short_secret_does_not_blot_out_the_text() -> None:
    assert Masking({"pin": "1"}).text("1 of 10 failed") == "1 of 10 failed"


def test_a_value_of_any_size_is_cut() -> None:
    huge = {f"a{number}": [{"x": "y"}] * 1_000 for number in range(1_000)}

    assert len(str(Masking().value(huge))) < 1_000_000
    assert len(Masking().text("x" * 10_000_000)) < 100_000


def test_a_text_cannot_act_on_a_terminal_or_break_what_stores_it() -> None:
    assert Masking().text("a\x1b[2Jb\x00\r\nc\u202ed\ud800") == "a[2Jb\ncd?"


def test_plain_data_comes_of_values_that_are_not() -> None:
    value = {1: {3}, "at": date(2026, 6, 1), "raw": msgspec.Raw(b'{"token":"abc"}'), "it": object()}

    assert Masking().value(value) == {"1": [3], "at": "2026-06-01", "raw": {"token": MASK}, "it": "<object>"}

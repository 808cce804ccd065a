"""What is hidden in parameters."""

from typing import Any

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

"""Masking: values under names that sound secret, and passwords within URLs, are never shown."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import msgspec

MASK = "********"

# Whole words of a name: "token" in access_token and accessToken, but not in tokenizer; "key" only together
# with what makes it a secret, since a bare key names a row.
_SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "passcode", "pwd", "pw", "pass", "secret", "secrets", "token", "tokens",
     "credential", "credentials", "cred", "creds", "auth", "authorization", "bearer", "cookie", "cookies", "session",
     "jwt", "pin", "otp", "signature", "sas", "dsn", "apikey", "accesskey", "privatekey", "secretkey",
     "connectionstring", "webhook"}
)  # fmt: skip
_SECRET_PAIRS = frozenset(
    {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("encryption", "key"),
     ("signing", "key"), ("ssh", "key"), ("account", "key"), ("connection", "string")}
)  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s/@]*(?=@)")
_DEPTH = 8


def sounds_secret(name: str) -> bool:
    """Whether a value under this name is to be hidden: api_key, dbPassword, X-Auth-Token."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


def masked(value: Any, depth: int = _DEPTH) -> Any:
    """The value with MASK in place of what sounds secret, at any depth; below the eighth level only "…" is left."""
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(MASK, value)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and not depth:
        return "…"
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {name: MASK if sounds_secret(str(name)) else masked(item, depth - 1) for name, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, depth - 1) for item in cast("list[Any]", value)]
    return value


def shown(name: str, value: Any, limit: int = 200) -> str:
    """A parameter's value as one short line of text, masked."""
    if sounds_secret(name):
        return MASK
    safe = masked(value)
    try:
        text = msgspec.json.encode(safe).decode()
    except (TypeError, ValueError, RecursionError):
        # Only what was made for people is written; a foreign object's repr may hold anything.
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"

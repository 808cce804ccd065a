"""Masking: what sounds secret, and what is known to be secret, is never shown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any, cast
from uuid import UUID

import msgspec

from segue_notifiers.messages.wording import MAX_SEEN, clean

MASK = "********"

MAX_DEPTH = 8
MAX_ITEMS = 1_000
MAX_VALUES = 10_000
MAX_SECRETS = 50  # known ones; others are still hidden by the names they stand under

# A shorter one ("1", "yes", "test") is part of too many harmless words to be hidden wherever it occurs.
MIN_SECRET = 6

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

# "InvalidTokenError: it has expired" is a reason, not a name with its value.
_ERRORS = ("Error", "Exception", "Warning", "Expired")

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s/@]*(?=@)")
# A name and what stands between it and its value: `token=`, `"token": `. It begins where a word does, so that a
# long word is looked at once and not from each of its letters.
_NAMED = re.compile(r"(?<![\w.-])([\w.-]{1,200})[\"']?[ \t]{0,20}[=:][ \t]{0,20}(?![=/])")
_VALUE = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|(?:Bearer|Basic|Digest|Token)[ \t]+[^\s,;\"']+|[^\s,;&\"']+",
    re.IGNORECASE,
)
# Tokens that show by their form what they are.
_TOKEN = re.compile(
    r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bsk-[\w-]{16,}|\bgh[a-z]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bxox[a-z]-[\w-]{8,}|\bA(?:KIA|SIA)[A-Z0-9]{12,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|\bBearer[ \t]+(?=[A-Za-z._~+/=-]*\d)[\w.~+/=-]{8,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/]+|(?<=/api/webhooks/)\d+/[\w-]+"
)


def sounds_secret(name: str) -> bool:
    """Whether a value under this name is to be hidden: api_key, dbPassword, X-Auth-Token."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


class Masking:
    """Hides secrets in values and in texts.

    Of the `holders`, mappings such as a run's parameters, the values under names that sound secret are known to be
    secret: they are hidden wherever they occur. For the rest it hides what stands by a name that sounds secret,
    passwords within URLs, and tokens that show by their form what they are.
    """

    def __init__(self, *holders: Mapping[str, Any]) -> None:
        secrets = (text for holder in holders for secret, text in islice(_texts(holder), MAX_VALUES) if secret)
        found = {secret for secret in islice(secrets, MAX_SECRETS) if len(secret) >= MIN_SECRET}
        # The longest first: a secret may hold another.
        known = sorted(found, key=lambda secret: (-len(secret), secret))
        self._known = re.compile("|".join(re.escape(secret) for secret in known)) if known else None

    def text(self, text: str) -> str:
        """The text with MASK in place of each secret; of what nobody would read, the beginning."""
        text = clean(text[:MAX_SEEN])
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _PASSWORD_IN_URL.sub(MASK, text)
        return _TOKEN.sub(MASK, "".join(_without_named(text)))

    def value(self, value: Any) -> Any:
        """The value as plain data, masked: None, bool, int, float, str, list, and dict with texts as keys.

        Of each list and mapping the first MAX_ITEMS are kept, of all values MAX_VALUES; below the eighth level only
        "…" is left. Of a foreign object only the type is named, for its text may hold anything.
        """
        return self._plain(value, MAX_DEPTH, iter(range(MAX_VALUES)))

    def shown(self, name: str, value: Any, limit: int = 200) -> str:
        """A parameter's value as one short line of text, masked; `limit` is in characters."""
        if sounds_secret(name):
            return MASK
        try:
            text = msgspec.json.encode(self.value(value)).decode()
        except (TypeError, ValueError, OverflowError):
            text = f"<{type(value).__name__}>"
        length = max(len(text), len(value) + 2 if isinstance(value, str) else 0)
        return text if length <= limit else f"{text[:limit]}… ({length:,} characters)"

    def _plain(self, value: Any, depth: int, budget: Iterator[int]) -> Any:
        if next(budget, None) is None:
            return "…"
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, msgspec.Raw):
            return self._plain(_decoded(value), depth, budget)
        if isinstance(value, _WITH_CHILDREN):
            return self._children(value, depth, budget) if depth else "…"
        return str(value) if isinstance(value, date | Decimal | UUID) else f"<{type(value).__name__}>"

    def _children(self, value: Any, depth: int, budget: Iterator[int]) -> Any:
        if isinstance(value, Mapping):
            items = islice(cast("Mapping[Any, Any]", value).items(), MAX_ITEMS)
            return {
                self.text(str(name)): MASK if sounds_secret(str(name)) else self._plain(item, depth - 1, budget)
                for name, item in items
            }
        return [self._plain(item, depth - 1, budget) for item in islice(cast("Iterable[Any]", value), MAX_ITEMS)]


_WITH_CHILDREN = (Mapping, list, tuple, set, frozenset)


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return "<Raw>"


def _texts(value: Any, depth: int = MAX_DEPTH, secret: bool = False) -> Iterator[tuple[bool, str]]:
    """The texts that the value holds, and whether each stands under a name that sounds secret."""
    if isinstance(value, str):
        yield secret, value
    elif isinstance(value, msgspec.Raw):
        yield from _texts(_decoded(value), depth, secret)
    elif depth and isinstance(value, Mapping):
        for name, item in islice(cast("Mapping[Any, Any]", value).items(), MAX_ITEMS):
            yield from _texts(item, depth - 1, secret or sounds_secret(str(name)))
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for item in islice(cast("Iterable[Any]", value), MAX_ITEMS):
            yield from _texts(item, depth - 1, secret)


def _without_named(text: str) -> Iterator[str]:
    """The text in pieces, with MASK where the value of a name that sounds secret stood."""
    written = 0
    for named in _NAMED.finditer(text):
        name = named[1]
        if named.start() < written or name.endswith(_ERRORS) or not sounds_secret(name):
            continue
        if value := _VALUE.match(text, named.end()):
            yield text[written : named.end()]
            yield MASK
            written = value.end()
    yield text[written:]

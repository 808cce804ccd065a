"""Exchange: an ask as an HTTP request, an HTTP response as its answer, and whether another try may help; no I/O."""

from random import Random
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from segue.api.types import ProblemBody
from segue.client.asks import Ask
from segue.client.failures import ApiError, RequestRefused, ServerAway
from segue.exceptions import SettingsError
from segue.version import __version__
from segue_events import backoff, new_id

__all__ = ("Address", "Attempts", "HttpRequest", "HttpResponse", "answer_of", "request_of")

T = TypeVar("T")

MEDIA_TYPE = "application/json"

# An answer that may be another one in a moment: the server starts, stops, has too much to do, or is behind a proxy that
# cannot reach it.
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_LONGEST_REST = 10.0


class Address(NamedTuple):
    """Where a server is, and the key to show to it."""

    url: str
    key: str | None = None

    @property
    def stream(self) -> str:
        """The URL of its websocket."""
        scheme, rest = self.url.split("://", 1)
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/events/stream"

    @classmethod
    def of(cls, url: str, key: str | None = None) -> "Address":
        """Return the address at an API's URL, as "http://127.0.0.1:4200/api"; SettingsError for what is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError(
                f"'{url[:200]}' is no URL of a server's API; write it as http://127.0.0.1:4200/api (SEGUE_API_URL)."
            )
        if parts.username or parts.password:
            raise SettingsError("The URL of a server's API holds a user or password; put the key into SEGUE_API_KEY.")
        return cls(url.rstrip("/"), key)


class HttpRequest(NamedTuple):
    """What goes out; `query` values are texts or lists of texts."""

    method: str
    url: str
    query: dict[str, Any]
    headers: dict[str, str]
    content: bytes | None


class HttpResponse(NamedTuple):
    """What comes in: status, the header Retry-After as it stands, and the body."""

    status: int
    retry_after: str | None
    content: bytes


def request_of(ask: Ask[Any], address: Address) -> HttpRequest:
    """Return the request for an ask; what changes something has a key, so that it can be repeated and is done once."""
    headers = {"Accept": MEDIA_TYPE, "User-Agent": f"segue/{__version__}"}
    if address.key:
        headers["Authorization"] = f"Bearer {address.key}"
    content = None
    if ask.method == "POST":
        headers["Idempotency-Key"] = new_id()
        headers["Content-Type"] = MEDIA_TYPE
        content = msgspec.json.encode(ask.body)
    query = {name: _text(value) for name, value in ask.query.items() if value is not None}
    return HttpRequest(ask.method, address.url + ask.path, query, headers, content)


def answer_of(ask: Ask[T], address: Address, response: HttpResponse) -> T:
    """Return the answer that a response holds; raises ServerAway or RequestRefused."""
    if 200 <= response.status < 300:
        if ask.answer is None:
            return None  # pyright: ignore[reportReturnType]
        try:
            return msgspec.json.decode(response.content, type=ask.answer)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ServerAway(address.url, f"what it says of {ask.path} is no answer of segue's ({error})") from None
    raise _failure(address, response)


def _failure(address: Address, response: HttpResponse) -> ApiError:
    try:
        problem = msgspec.json.decode(response.content, type=ProblemBody)
    except (msgspec.MsgspecError, ValueError):
        # Something between the two answered, or no segue at all.
        return ServerAway(address.url, f"it answered with status {response.status}, in words that are not segue's")
    if response.status in _PASSING:
        return ServerAway(address.url, problem.detail)
    return RequestRefused(address.url, problem)


class Attempts:
    """How often a request is tried, and how long to wait in between."""

    def __init__(self, random: Random, count: int = 4) -> None:
        self._left = count
        self._delays = backoff.exponential(0.1, 3.0, _LONGEST_REST, 0.2, random)

    def rest(self, response: HttpResponse | None) -> float | None:
        """Return the seconds to wait before another try, None for no other; no response is a failed connection."""
        self._left -= 1
        if self._left <= 0 or (response is not None and response.status not in _PASSING):
            return None
        delay = next(self._delays)
        asked = None if response is None else response.retry_after
        return min(max(delay, float(asked)), _LONGEST_REST) if asked and asked.isdecimal() else delay


def _text(value: Any) -> Any:
    if isinstance(value, str | int | float):
        return str(value)
    return [str(item) for item in value]

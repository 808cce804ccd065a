"""HttpPost: one document posted to one URL; the one file that imports httpx2."""

from __future__ import annotations

import asyncio
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from segue_events import Clock
from segue_notifiers.channels.outbound import Outlet, Place, check_literal
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.redaction import Redactor, guarded_task

if TYPE_CHECKING:
    import httpx2

MAX_REDIRECTS = 3
MAX_ANSWER = 64 * 1024
MAX_REASON = 200
LONGEST_REST = 24 * 3600.0

# Refusals that are about the moment and not about the message: too early, too slow, too much.
_PASSING = frozenset({408, 425, 429})
# Those after which the same is to be posted to another place. After 302 and 303 browsers ask for a page there, such as
# the one to log in at, and the message would be lost.
_MOVED = frozenset({301, 307, 308})

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted: the body, and its headers."""

    body: bytes
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class HttpPost:
    """Posts documents to an http(s) URL, which nothing of this object shows.

    It connects to an address that the policy permits, looked up once for each attempt, and follows redirects itself
    so as to check them too. Connections are not kept: one that the target has closed meanwhile would leave it open
    whether a message arrived. `secrets` are hidden besides the URL's parts. Raises InvalidChannel for what is no
    such URL, Forbidden where it names an address that messages may not go to.
    """

    def __init__(self, url: str, outlet: Outlet, *secrets: str) -> None:
        self.place = place_of(url, outlet.name)
        check_literal(self.place, outlet)
        self._url = url
        self._outlet = outlet
        self._secrets = (url, *secrets)
        self._client: httpx2.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"HttpPost({self._outlet.name!r})"

    async def open(self) -> None:
        """Import the library that speaks HTTP; the first message pays for it."""
        if self._client is None:
            loading = call_in_daemon_thread(lambda: _client(self._outlet.timeout), f"segue-load-{self._outlet.name}")
            self._client = await asyncio.wrap_future(loading)

    async def post(self, document: Document) -> str:
        """Post it, and return the beginning of the answer's text once the target has taken it.

        Raises NotDelivered with the reason, or Forbidden where the way leads to an address that it may not go to.
        """
        url, headers = self._url, dict(document.headers)
        for _ in range(MAX_REDIRECTS + 1):
            redact = Redactor(*self._secrets, url)
            with guarded_task(redact):
                answer = await self._exchange(url, Document(body=document.body, headers=headers))
            if answer.status in _MOVED and answer.location:
                url, headers = self._follow(url, answer.location, headers)
                continue
            if 200 <= answer.status < 300:
                return answer.text
            raise refusal(answer, redact, self._outlet.clock)
        raise NotDelivered(f"The target redirects more than {MAX_REDIRECTS} times.", final=True)

    async def _exchange(self, url: str, document: Document) -> Answer:
        place = place_of(url, self._outlet.name)
        addresses = await self._outlet.policy.resolve(place.host, place.port, self._outlet.name)
        failure = "no address"
        for address in addresses:
            outcome = await self._attempt(url, address, document)
            if isinstance(outcome, Answer):
                return outcome
            failure = outcome
        raise NotDelivered(f"The target cannot be reached ({Redactor(*self._secrets, url)(failure)}).")

    async def _attempt(self, url: str, address: str, document: Document) -> Answer | str:
        """The answer of one address, or why there is no connection to it."""
        # Imported by now: open() comes before every message.
        import httpx2  # noqa: PLC0415

        assert self._client is not None, "open() comes before post()"
        there = httpx2.URL(url)
        headers = {"Host": there.netloc.decode("ascii"), "Accept-Encoding": "identity", **document.headers}
        broken = ""
        try:
            async with self._client.stream(
                "POST",
                there.copy_with(host=address),
                content=document.body,
                headers=headers,
                extensions={"sni_hostname": there.raw_host.decode("ascii")},
            ) as response:
                return Answer.of(response.status_code, dict(response.headers), await _beginning(response))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return str(error) or "it does not answer"
        except httpx2.TimeoutException:
            broken = f"There was no answer within {self._outlet.timeout:g} seconds."
        except httpx2.HTTPError as error:
            broken = f"The connection broke off before there was an answer ({type(error).__name__})."
        # Outside of the handler, so that nothing of the request follows the error about.
        raise NotDelivered(broken)

    def _follow(self, url: str, location: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        import httpx2  # noqa: PLC0415 - imported by now

        try:
            here, there = httpx2.URL(url), httpx2.URL(url).join(location)
            place_of(str(there), self._outlet.name)
        except (httpx2.InvalidURL, InvalidChannel, ValueError):
            there = here = None
        if there is None or here is None:
            raise NotDelivered("The target redirects to what is no URL.", final=True)
        if here.scheme == "https" and there.scheme != "https":
            raise NotDelivered(
                "The target redirects from https:// to http://, which would show the message.", final=True
            )
        if (here.host, here.port) == (there.host, there.port):
            return str(there), headers
        return str(there), {name: value for name, value in headers.items() if name.lower() != "authorization"}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a target says."""

    status: int
    text: str
    location: str = ""
    retry_after: str = ""

    @classmethod
    def of(cls, status: int, headers: dict[str, str], text: str) -> Answer:
        """The answer of this status, with the headers that matter."""
        return cls(
            status=status, text=text, location=headers.get("location", ""), retry_after=headers.get("retry-after", "")
        )


def refusal(answer: Answer, redact: Redactor, clock: Clock) -> NotDelivered:
    """The error that an answer stands for which is not a yes."""
    reason = f"The target answers {answer.status}{first_line(answer.text, redact)}"
    if answer.status < 400:
        reason = f"The target redirects ({answer.status}) in a way that loses the message; give the URL it leads to."
    passing = answer.status >= 500 or answer.status in _PASSING
    return NotDelivered(
        reason, final=not passing, retry_after=seconds_of(answer.retry_after, clock) if passing else None
    )


def first_line(text: str, redact: Redactor) -> str:
    """What an answer says, fit to be the end of a sentence: ": invalid_token"; only a full stop if it says nothing."""
    line = redact(next((line for line in map(str.strip, text.splitlines()) if line), ""))
    line = "".join(character for character in line if character.isprintable())
    if not line:
        return "."
    return f": {line if len(line) <= MAX_REASON else f'{line[: MAX_REASON - 1]}…'}"


def seconds_of(retry_after: str, clock: Clock) -> float | None:
    """The seconds that a Retry-After header asks for, at most a day; None where it cannot be read."""
    text = retry_after.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), LONGEST_REST)
    try:
        instant = parsedate_to_datetime(text)
        seconds = (instant - clock.now()).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_REST)


def place_of(url: str, name: str) -> Place:
    """Host and port of an http(s) URL; raises InvalidChannel that names the target and nothing of the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if parts is None or parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in url):
        raise InvalidChannel(f"The URL of {name} is not like https://host/path; correct it.")
    return Place(host, port or (443 if parts.scheme == "https" else 80))


def check_header(header: str, value: str, name: str) -> None:
    """Raise InvalidChannel if this cannot be a header of a request to the target `name`."""
    if not _HEADER.fullmatch(header) or not value.isascii() or not value.isprintable():
        raise InvalidChannel(f"The URL of {name} has a header that HTTP does not allow; correct what follows ?+ or &+.")


def _client(timeout: float) -> httpx2.AsyncClient:
    # It costs 0.1 s and the reading of certificates, which only those pay who send.
    import httpx2  # noqa: PLC0415

    return httpx2.AsyncClient(
        # A proxy of the environment would connect to addresses that were never checked; but certificates of one's own
        # (SSL_CERT_FILE) count.
        trust_env=False,
        verify=httpx2.create_ssl_context(trust_env=True),
        follow_redirects=False,
        timeout=httpx2.Timeout(timeout),
        limits=httpx2.Limits(max_keepalive_connections=0),
    )


async def _beginning(response: httpx2.Response) -> str:
    """The beginning of an answer's body; what can be had of it where the connection breaks off within it."""
    import httpx2  # noqa: PLC0415 - imported by now

    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size >= MAX_ANSWER:
                break
    except httpx2.HTTPError:
        # The status is the answer; its words are only for people to read.
        pass
    return b"".join(parts)[:MAX_ANSWER].decode("utf-8", "replace")

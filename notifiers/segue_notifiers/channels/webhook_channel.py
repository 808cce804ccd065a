"""The channel for a webhook of one's own: a JSON document, signed."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from segue_notifiers.channels.http import Document, HttpPost, check_header
from segue_notifiers.channels.outbound import Outlet, Place
from segue_notifiers.message import Message

SIGNATURE = "X-Segue-Signature"
KEY = "Idempotency-Key"


class WebhookChannel:
    """Posts each message as a JSON document to an http(s) URL, which nothing of this object shows.

    User and password of the URL become basic authorization; `?+Name=value` in it becomes a header. With a secret,
    the header X-Segue-Signature tells when it was sent and proves by whom: "t=<seconds since 1970>,v1=<HMAC-SHA256 of
    "t.body", in hex>". Idempotency-Key is the message's id. Raises InvalidChannel or Forbidden for a URL that cannot
    be meant so.
    """

    def __init__(self, url: str, outlet: Outlet, secret: str = "") -> None:
        self.name = outlet.name
        self._clock = outlet.clock
        self._secret = secret.encode()
        where, self._headers = _split(url, outlet.name)
        self._post = HttpPost(where, outlet, url, secret)

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r})"

    @property
    def place(self) -> Place:
        """Where it connects to."""
        return self._post.place

    async def open(self) -> None:
        """Make ready to send."""
        await self._post.open()

    async def send(self, message: Message) -> None:
        """Post the message; raises NotDelivered unless the answer is a 2xx, and Forbidden."""
        await self.post(msgspec.json.encode(document_of(message)), message.id)

    async def post(self, body: bytes, key: str) -> None:
        """Post a JSON document, with `key` to tell it by if it comes twice; raises as `send` does."""
        headers = {"Content-Type": "application/json", "User-Agent": "segue", **self._headers, KEY: key}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, body, self._clock.now_us() // 1_000_000)
        await self._post.post(Document(body=body, headers=headers))


def document_of(message: Message) -> dict[str, object]:
    """The message as those see it who receive it; bytes of attachments in base 64."""
    return msgspec.to_builtins(message, builtin_types=(), str_keys=True)


def signature(secret: bytes, body: bytes, at: int) -> str:
    """What proves that one who knows the secret sent the body, at so many seconds since 1970."""
    proof = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={proof}"


def _split(url: str, name: str) -> tuple[str, dict[str, str]]:
    """The URL without what is told in headers, and these."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # HttpPost says so.
        return url, {}
    headers: dict[str, str] = {}
    rest: list[str] = []
    for pair in parts.query.split("&"):
        header, _, value = pair.partition("=")
        if header.startswith(("+", "%2B", "%2b")):
            headers[unquote(header).lstrip("+")] = unquote(value)
        elif pair:
            rest.append(pair)
    for header, value in headers.items():
        check_header(header, value, name)
    login, at, host = parts.netloc.rpartition("@")
    if at:
        headers["Authorization"] = f"Basic {b64encode(unquote(login).encode()).decode()}"
    return urlunsplit((parts.scheme, host, parts.path, "&".join(rest), "")), headers

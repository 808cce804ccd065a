"""The channel for a webhook of one's own: a JSON document, signed."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from segue_notifiers.channels.http import check_header
from segue_notifiers.channels.outbound import Outlet
from segue_notifiers.channels.posting_channel import PostingChannel
from segue_notifiers.message import Message

SIGNATURE = "X-Segue-Signature"
KEY = "Idempotency-Key"


class WebhookChannel(PostingChannel):
    """Posts each message as a JSON document.

    User and password of the URL become basic authorization; `?+Name=value` in it becomes a header. With a secret,
    the header X-Segue-Signature tells when it was sent and proves by whom: "t=<seconds since 1970>,v1=<HMAC-SHA256 of
    "t.body", in hex>". Idempotency-Key is the message's id.
    """

    def __init__(self, url: str, outlet: Outlet, secret: str = "") -> None:
        where, self._headers = _split(url, outlet.name)
        super().__init__(where, outlet, url, secret)
        self._clock = outlet.clock
        self._secret = secret.encode()

    async def send(self, message: Message) -> None:
        """Post the message; raises NotDelivered unless the answer is a 2xx, and Forbidden."""
        await self.post(msgspec.json.encode(document_of(message)), message.id)

    async def post(self, body: bytes, key: str) -> None:
        """Post a JSON document, with `key` to tell it by if it comes twice; raises as `send` does."""
        headers = {"Content-Type": "application/json", **self._headers, KEY: key}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, body, self._clock.now_us() // 1_000_000)
        await self.post_document(body, headers)


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

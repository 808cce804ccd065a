"""The stream's messages and the two sides of its protocol: bytes in, messages and bytes out, no I/O.

A message is one JSON object in one text frame; its `type` names it. An event travels as a row (an array), since
many of them share a frame. A connection goes like this:

    client                      server
    hello ────────────────────▶            who I am, what I want, where to start; within 4 KiB and 5 s
           ◀──────────────────── welcome   where the subscription starts, where the journal's head is
           ◀──────────────────── events…   or: reset, when the cursor cannot be followed
    publish ──────────────────▶            a numbered batch
           ◀──────────────────── ack       the batch of that number is committed
           ◀──────────────────── bye       why the server hangs up, and the cursor to resume from
"""

import hmac
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from segue_events.errors import CursorError
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor
from segue_events.stream.failures import WireError

__all__ = (
    "MAX_ROWS",
    "VERSION",
    "Ack",
    "Bye",
    "ClientMessage",
    "ClientSide",
    "CloseCode",
    "Events",
    "Hello",
    "Publish",
    "Reset",
    "ServerMessage",
    "ServerSide",
    "Welcome",
    "decode_client",
    "decode_server",
    "encode",
    "event_row",
    "events_frame",
    "publish_frame",
)

VERSION = 1

# More of them would hold up everybody else while they are committed; writers send fewer at a time.
MAX_ROWS = 10_000
_MAX_GLOBS = 100
_MAX_STARS = 2

# seq, id, occurred (µs), kind, run, subject, payload; seq is 0 on its way to the journal.
Row: TypeAlias = tuple[int, str, int, str, str, str, dict[str, Any]]


class CloseCode(IntEnum):
    """Why a connection ends; the codes from 4400 on are ours, and websocket close codes too."""

    DONE = 1000
    RESTARTING = 1012
    MALFORMED = 4400
    UNAUTHORIZED = 4401
    TOO_SLOW = 4408
    RESET = 4410
    JOURNAL_FAILING = 4500


class Hello(msgspec.Struct, tag_field="type", tag="hello", omit_defaults=True, forbid_unknown_fields=True):
    """The client's first message.

    `after` is where the subscription starts: a cursor's text, "start", "now", or None to subscribe to nothing.
    """

    version: int = VERSION
    token: str = ""
    filter: Filter | None = None
    after: str | None = None


class Publish(msgspec.Struct, tag_field="type", tag="publish"):
    """A batch for the journal; `writer` and `number` name it in the acknowledgement and in logs."""

    writer: str
    number: int
    rows: Annotated[list[Row], msgspec.Meta(max_length=MAX_ROWS)]

    def events(self) -> list[Event]:
        """The batch as events without a seq."""
        return events_of(self.rows)


class Welcome(msgspec.Struct, tag_field="type", tag="welcome"):
    """The server's first message: the cursor the subscription starts after, the journal's head, and its limits."""

    cursor: str
    head: str
    max_frame: int
    version: int = VERSION


class Events(msgspec.Struct, tag_field="type", tag="events"):
    """Committed events, in order of their seq; with them, the subscription has come as far as the seq `through`.

    Without rows it is a mark: nothing up to there is wanted by the filter.
    """

    through: int
    rows: list[Row]

    def events(self) -> list[Event]:
        """The rows as events."""
        return events_of(self.rows)


class Reset(msgspec.Struct, tag_field="type", tag="reset"):
    """The cursor cannot be followed, and why; `oldest` and `head` are the two places to go on from."""

    reason: str
    oldest: str
    head: str


class Ack(msgspec.Struct, tag_field="type", tag="ack"):
    """The batch of this number is committed; `head` is the journal's seq after it."""

    number: int
    head: int


class Bye(msgspec.Struct, tag_field="type", tag="bye"):
    """The last message: why the server hangs up, and the cursor to resume from ("" when there was no subscription)."""

    code: int
    reason: str
    cursor: str = ""


ClientMessage: TypeAlias = Hello | Publish
ServerMessage: TypeAlias = Welcome | Events | Reset | Ack | Bye

M = TypeVar("M")

_encoder = msgspec.json.Encoder()
_from_client = msgspec.json.Decoder(ClientMessage)
_from_server = msgspec.json.Decoder(ServerMessage)


def encode(message: ClientMessage | ServerMessage) -> bytes:
    """One message as the bytes of one text frame."""
    return _encoder.encode(message)


def decode_client(frame: bytes) -> ClientMessage:
    """A client's message; raises WireError."""
    return _decode(_from_client, frame)


def decode_server(frame: bytes) -> ServerMessage:
    """A server's message; raises WireError."""
    return _decode(_from_server, frame)


def _decode(decoder: msgspec.json.Decoder[M], frame: bytes) -> M:
    # RecursionError comes from nesting without end; ValueError covers text that is not UTF-8.
    try:
        return decoder.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError(f"A frame of {len(frame):,} bytes is not a message of the stream: {error}.") from error


def event_row(event: Event, payload: bytes | None = None) -> bytes:
    """One event as the bytes of its row; `payload`, when given, is its payload already encoded."""
    body = event.payload if payload is None else msgspec.Raw(payload)
    return _encoder.encode((event.seq, event.id, event.occurred, event.kind, event.run, event.subject, body))


def publish_frame(writer: str, number: int, rows: Sequence[bytes]) -> bytes:
    """A publish message made of encoded rows, without decoding them."""
    head = b'{"type":"publish","writer":%b,"number":%d,"rows":[' % (_encoder.encode(writer), number)
    return head + b",".join(rows) + b"]}"


def events_frame(events: Sequence[Event], through: int) -> bytes:
    """An events message of committed events, encoded in one go."""
    rows = [(e.seq, e.id, e.occurred, e.kind, e.run, e.subject, e.payload) for e in events]
    return _encoder.encode({"type": "events", "through": through, "rows": rows})


def events_of(rows: Sequence[Row]) -> list[Event]:
    """Rows as events."""
    return [
        Event(kind=kind, payload=payload, run=run, subject=subject, occurred=occurred, id=id_, seq=seq)
        for seq, id_, occurred, kind, run, subject, payload in rows
    ]


class ServerSide:
    """The server's part of one connection: takes frames in the order they come and says what they mean.

    `token` is the only one admitted (None admits everybody); `hello_bytes` bounds the first frame.
    """

    def __init__(self, token: str | None = None, hello_bytes: int = 4096) -> None:
        self._token = None if token is None else token.encode()
        self._hello_bytes = hello_bytes
        self.greeted = False

    def greet(self, frame: bytes) -> Hello:
        """Read the first frame; raises WireError, with the code to close with, unless it is a hello to be admitted."""
        if len(frame) > self._hello_bytes:
            raise WireError(f"The hello is {len(frame):,} bytes long; at most {self._hello_bytes:,} are read.")
        message = decode_client(frame)
        if not isinstance(message, Hello):
            raise WireError("The first message was a publish; a connection begins with a hello.")
        if not self._admits(message.token):
            raise WireError("The token is missing or not the right one.", CloseCode.UNAUTHORIZED)
        if message.version != VERSION:
            raise WireError(f"The hello speaks version {message.version} of the stream; this side speaks {VERSION}.")
        _check_filter(message.filter or Filter())
        self.greeted = True
        return message

    def receive(self, frame: bytes) -> Publish:
        """Read one frame after the first; raises WireError, with the code to close with."""
        message = decode_client(frame)
        if not self.greeted or not isinstance(message, Publish):
            raise WireError("A connection begins with one hello; after it the server reads only what is published.")
        return message

    def _admits(self, token: str) -> bool:
        # Bytes, because compare_digest raises TypeError for text that is not ASCII.
        return self._token is None or hmac.compare_digest(token.encode(), self._token)


class ClientSide:
    """The client's part of one connection; it keeps the cursor to resume from.

    `cursor` is None until the server has welcomed a client that asked for "now" or "start".
    """

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self.welcomed = False
        self.cursor: Cursor | None = None

    @property
    def hello(self) -> Hello:
        """What the first frame says."""
        return self._hello

    @property
    def token(self) -> str:
        """What the client shows to be let in; "" for nothing."""
        return self._hello.token

    def greet(self) -> bytes:
        """The first frame to send."""
        return encode(self._hello)

    def receive(self, frame: bytes) -> ServerMessage:
        """Read one frame.

        Returns the message: Welcome, Reset or Bye first, then Events, Ack or Bye. Raises WireError for anything else.
        """
        message = decode_server(frame)
        match message:
            case Welcome():
                self._begin(message)
            case Events():
                self._advance(message)
            case Ack():
                self._expect_welcomed("ack")
            case Reset() | Bye():
                pass
        return message

    def _begin(self, message: Welcome) -> None:
        if self.welcomed:
            raise WireError("A second welcome came on one connection.")
        if message.version != VERSION:
            raise WireError(f"The server speaks version {message.version} of the stream; this side speaks {VERSION}.")
        self.cursor = _cursor(message.cursor)
        self.welcomed = True

    def _advance(self, message: Events) -> None:
        self._expect_welcomed("events")
        if self.cursor is None or self._hello.after is None:
            raise WireError("Events came on a connection that subscribed to nothing.")
        last = self.cursor.seq
        for row in message.rows:
            if row[0] <= last:
                raise WireError(f"The event with seq {row[0]} came after the one with seq {last}.")
            last = row[0]
        if message.through < last:
            raise WireError(f"The server had come as far as seq {last}, and says that it is at {message.through}.")
        self.cursor = Cursor(journal=self.cursor.journal, epoch=self.cursor.epoch, seq=message.through)

    def _expect_welcomed(self, what: str) -> None:
        if not self.welcomed:
            raise WireError(f"The server sent {what} before its welcome.")


def _check_filter(filter: Filter) -> None:
    """Refuse what would be costly to match, or what no journal could be asked."""
    if len(filter.kinds) > _MAX_GLOBS or any(glob.count("*") > _MAX_STARS for glob in filter.kinds):
        raise WireError(f"A filter has at most {_MAX_GLOBS} kinds, with at most {_MAX_STARS} stars each.")
    if not all(0 <= (instant or 0) < 2**63 for instant in (filter.since, filter.until)):
        raise WireError("The instants of a filter are µs since the epoch, in 63 bits.")


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except CursorError as error:
        raise WireError(f"The server's cursor {text!r} cannot be read.") from error

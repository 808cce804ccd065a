"""What can go wrong with a stream, each with its own sentence.

StreamError (segue_events.errors)
├── WireError        a message that does not follow the protocol, or a token that is not the right one
├── StreamRefused    the other side will not have us: trying again as we are would be refused again
├── NotExposed       a server that would listen to the network without a token
├── EventTooLarge    one event is larger than a frame may be
├── SpoolFull        a writer holds as many unacknowledged events as it may
├── Unacknowledged   a writer was closed before the server had everything
└── WriterClosed     an event was published to a writer that is closed
"""

from segue_events.errors import StreamError

__all__ = ("EventTooLarge", "NotExposed", "SpoolFull", "StreamRefused", "Unacknowledged", "WireError", "WriterClosed")


class WireError(StreamError):
    """A message that does not follow the protocol; `code` is what the connection is to be closed with."""

    def __init__(self, sentence: str, code: int = 4400) -> None:
        super().__init__(sentence)
        self.code = code


class StreamRefused(StreamError):
    """The server refused this client for good, and why."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The stream at {url} refused the connection: {reason}")
        self.url = url
        self.reason = reason


class NotExposed(StreamError):
    """A server was asked to listen beyond this machine without a token."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The stream would listen on {host!r}, beyond this machine, without a token; "
            "give it a token, or bind it to 127.0.0.1."
        )
        self.host = host


class EventTooLarge(StreamError):
    """One event does not fit in a frame."""

    def __init__(self, kind: str, size: int, limit: int) -> None:
        super().__init__(
            f"The event {kind!r} is {size:,} bytes long and a frame takes {limit:,}; "
            "put large data into a result store and a reference into the event."
        )
        self.size = size
        self.limit = limit


class SpoolFull(StreamError):
    """A writer's spool is at its bound; the event was not taken."""

    def __init__(self, url: str, events: int, size: int) -> None:
        super().__init__(
            f"The spool for {url} is full ({events:,} events, {size:,} bytes wait to be acknowledged); "
            "wait for flushed(), or give the writer a larger spool."
        )
        self.events = events
        self.size = size


class Unacknowledged(StreamError):
    """A writer ended while events were still on their way."""

    def __init__(self, url: str, events: int, why: str) -> None:
        super().__init__(
            f"{events:,} events for {url} were not acknowledged when the writer closed ({why}); "
            "they may or may not be in the journal: publish them again, their ids make that harmless."
        )
        self.events = events


class WriterClosed(StreamError):
    """A writer was used after its context was left."""

    def __init__(self, url: str) -> None:
        super().__init__(f"The writer for {url} is closed; publish inside its context.")

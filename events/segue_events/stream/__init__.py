"""The journal's events across a network: read from a cursor on, and written to be committed."""

from segue_events.stream.failures import EventTooLarge as EventTooLarge
from segue_events.stream.failures import NotExposed as NotExposed
from segue_events.stream.failures import SpoolFull as SpoolFull
from segue_events.stream.failures import StreamRefused as StreamRefused
from segue_events.stream.failures import Unacknowledged as Unacknowledged
from segue_events.stream.failures import WireError as WireError
from segue_events.stream.failures import WriterClosed as WriterClosed
from segue_events.stream.limits import Limits as Limits
from segue_events.stream.reader import Reader as Reader
from segue_events.stream.reader import read as read
from segue_events.stream.server import StreamServer as StreamServer
from segue_events.stream.server import serve as serve
from segue_events.stream.writer import Writer as Writer

__all__ = (
    "EventTooLarge",
    "Limits",
    "NotExposed",
    "Reader",
    "SpoolFull",
    "StreamRefused",
    "StreamServer",
    "Unacknowledged",
    "WireError",
    "Writer",
    "WriterClosed",
    "read",
    "serve",
)

"""The journal's events across a network: read from a cursor on, and written to be committed.

Readers, writers and the server of its own are imported with their first use: they bring websockets' client and server,
and who needs but the messages, as another server does, would wait for these longer than for all the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from segue_events.stream.failures import EventTooLarge as EventTooLarge
from segue_events.stream.failures import NotExposed as NotExposed
from segue_events.stream.failures import SpoolFull as SpoolFull
from segue_events.stream.failures import StreamRefused as StreamRefused
from segue_events.stream.failures import Unacknowledged as Unacknowledged
from segue_events.stream.failures import WireError as WireError
from segue_events.stream.failures import WriterClosed as WriterClosed
from segue_events.stream.limits import Limits as Limits

if TYPE_CHECKING:
    from segue_events.stream.reader import Reader as Reader
    from segue_events.stream.reader import read as read
    from segue_events.stream.server import StreamServer as StreamServer
    from segue_events.stream.server import serve as serve
    from segue_events.stream.writer import Writer as Writer

_HOMES = {
    "Reader": "segue_events.stream.reader",
    "StreamServer": "segue_events.stream.server",
    "Writer": "segue_events.stream.writer",
    "read": "segue_events.stream.reader",
    "serve": "segue_events.stream.server",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'segue_events.stream' has no attribute {name!r}; it has {', '.join(__all__)}.")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


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

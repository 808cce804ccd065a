"""The numbers that keep one client from hurting the server or the others."""

from dataclasses import dataclass

__all__ = ("Limits",)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server; sizes in bytes, times in seconds.

    `hello_seconds` and `hello_bytes` bound what a stranger may cost; `max_frame` is the largest message taken from a
    client, and what batches are cut to on their way out; `unsent_bytes` is how much may wait in a connection's buffer
    before sending to it waits, and `stall_seconds` how long such a wait may last; `closing_seconds` is what a client
    has to read the last message; `mark_seconds` is after how long without an event a client is told how far its
    subscription has come; `clients` is how many may be connected at a time.
    """

    hello_seconds: float = 5.0
    hello_bytes: int = 4096
    max_frame: int = 1024 * 1024
    unsent_bytes: int = 256 * 1024
    stall_seconds: float = 5.0
    closing_seconds: float = 1.0
    mark_seconds: float = 15.0
    clients: int = 1000

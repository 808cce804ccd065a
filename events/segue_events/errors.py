"""Every error of this package, as a tree; each makes its own sentence: what happened, to what, what to do.

EventsError
├── PayloadError            an event that cannot be written down
├── CursorError             a text that is no cursor
├── CursorReset             a cursor that the journal cannot follow, and why
├── BusClosed               an event published to a bus that has ended
├── JournalError            the journal cannot do its work
│   ├── JournalFull         the disk has no room
│   ├── JournalCorrupt      the file is damaged, or is no journal
│   ├── JournalTooNew       the file was written by a newer version
│   ├── JournalUnwritable   the file or its folder may not be written
│   └── JournalLocked       a program that does not know the journal's lock holds the database
└── StreamError             what goes wrong between two ends of a stream (its kinds: stream/failures.py)
"""

__all__ = (
    "BusClosed",
    "CursorError",
    "CursorReset",
    "EventsError",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "JournalTooNew",
    "JournalUnwritable",
    "PayloadError",
    "StreamError",
)


class EventsError(Exception):
    """Whatever this package raises on purpose."""


class PayloadError(EventsError):
    """An event cannot be written as strict JSON; the sentence says at which place of it, and why."""


class CursorError(EventsError):
    """A text is no cursor."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no cursor; one looks like '<journal id>:<epoch>:<seq>'.")
        self.text = text


class CursorReset(EventsError):
    """A journal cannot follow a cursor; `reason` says why. Begin anew, at the head or at the oldest event."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BusClosed(EventsError):
    """An event was published to a bus that writes no more."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"The event '{kind}' was not taken: the bus is closed; publish while its context is open.")
        self.kind = kind


class JournalError(EventsError):
    """The journal cannot do its work; the sentence says which file, and what to do."""


class JournalFull(JournalError):
    """The disk that holds the journal has no room."""


class JournalCorrupt(JournalError):
    """The journal's file is damaged, or is none."""


class JournalTooNew(JournalError):
    """The journal was written by a newer version of this package or of a projection."""


class JournalUnwritable(JournalError):
    """The journal's file or folder may not be written."""


class JournalLocked(JournalError):
    """Another program holds the database's own lock, past the journal's."""


class StreamError(EventsError):
    """Something went wrong between two ends of a stream."""

"""Tally: a small projection, and events for it to count."""

from collections.abc import Sequence

from segue_events.event import Event
from segue_events.journal import Write

__all__ = ("Tally", "numbers")


def numbers(count: int, subject: str = "s", first: int = 0) -> list[Event]:
    """Return so many events that tell a number each, from `first` on."""
    return [Event(kind="number.told", subject=subject, payload={"n": first + n}, occurred=1 + n) for n in range(count)]


class Tally:
    """A projection: for each subject how many events there were, the sum of their numbers, and the last seq."""

    name = "tally"
    version = 1
    tables = ("tally",)
    schema = """
    CREATE TABLE IF NOT EXISTS tally (
        subject TEXT PRIMARY KEY,
        events INTEGER NOT NULL,
        total INTEGER NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS tally_by_last ON tally (last);
    """

    def writes(self, events: Sequence[Event]) -> list[Write]:
        """Return one row for each subject."""
        rows: dict[str, tuple[str, int, int | None, int]] = {}
        for event in events:
            _, count, total, _ = rows.get(event.subject, (event.subject, 0, None, 0))
            number: int | None = event.payload.get("n")
            total = total if number is None else number + (total or 0)
            rows[event.subject] = (event.subject, count + 1, total, event.seq)
        return [
            Write(
                "INSERT INTO tally (subject, events, total, last) VALUES",
                "(?, ?, COALESCE(?, 0), ?)",
                "ON CONFLICT (subject) DO UPDATE SET "
                "events = events + excluded.events, total = total + excluded.total, last = excluded.last",
                list(rows.values()),
            )
        ]

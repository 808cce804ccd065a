"""DeliveryLog: what was sent to whom, and what was not and why, as people read it."""

from typing import Any, Literal, cast

import msgspec

from segue_events import Event, Journal
from segue_notifiers.outbox.records import DELIVERIES

Result = Literal["queued", "sent", "failed", "dead"]

# So many events of the journal are looked through at first; twice as many each time that was not enough.
FIRST_STRETCH = 5_000

PAGE = 1_000


class DeliveryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a message: at which instant (µs since 1970) it was queued, or what came of an attempt.

    `attempt` counts from 1, and is 0 for what was queued; `next` is the instant of the attempt that follows, 0 if none
    does.
    """

    at: int
    target: str
    rule: str
    title: str
    outcome: Result
    attempt: int = 0
    reason: str = ""
    next: int = 0


class DeliveryLog:
    """The events of messages in a journal, from the latest back."""

    @staticmethod
    async def entries(
        journal: Journal, *, target: str | None = None, rule: str | None = None, limit: int = 100
    ) -> list[DeliveryLine]:
        """Return the latest lines, at most `limit`, the latest first; only those of a target or a rule if one is named.

        The journal is looked through from its end, and only as far as need be.
        """
        lines: list[DeliveryLine] = []
        end, stretch = (await journal.head()).seq, FIRST_STRETCH
        while end > 0 and len(lines) < limit:
            begin = max(end - stretch, 0)
            found = [_line(event) for event in await _between(journal, begin, end)]
            lines.extend(
                line for line in reversed(found) if target in (None, line.target) and rule in (None, line.rule)
            )
            end, stretch = begin, 2 * stretch
        return lines[:limit]


async def _between(journal: Journal, begin: int, end: int) -> list[Event]:
    """The events of messages after the seq `begin`, up to `end`."""
    events: list[Event] = []
    while page := await journal.read(begin, DELIVERIES, PAGE):
        events.extend(event for event in page if event.seq <= end)
        begin = page[-1].seq
        if begin >= end:
            break
    return events


def _line(event: Event) -> DeliveryLine:
    payload = event.payload
    return DeliveryLine(
        at=event.occurred,
        target=_text(payload, "target"),
        rule=_text(payload, "rule"),
        title=_text(payload, "title"),
        outcome=cast("Result", event.kind.rpartition(".")[2]),
        attempt=_number(payload, "attempt"),
        reason=_text(payload, "reason") or _text(payload, "flaw"),
        next=_number(payload, "next"),
    )


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _number(payload: dict[str, Any], name: str) -> int:
    value = payload.get(name)
    return value if isinstance(value, int) else 0

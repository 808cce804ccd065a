"""Records: the events of a message's life, written and read."""

import hashlib
import logging
import uuid
from typing import Any

import msgspec

from segue_events import Event, Filter
from segue_notifiers.message import Message, Severity
from segue_notifiers.outbox.entry import Entry

LOGGER = logging.getLogger("segue.notifications")

QUEUED, SENT, FAILED, DEAD = "notification.queued", "notification.sent", "notification.failed", "notification.dead"

DELIVERIES = Filter(kinds=(QUEUED, SENT, FAILED, DEAD))
"""All events of messages."""


class _Queued(msgspec.Struct, frozen=True):
    """The payload of `notification.queued`."""

    rule: str
    target: str
    title: str
    body: str
    deadline: int
    severity: Severity = "info"
    markdown: str = ""
    html: str = ""
    link: str = ""
    attach: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()


def dedupe_key(*parts: str) -> str:
    """Return the id that stands for these texts, always the same; a UUID, which a journal keeps in 16 bytes."""
    digest = hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=16)
    return str(uuid.UUID(bytes=digest.digest()))


def queued(entry: Entry, firing: str = "", flaw: str = "") -> Event:
    """Return the event that puts the message into the outbox, because of the firing of this id.

    `flaw` says what was wrong with the message's template. The event has the message's id, so that a journal keeps it
    once, however often it is reckoned.
    """
    message = entry.message
    payload: dict[str, Any] = {
        "rule": message.rule,
        "firing": firing,
        "target": entry.target,
        "title": message.title,
        "body": message.body,
        "severity": message.severity,
        "deadline": entry.deadline,
    }
    optional = {
        "markdown": message.markdown,
        "html": message.html,
        "link": message.link,
        "attach": entry.attach,
        "absorbed": entry.absorbed,
        "flaw": flaw,
    }
    payload.update((name, value) for name, value in optional.items() if value)
    return Event(kind=QUEUED, payload=payload, run=message.run, subject=message.about, id=message.id)


def sent(entry: Entry) -> Event:
    """Return the event that the target has the message, by the attempt after those that the entry counts."""
    return _outcome(SENT, entry)


def failed(entry: Entry, reason: str, next_at: int) -> Event:
    """Return the event that the attempt failed, and the next one is due at `next_at` (µs since 1970)."""
    return _outcome(FAILED, entry, reason=reason, next=next_at)


def dead(entry: Entry, reason: str) -> Event:
    """Return the event that the message is given up."""
    return _outcome(DEAD, entry, reason=reason)


def entry_of(event: Event) -> Entry | None:
    """Return the entry that a `notification.queued` makes; None, with a warning, for one that cannot be read."""
    try:
        payload = msgspec.convert(event.payload, _Queued)
    except msgspec.ValidationError as error:
        LOGGER.warning("The event %s of kind %s is passed over, since it cannot be read: %s.", event.id, QUEUED, error)
        return None
    message = Message(
        id=event.id,
        title=payload.title,
        body=payload.body,
        severity=payload.severity,
        markdown=payload.markdown,
        html=payload.html,
        run=event.run,
        about=event.subject,
        rule=payload.rule,
        link=payload.link,
    )
    return Entry(
        message=message,
        target=payload.target,
        deadline=payload.deadline,
        seq=event.seq,
        attach=payload.attach,
        absorbed=payload.absorbed,
    )


def _outcome(kind: str, entry: Entry, **more: Any) -> Event:
    payload: dict[str, Any] = {
        "message": entry.id,
        "target": entry.target,
        "rule": entry.rule,
        "title": entry.message.title,
        "attempt": entry.attempts + 1,
        **more,
    }
    if entry.absorbed and kind != FAILED:
        payload["absorbed"] = entry.absorbed
    return Event(kind=kind, payload=payload, run=entry.message.run, subject=entry.message.about)

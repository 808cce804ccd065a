"""From an event to the words of a message, in plain text."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from segue_events import Event
from segue_notifiers.masking import shown
from segue_notifiers.message import Message, Severity
from segue_notifiers.subject import Subject

MAX_PARAMETERS = 20
MAX_LINES = 30
MAX_TEXT = 2_000

PYTHONS_FIRST_LINE = "Traceback (most recent call last):\n"

_SEVERITIES: Mapping[str, Severity] = {
    "failed": "failure",
    "crashed": "failure",
    "cancelled": "warning",
    "completed": "success",
}


def plain_text(event: Event, subject: Subject, prefix: str = "") -> Message:
    """Write the message that tells of the event.

    Of the event's payload it reads, where they are there: `name` and `message` of the state and `error`, a
    mapping with a `type`, a `message` and a `traceback`. Never raises for what a payload holds.
    `prefix` goes before the event's id to make the message's.
    """
    verb = event.kind.rpartition(".")[2]
    return Message(
        id=f"{prefix}{event.id}",
        title=_line(f"{subject.noun[:1].upper()}{subject.noun[1:]} {subject.name} {verb}", 200),
        body="\n".join(_body(event, subject, verb)),
        severity=_SEVERITIES.get(verb, "info"),
        run=event.run,
        about=event.subject,
    )


def _body(event: Event, subject: Subject, verb: str) -> Iterator[str]:
    payload = event.payload
    error = _mapping(payload.get("error"))
    name = _text(payload.get("name")) or verb.capitalize()
    parts = [_text(error.get("type")), _text(error.get("message"))]
    reason = _text(payload.get("message")) or ": ".join(part for part in parts if part)
    yield _cut(f"{name}: {reason}" if reason else name)
    yield ""
    for label, value in subject.facts.items():
        yield f"{label}: {_line(value, 300)}"
    yield f"When: {_instant(event.occurred)}"
    yield from _parameters(subject.parameters)
    if traceback := _text(error.get("traceback")).removeprefix(PYTHONS_FIRST_LINE).strip("\n"):
        yield "Traceback:"
        yield from (f"  {line}" for line in _cut(traceback, keep_end=True).splitlines())
    if subject.command:
        yield ""
        yield f"To look closer: {subject.command}"


def _parameters(parameters: Mapping[str, Any]) -> Iterator[str]:
    if parameters:
        yield "Parameters:"
    for name in list(parameters)[:MAX_PARAMETERS]:
        yield f"  {_line(name, 100)} = {shown(name, parameters[name])}"
    if len(parameters) > MAX_PARAMETERS:
        yield f"  … and {len(parameters) - MAX_PARAMETERS} more"


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _line(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _cut(text: str, *, keep_end: bool = False) -> str:
    """At most MAX_LINES lines and MAX_TEXT characters, of the beginning or of the end, saying what is left out."""
    lines = text.splitlines()
    kept = "\n".join(lines[-MAX_LINES:] if keep_end else lines[:MAX_LINES])
    kept = kept[-MAX_TEXT:] if keep_end else kept[:MAX_TEXT]
    if len(kept) >= len(text.rstrip("\n")):
        return kept
    note = f"… ({len(text) - len(kept):,} characters left out)"
    return f"{note}\n{kept}" if keep_end else f"{kept}\n{note}"


def _instant(occurred: int) -> str:
    seconds, micros = divmod(occurred, 1_000_000)
    try:
        instant = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{occurred} µs after 1970"
    return f"{instant:%Y-%m-%d %H:%M:%S}.{micros // 1000:03} UTC"

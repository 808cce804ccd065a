"""Values: what a template can name, as plain data with secrets masked."""

from typing import Any

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.messages.content import content_of, headline, reason_of, state_of
from segue_notifiers.messages.markup import as_text
from segue_notifiers.messages.masking import Masking
from segue_notifiers.messages.wording import minute
from segue_notifiers.subject import Subject

ROOTS = (
    "body", "command", "deployment", "event", "firing", "flow", "flow_run", "link", "reason", "rule", "subject",
    "task_run", "title",
)  # fmt: skip
"""The names that a value's path begins with."""

_NOUNS = {"flow run": "flow_run", "task run": "task_run"}


def values_of(firing: Firing, masking: Masking) -> dict[str, Any]:
    """Return what is known of a firing, ready for JSON.

    `title` and `body` are the words that are used without a template; `event` and `subject` are those of the latest
    event, which is `flow_run` or `task_run` too where it is about one.
    """
    content = content_of(firing, masking)
    values: dict[str, Any] = {
        "title": content.title,
        "body": as_text(content),
        "command": content.command,
        "link": content.link,
        "rule": {"name": masking.text(firing.rule)},
        "firing": _firing(firing, masking),
    }
    if firing.news:
        values |= _latest(firing.news[-1], masking)
    return values


def _firing(firing: Firing, masking: Masking) -> dict[str, Any]:
    return {
        "id": firing.id,
        "reason": firing.reason,
        "count": firing.count,
        "more": max(firing.count - 1, 0),
        "group": [masking.text(value) for value in firing.group],
        "severity": firing.severity,
        "level": firing.level,
        "at": firing.at,
        "time": minute(firing.at),
        "expected": masking.text(firing.expected),
        "news": [masking.text(headline(news)) for news in firing.news],
    }


def _latest(news: News, masking: Masking) -> dict[str, Any]:
    event, subject = news.event, news.subject
    described = _subject(event, subject, masking)
    values: dict[str, Any] = {
        "event": _event(event, masking),
        "subject": described,
        "reason": masking.text(reason_of(event)),
        "flow": {"name": masking.text(subject.flow)},
        "deployment": {"name": masking.text(subject.deployment)},
    }
    if event.run:
        values["flow_run"] = {"id": event.run}
    if noun := _NOUNS.get(subject.noun):
        values[noun] = described
    return values


def _event(event: Event, masking: Masking) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "subject": event.subject,
        "run": event.run,
        "occurred": event.occurred,
        "time": minute(event.occurred),
        "seq": event.seq,
        "payload": masking.value(event.payload),
    }


def _subject(event: Event, subject: Subject, masking: Masking) -> dict[str, Any]:
    # A run is called "etl/brave-otter" where there is no other mention of its flow.
    name = subject.name.removeprefix(f"{subject.flow}/") if subject.flow else subject.name
    return {
        "id": event.subject or event.id,
        "noun": subject.noun,
        "name": masking.text(name),
        "state": masking.text(state_of(event)),
        "attempt": subject.attempt,
        "parent": subject.parent,
        "url": masking.text(subject.link),
        "command": masking.text(subject.command),
        "tags": [masking.text(tag) for tag in subject.tags],
        "labels": masking.value(subject.labels),
        "facts": masking.value(subject.facts),
        "parameters": masking.value(subject.parameters),
    }

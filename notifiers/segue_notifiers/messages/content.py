"""Content: what a message says, in the order it says it, before it has a form."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import msgspec

from segue_events import Event
from segue_notifiers.firing import Firing, News, Reason
from segue_notifiers.messages.masking import Masking
from segue_notifiers.messages.wording import MAX_SEEN, cut, instant, line, minute

MAX_PARAMETERS = 20
MAX_NEWS = 10
MAX_TITLE = 200

PYTHONS_FIRST_LINE = "Traceback (most recent call last):\n"


class Section(msgspec.Struct, frozen=True):
    """Lines under a heading; `code` says that each of their characters counts, as in a traceback."""

    heading: str
    lines: tuple[str, ...]
    code: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A title, the reason, facts (a name and a value each), longer sections, and where to look closer."""

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    command: str = ""
    link: str = ""


def content_of(firing: Firing, masking: Masking) -> Content:
    """Say what the firing tells, with secrets masked; never raises for what a payload holds.

    Of an event's payload it reads, where they are there: `name` and `message` of the state and `error`, a mapping
    with a `type`, a `message` and a `traceback`.
    """
    title, lead = _OPENINGS[firing.reason](firing, masking)
    last = firing.news[-1] if firing.news else None
    return Content(
        title=line(masking.text(title), MAX_TITLE),
        lead=lead,
        facts=tuple((name, line(masking.text(value), 300)) for name, value in _facts(firing, last)),
        sections=tuple(_sections(firing, last, masking)),
        command=line(masking.text(last.subject.command), 500) if last else "",
        link=line(masking.text(last.subject.link), 2_000) if last else "",
    )


# --- how it begins ---


def _matched(firing: Firing, masking: Masking) -> tuple[str, str]:
    if not firing.news:
        return f"Rule {firing.rule} has fired", f"The condition of rule {line(firing.rule, 100)} holds."
    with_more = f" (with {firing.count - 1:,} more)" if firing.count > 1 else ""
    return headline(firing.news[-1]) + with_more, _reason(firing.news[-1].event, masking)


def _missing(firing: Firing, masking: Masking) -> tuple[str, str]:
    expected = line(masking.text(firing.expected), 150) or f"expected event by {minute(firing.at)}"
    title = f"{line(firing.rule, 60)}: no {expected}"
    if not firing.news:
        return title, f"Nothing of the kind that rule {line(firing.rule, 100)} expects has come in time."
    before = firing.news[-1]
    began = masking.text(headline(before))
    return title, f"It was to come after this: {began} ({minute(before.event.occurred)})."


def _digest(firing: Firing, masking: Masking) -> tuple[str, str]:
    latest = f", latest: {headline(firing.news[-1])}" if firing.news else ""
    lead = f"{firing.count:,} more, not told one by one so as not to flood you."
    return f"{firing.count:,} more from rule {line(firing.rule, 60)}{latest}", lead


def _recovered(firing: Firing, masking: Masking) -> tuple[str, str]:
    if not firing.news:
        return f"Recovered: {firing.rule}", f"What rule {line(firing.rule, 100)} told of is over."
    good = firing.news[-1]
    return f"Recovered: {headline(good)}", f"{_reason(good.event, masking)}\nWhat was told of before is over."


def _escalated(firing: Firing, masking: Masking) -> tuple[str, str]:
    title, lead = (_missing if firing.expected else _matched)(firing, masking)
    return f"Nobody has acknowledged: {title}", f"{lead}\nThis is step {firing.level} of the escalation."


_OPENINGS: Mapping[Reason, Callable[[Firing, Masking], tuple[str, str]]] = {
    "matched": _matched,
    "missing": _missing,
    "digest": _digest,
    "recovered": _recovered,
    "escalated": _escalated,
}


# --- an event's words ---


def headline(news: News) -> str:
    """What happened, to what: "Flow run etl/brave-otter failed"; not masked."""
    noun = news.subject.noun
    return f"{noun[:1].upper()}{noun[1:]} {news.subject.name} {_verb(news.event)}"


def state_of(event: Event) -> str:
    """The name of the state that the event tells of: "TimedOut", or the verb of its kind."""
    # The event that makes a run known keeps the run's name there.
    known = "flow" in event.payload or "task" in event.payload
    name = "" if known else _text(event.payload.get("name"))
    return name or _verb(event).capitalize()


def reason_of(event: Event) -> str:
    """Why: the message of the state, or else of the error; not masked, as long as it is. Empty if not known."""
    error = _mapping(event.payload.get("error"))
    parts = [_text(error.get("type")), _text(error.get("message"))]
    return _text(event.payload.get("message")) or ": ".join(part for part in parts if part)


def traceback_of(event: Event) -> str:
    """The user's frames of the traceback and the error; not masked. Empty if there is none."""
    error = _mapping(event.payload.get("error"))
    return _text(error.get("traceback"))[-MAX_SEEN:].removeprefix(PYTHONS_FIRST_LINE).strip("\n")


def _reason(event: Event, masking: Masking) -> str:
    reason, state = masking.text(reason_of(event)), line(masking.text(state_of(event)), 100)
    left = len(reason_of(event)) - MAX_SEEN
    words = cut(f"{state}: {reason}" if reason else state)
    return f"{words} (and {left:,} more)" if left > 0 else words


def _verb(event: Event) -> str:
    return event.kind.rpartition(".")[2].replace("-", " ")


# --- what follows ---


def _facts(firing: Firing, last: News | None) -> Iterator[tuple[str, str]]:
    if last is None or firing.reason == "digest":
        yield "Rule", firing.rule
        if firing.group:
            yield "Group", ", ".join(firing.group)
        yield "When", minute(firing.at)
        return
    subject = last.subject
    given = {**subject.facts}
    if subject.deployment:
        given.setdefault("Deployment", subject.deployment)
    if subject.tags:
        given.setdefault("Tags", ", ".join(subject.tags))
    if subject.attempt:
        given.setdefault("Attempt", str(subject.attempt))
    yield from given.items()
    yield "When", instant(last.event.occurred)


def _sections(firing: Firing, last: News | None, masking: Masking) -> Iterator[Section]:
    others = firing.news if firing.reason == "digest" else firing.news[:-1]
    if others:
        lines = tuple(_told_in_a_line(news, masking) for news in others[-MAX_NEWS:])
        more = firing.count - len(lines) - (firing.reason != "digest")
        yield Section("The latest" if firing.reason == "digest" else "Before it", (*_and_more(more), *lines))
    if last is None or firing.reason == "digest":
        return
    if last.subject.parameters:
        yield Section("Parameters", tuple(_parameters(last.subject.parameters, masking)), code=True)
    if traceback := masking.text(traceback_of(last.event)):
        yield Section("Traceback", tuple(cut(traceback, keep_end=True).splitlines()), code=True)


def _told_in_a_line(news: News, masking: Masking) -> str:
    reason = reason_of(news.event)[:1_000]
    words = f"{headline(news)}: {reason}" if reason else headline(news)
    return f"{minute(news.event.occurred)}  {line(masking.text(words), 200)}"


def _parameters(parameters: Mapping[str, Any], masking: Masking) -> Iterator[str]:
    for name, value in islice(parameters.items(), MAX_PARAMETERS):
        yield f"{line(masking.text(name), 100)} = {masking.shown(name, value)}"
    yield from _and_more(len(parameters) - MAX_PARAMETERS)


def _and_more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"… and {count:,} more"


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

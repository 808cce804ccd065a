"""Soundness: what is wrong with the parts of a rule, each as the rest of a sentence that begins with the rule."""

from collections.abc import Iterator
from datetime import time
from functools import lru_cache
from zoneinfo import ZoneInfo

from segue_notifiers.rules.glob import Globs
from segue_notifiers.rules.match import OWN_FAMILIES, OWN_KINDS
from segue_notifiers.rules.rule import A_DAY, WEEKDAYS, Compound, Condition, Match, Proactive, Quiet, Reactive, Sequence

# More of them would be slow to match against the wrong text.
MAX_STARS = 2

# What a rule remembers is bounded by these.
MAX_COUNT = 100_000
MAX_STEPS = 10
MAX_SECONDS = 10 * 366 * A_DAY


def flaws_of_condition(condition: Condition, place: str = "when") -> Iterator[str]:
    """What is wrong with a condition; `place` says where in the rule it is."""
    if isinstance(condition, Reactive):
        yield from _flaws_of_reactive(condition, place)
    elif isinstance(condition, Sequence):
        yield from _flaws_of_sequence(condition, place)
    elif isinstance(condition, Proactive):
        yield from _flaws_of_proactive(condition, place)
    else:
        yield from _flaws_of_compound(condition, place)


def flaws_of_match(match: Match, place: str) -> Iterator[str]:
    """What is wrong with a match; `place` says where in the rule it is."""
    facets = ("kinds", "states", "flows", "tags", "deployments", "runs", "subjects")
    values = [(facet, value) for facet in facets for value in getattr(match, facet)]
    for facet, value in [*values, *((f"labels.{name}", value) for name, value in match.labels.items())]:
        if not value.removeprefix("!"):
            yield f"has an empty value in {place}.{facet}; leave it out"
        elif value.count("*") > MAX_STARS:
            yield f"has more than {MAX_STARS} stars in {place}.{facet}, in {value!r}; write several values instead"
    kinds = Globs(match.kinds)
    own = next((kind for kind in OWN_KINDS if kinds.fit(kind)), None)
    if own is not None:
        family = next(family for family in OWN_FAMILIES if own.startswith(family))
        yield (
            f"would match what the notifier itself says, such as {own!r}, and so tell of its own telling without end; "
            f"name the kinds you mean in {place}.kinds, or add '!{family}*' to them"
        )


def flaws_of_quiet(quiet: Quiet) -> Iterator[str]:
    """What is wrong with quiet hours."""
    yield from _flaws_of_times(quiet.timezone, quiet.days, (quiet.begin, quiet.end), "quiet")
    if quiet.begin == quiet.end and set(quiet.days) == set(WEEKDAYS):
        yield "is quiet at all hours, so nothing would be told; give quiet.begin and quiet.end different times"


def flaw_of_seconds(seconds: float, place: str, *, positive: bool = False) -> Iterator[str]:
    """What is wrong with a number of seconds, which may be 0 unless it has to be positive."""
    if not 0 <= seconds <= MAX_SECONDS:
        yield f"has {seconds} seconds in {place}; write a number of seconds from 0 to {MAX_SECONDS:,.0f}"
    elif positive and not seconds:
        yield f"has no time in {place}; write a number of seconds above 0"


def _flaws_of_reactive(condition: Reactive, place: str) -> Iterator[str]:
    yield from flaws_of_match(condition.on, f"{place}.on")
    if not 1 <= condition.count <= MAX_COUNT:
        yield f"has the count {condition.count} in {place}.count; write a number from 1 to {MAX_COUNT:,}"
    yield from flaw_of_seconds(condition.within, f"{place}.within", positive=condition.count > 1)


def _flaws_of_sequence(condition: Sequence, place: str) -> Iterator[str]:
    if not 2 <= len(condition.steps) <= MAX_STEPS:
        yield f"has {len(condition.steps)} steps in {place}.steps; a sequence has from 2 to {MAX_STEPS}"
    for number, step in enumerate(condition.steps):
        yield from flaws_of_match(step, f"{place}.steps[{number}]")
    yield from flaw_of_seconds(condition.within, f"{place}.within", positive=True)


def _flaws_of_proactive(condition: Proactive, place: str) -> Iterator[str]:
    yield from flaws_of_match(condition.expect, f"{place}.expect")
    after, by = condition.after, condition.by
    if (after is None) == (by is None):
        had = "neither" if after is None else "both"
        yield f"has {had} of {place}.after and {place}.by; write one, so that it is known when the event is expected"
    if after is not None:
        yield from flaws_of_match(after, f"{place}.after")
    if by is not None:
        yield from _flaws_of_times(by.timezone, by.days, (by.at,), f"{place}.by")
    yield from flaw_of_seconds(condition.within, f"{place}.within", positive=by is None)


def _flaws_of_compound(condition: Compound, place: str) -> Iterator[str]:
    parts = len(condition.parts)
    if not 2 <= parts <= MAX_STEPS:
        yield f"has {parts} parts in {place}.parts; a compound has from 2 to {MAX_STEPS}"
    for number, part in enumerate(condition.parts):
        yield from flaws_of_condition(part, f"{place}.parts[{number}]")
    require = condition.require
    if isinstance(require, int) and not 1 <= require <= parts:
        yield f"requires {require} of {parts} parts in {place}.require; write 'all', 'any' or a number up to {parts}"
    yield from flaw_of_seconds(condition.within, f"{place}.within", positive=require not in ("any", 1))


def _flaws_of_times(timezone: str, days: tuple[str, ...], times: tuple[time, ...], place: str) -> Iterator[str]:
    if not _is_timezone(timezone):
        yield f"has the unknown time zone {timezone!r} in {place}.timezone; write one such as 'UTC' or 'Europe/Berlin'"
    if not days:
        yield f"has no days in {place}.days; leave it out for all days"
    if any(one.tzinfo is not None for one in times):
        yield f"has a time with an offset in {place}; write it as '06:00', and the time zone in {place}.timezone"


@lru_cache(maxsize=64)
def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True

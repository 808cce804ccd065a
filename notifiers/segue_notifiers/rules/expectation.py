"""Expectation: in a few words, what a condition waits for, and until when."""

from collections.abc import Iterator

from segue_notifiers.rules.rule import Compound, Condition, Match, Proactive

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def expectation(condition: Condition) -> str:
    """Return "completed flow run of nightly by 06:00 (Europe/Berlin)"; empty where nothing is waited for."""
    if isinstance(condition, Compound):
        return " or ".join(filter(None, map(expectation, condition.parts)))
    if not isinstance(condition, Proactive):
        return ""
    by = condition.by
    until = f"by {by.at:%H:%M} ({by.timezone})" if by else f"within {_span(condition.within)}"
    return f"{_awaited(condition.expect)} {until}"


def _awaited(match: Match) -> str:
    kinds = " or ".join(map(_kind, match.kinds)) or "event"
    return " ".join([kinds, *_facets(match)])


def _facets(match: Match) -> Iterator[str]:
    if match.states:
        yield f"in state {' or '.join(match.states)}"
    if match.flows:
        yield f"of {' or '.join(match.flows)}"
    if match.deployments:
        yield f"of deployment {' or '.join(match.deployments)}"
    if match.tags:
        yield f"with tag {' or '.join(match.tags)}"
    if match.labels:
        yield f"with {' and '.join(f'{name} {value}' for name, value in match.labels.items())}"


def _kind(kind: str) -> str:
    """ "completed flow run" of "flow-run.completed"; a glob stays as it is."""
    noun, _, verb = kind.rpartition(".")
    words = f"{verb} {noun.replace('.', ' ')}" if noun else kind
    return kind if "*" in kind or kind.startswith("!") else words.replace("-", " ")


def _span(seconds: float) -> str:
    length, unit = next(((length, unit) for length, unit in _UNITS if seconds % length == 0), (1, "second"))
    return f"{seconds / length:g} {unit}{'' if seconds == length else 's'}"

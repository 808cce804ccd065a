"""Match, compiled: whether it means a piece of news; and which events all the rules together have to see."""

from collections.abc import Callable, Iterable, Iterator

from segue_events import Event, Filter
from segue_notifiers.firing import News
from segue_notifiers.rules.glob import Globs
from segue_notifiers.rules.rule import Compound, Condition, Match, Proactive, Reactive, Rule

ACKNOWLEDGED = "notification.acknowledged"
MUTED = "rule.muted"

# What the notifier itself says. Rules upon these would tell of their own telling, without end.
OWN_KINDS = (
    "notification.queued",
    "notification.sent",
    "notification.failed",
    "notification.dead",
    ACKNOWLEDGED,
    MUTED,
    "action.done",
    "action.failed",
)
OWN_FAMILIES = ("notification.", "rule.", "action.")

# The verdicts upon so many kinds are remembered; a journal has some dozens, so this is only against abuse.
_REMEMBERED_KINDS = 1_000


class CompiledMatch:
    """A match made ready to be asked often."""

    def __init__(self, match: Match) -> None:
        self._kinds = Globs(match.kinds)
        self._verdicts: dict[str, bool] = {}
        self._flows, self._tags = Globs(match.flows), Globs(match.tags)
        self._deployments = Globs(match.deployments)
        self._tests = tuple(self._tests_of(match))

    @property
    def names(self) -> frozenset[str] | None:
        """The only kinds that can match; None where globs leave more of them open."""
        return self._kinds.exact

    @property
    def keys(self) -> frozenset[tuple[str, str]] | None:
        """Facets with their values, one of which all fitting news have (as in `keys_of`); None where it is open."""
        for facet, globs in (("flow", self._flows), ("deployment", self._deployments), ("tag", self._tags)):
            if globs.exact is not None:
                return frozenset((facet, value) for value in globs.exact)
        return None

    def kinds(self, kind: str) -> bool:
        """Whether events of this kind can match."""
        verdict = self._verdicts.get(kind)
        if verdict is None:
            verdict = self._kinds.fit(kind)
            if len(self._verdicts) < _REMEMBERED_KINDS:
                self._verdicts[kind] = verdict
        return verdict

    def matches(self, news: News) -> bool:
        """Whether all conditions hold for the news."""
        return self.kinds(news.event.kind) and all(test(news) for test in self._tests)

    def _tests_of(self, match: Match) -> Iterator[Callable[[News], bool]]:
        runs, subjects = Globs(match.runs), Globs(match.subjects)
        if match.runs:
            yield lambda news: runs.fit(news.event.run)
        if match.subjects:
            yield lambda news: subjects.fit(news.event.subject)
        if match.flows:
            yield lambda news: self._flows.fit(news.subject.flow)
        if match.deployments:
            yield lambda news: self._deployments.fit(news.subject.deployment)
        if match.tags:
            yield lambda news: self._tags.fit_any(news.subject.tags)
        if match.labels:
            yield _labels(match)
        if match.states:
            yield _states(match.states)


def state_of(event: Event) -> tuple[str, str]:
    """The name and the type of the state that an event brings, in small letters."""
    kind = event.kind.rpartition(".")[2].lower()
    # An event that makes a run known keeps the run's own name in "name".
    known = "flow" in event.payload or "task" in event.payload
    name = None if known else event.payload.get("name")
    return (name.lower() if isinstance(name, str) else kind), kind


def keys_of(news: News) -> Iterator[tuple[str, str]]:
    """The facets of the news by which matches are found."""
    yield "flow", news.subject.flow
    yield "deployment", news.subject.deployment
    for tag in news.subject.tags:
        yield "tag", tag


def is_part(event: Event) -> bool:
    """Whether the event alone shows that its subject belongs to a run that is not itself."""
    return bool(event.run) and event.run != event.subject


def is_own(kind: str) -> bool:
    """Whether it is the notifier that says such things."""
    return kind.startswith(OWN_FAMILIES)


def matches_of(rule: Rule) -> Iterator[Match]:
    """All matches that a rule is made of."""
    yield from _matches_in(rule.when)
    if rule.recovery is not None:
        yield rule.recovery


def needs_subject(rule: Rule) -> bool:
    """Whether an event alone does not tell if the rule means it, or for which group."""
    by_subject = ("flow", "deployment", "tag.", "label.")
    return (
        not rule.parts
        or any(facet.startswith(by_subject) for facet in rule.for_each)
        or any(match.flows or match.tags or match.deployments or match.labels for match in matches_of(rule))
    )


def filter_of(rules: Iterable[Rule]) -> Filter:
    """The events that rules have to see, all of them taken together, with what acknowledges and mutes."""
    all_kinds = [match.kinds for rule in rules if rule.enabled for match in matches_of(rule)]
    wanted = {kind for kinds in all_kinds for kind in kinds if not kind.startswith("!")}
    if any(all(kind.startswith("!") for kind in kinds) for kinds in all_kinds):
        wanted.add("*")
    # Only what no rule wants can be left out; and not what acknowledges and mutes.
    unwanted = set[str].intersection(*map(set[str], all_kinds)) if all_kinds else set[str]()
    unwanted = {
        kind for kind in unwanted if kind.startswith("!") and not Globs((kind[1:],)).fit_any((ACKNOWLEDGED, MUTED))
    }
    pattern = Globs(wanted) if wanted else Globs(("",))
    own = {f"!{kind}" for kind in OWN_KINDS if pattern.fit(kind) and kind not in (ACKNOWLEDGED, MUTED)}
    return Filter(kinds=(*sorted(wanted | {ACKNOWLEDGED, MUTED}), *sorted(unwanted | own)))


def _matches_in(condition: Condition) -> Iterator[Match]:
    if isinstance(condition, Reactive):
        yield condition.on
    elif isinstance(condition, Proactive):
        yield from (match for match in (condition.expect, condition.after) if match is not None)
    elif isinstance(condition, Compound):
        for part in condition.parts:
            yield from _matches_in(part)
    else:
        yield from condition.steps


def _labels(match: Match) -> Callable[[News], bool]:
    globs = {name: Globs((value,)) for name, value in match.labels.items()}

    def fit(news: News) -> bool:
        labels = news.subject.labels
        return all(name in labels and value.fit(labels[name]) for name, value in globs.items())

    return fit


def _states(states: tuple[str, ...]) -> Callable[[News], bool]:
    """States by their names; one in capitals means a type, and so all states of that type as well."""
    capitals = [state for state in states if state.isupper()]
    globs = Globs([*(state.lower() for state in states), *capitals])

    def fit(news: News) -> bool:
        name, kind = state_of(news.event)
        # A name is in small letters and a type in capitals, so neither is taken for the other.
        return globs.fit_any((name, kind.upper()))

    return fit

"""The options of `segue notify add-rule`, and the rule that they say."""

from dataclasses import dataclass
from datetime import time
from typing import Annotated

from cyclopts import Parameter

from segue.cli.errors import Usage
from segue.cli.spans import span
from segue.cli.text import clean_line
from segue_notifiers.message import Severity
from segue_notifiers.rules import Daily, Escalation, Match, Notify, Pace, Proactive, Reactive, Rule

__all__ = ("RuleOptions",)

FAILURES = ("flow-run.failed", "flow-run.crashed", "task-run.failed", "task-run.crashed")
RUNS = ("flow-run.*", "task-run.*")
SUCCESS = ("flow-run.completed",)


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """When the rule speaks, how often, and to whom; each option that may be repeated means any of its values."""

    kind: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Events of this kind: 'flow-run.*'. By default failed and crashed runs."),
    ] = None
    state: Annotated[
        list[str] | None, Parameter(negative=(), help="Events of runs that reach this state: Failed, TimedOut.")
    ] = None
    flow: Annotated[list[str] | None, Parameter(negative=(), help="Only runs of this flow; 'etl-*' is of several.")] = (
        None
    )
    run_tag: Annotated[list[str] | None, Parameter(negative=(), help="Only runs with this tag.")] = None
    parts: Annotated[
        bool,
        Parameter(
            negative=(), help="Also of task runs within flows, and flow runs within others; so if only tasks are meant."
        ),
    ] = False
    count: Annotated[int, Parameter(help="Speak when so many have come.")] = 1
    within: Annotated[str | None, Parameter(help="How close together: 90s, 15m, 2h, 1d.")] = None
    by: Annotated[
        str | None,
        Parameter(help="Speak when none has come by this time of day, 06:00; --within says since when: a day."),
    ] = None
    timezone: Annotated[str, Parameter(help="The time zone of --by: Europe/Berlin.")] = "UTC"
    for_each: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Count and pace apart for each: flow, run, subject, deployment, tag.GLOB."),
    ] = None
    recovery: Annotated[bool, Parameter(negative=(), help="Tell too when a run of the same flow completes.")] = False
    severity: Annotated[Severity, Parameter(help="How grave it is.")] = "failure"
    debounce: Annotated[str | None, Parameter(help="Speak only once it has been still for so long.")] = None
    throttle: Annotated[str | None, Parameter(help="Be silent for so long after having spoken.")] = None
    most: Annotated[int, Parameter(help="Send so many messages in --per, the rest as one digest.")] = 0
    per: Annotated[str, Parameter(help="The span of time of --most.")] = "60s"
    tell: Annotated[
        list[str] | None, Parameter(negative=(), help="Tell the targets with this tag; by default all targets.")
    ] = None
    escalate: Annotated[
        list[str] | None,
        Parameter(negative=(), help="SPAN=TAG: tell those of this tag too if nobody has acknowledged by then."),
    ] = None
    title: Annotated[str | None, Parameter(help="A template of the message's title.")] = None
    body: Annotated[str | None, Parameter(help="A template of the message's text.")] = None
    attach: Annotated[list[str] | None, Parameter(negative=(), help="What goes with the message: log.")] = None

    def rule(self, name: str) -> Rule:
        """Return the rule; raises Usage for an option that cannot be read."""
        notify = Notify(
            tags=tuple(self.tell or ()),
            title=self.title or "",
            body=self.body or "",
            attach=tuple(self.attach or ()),
        )
        return Rule(
            name=name,
            when=self._condition(),
            actions=(notify,),
            # What has not come by a time of day has no flow to be told apart by.
            for_each=tuple(self.for_each or (("flow",) if self.recovery and not self.by else ())),
            recovery=Match(kinds=SUCCESS, flows=tuple(self.flow or ())) if self.recovery else None,
            pace=self._pace(),
            severity=self.severity,
            escalate=tuple(_escalation(text) for text in self.escalate or ()),
            parts=self.parts or (bool(self.kind) and all(kind.startswith("task-run.") for kind in self.kind or ())),
        )

    def _condition(self) -> Reactive | Proactive:
        within = span(self.within, "--within") if self.within else 0.0
        match = Match(
            kinds=self._kinds(),
            states=tuple(self.state or ()),
            flows=tuple(self.flow or ()),
            tags=tuple(self.run_tag or ()),
        )
        if not self.by:
            return Reactive(on=match, count=self.count, within=within)
        return Proactive(expect=match, within=within, by=Daily(at=_time_of_day(self.by), timezone=self.timezone))

    def _kinds(self) -> tuple[str, ...]:
        for kind in self.kind or ():
            if "." not in kind and "*" not in kind:
                raise Usage(
                    f"--kind {clean_line(kind, 60)!r} is no kind of event, which has a noun and a verb;"
                    " write --kind flow-run.failed, or --state Failed."
                )
        if self.kind or not self.state:
            return tuple(self.kind or (SUCCESS if self.by else FAILURES))
        return RUNS

    def _pace(self) -> Pace:
        return Pace(
            debounce=span(self.debounce, "--debounce") if self.debounce else 0.0,
            throttle=span(self.throttle, "--throttle") if self.throttle else 0.0,
            most=self.most,
            per=span(self.per, "--per"),
        )


def _time_of_day(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise Usage(f"--by {clean_line(text, 60)!r} is no time of day; write --by 06:00.") from error


def _escalation(text: str) -> Escalation:
    after, equals, tag = text.partition("=")
    if not equals or not tag.strip():
        raise Usage(f"--escalate {clean_line(text, 60)!r} is not of the form SPAN=TAG; write --escalate 15m=managers.")
    return Escalation(after=span(after, "--escalate"), tags=(tag.strip(),))

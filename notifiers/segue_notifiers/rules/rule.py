"""Rule: when to act, upon what, and whom to tell. Data only; `rules` makes it work, without clock or channel."""

from collections.abc import Mapping
from datetime import time
from typing import Any, Literal

import msgspec

from segue_notifiers.message import Severity

A_DAY = 24 * 3600.0
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events: all conditions must hold, of each one of its values; an empty one leaves it open.

    Values are globs with `*`; a leading `!` says what must not be. `kinds` are kinds of events
    ("flow-run.failed"); `states` the names of states ("Failed", "TimedOut"), in any case of letters; of `labels`,
    all must be there with a value like the one given.
    """

    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    runs: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class _Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What has to hold for a rule to fire."""


class Reactive(_Condition, frozen=True, kw_only=True, tag="reactive"):
    """`count` events have come within `within` seconds; then counting begins anew."""

    on: Match
    count: int = 1
    within: float = 0.0


class Daily(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time of day ("06:00") in a time zone, on some days of the week."""

    at: time
    timezone: str = "UTC"
    days: tuple[Weekday, ...] = WEEKDAYS


class Proactive(_Condition, frozen=True, kw_only=True, tag="proactive"):
    """An event that is expected has not come.

    With `after`: within `within` seconds after such an event. With `by`: in the `within` seconds before that time of
    day (a day if `within` is 0).
    """

    expect: Match
    after: Match | None = None
    within: float = 0.0
    by: Daily | None = None


class Sequence(_Condition, frozen=True, kw_only=True, tag="sequence"):
    """Events have come in this order, the last one within `within` seconds of the first."""

    steps: tuple[Match, ...]
    within: float


class Compound(_Condition, frozen=True, kw_only=True, tag="compound"):
    """Of the parts, `all`, `any` or so many have come true within `within` seconds."""

    parts: tuple[Reactive | Proactive | Sequence, ...]
    require: Literal["all", "any"] | int = "all"
    within: float = 0.0


Condition = Reactive | Proactive | Sequence | Compound


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours in which nothing is told; what happens then is told as one digest at their end.

    They may pass midnight. What is at least as severe as `except_for` is told all the same.
    """

    begin: time
    end: time
    timezone: str = "UTC"
    days: tuple[Weekday, ...] = WEEKDAYS
    except_for: Severity | None = None


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a rule may speak.

    `debounce`: a group fires once it has been still for so many seconds, and what came meanwhile is counted in.
    `throttle`: once a group has fired it is silent for so many seconds. `most` in `per` seconds, over all groups:
    what is above that is told as one digest at the end of those seconds. 0 switches each of them off.
    """

    debounce: float = 0.0
    throttle: float = 0.0
    most: int = 0
    per: float = 60.0


class Escalation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """If nobody has acknowledged `after` seconds after the first telling, tell those of these tags too."""

    after: float
    tags: tuple[str, ...]
    severity: Severity | None = None


class _Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    """What a rule does when it fires."""


class Notify(_Action, frozen=True, kw_only=True, tag="notify"):
    """Tell the targets that have one of these tags; without tags, all targets.

    `title` and `body` are templates; where they are empty, the message is written without one. `attach` names what
    goes with it: "log".
    """

    tags: tuple[str, ...] = ()
    title: str = ""
    body: str = ""
    attach: tuple[str, ...] = ()


class CallWebhook(_Action, frozen=True, kw_only=True, tag="call-webhook"):
    """Post the firing as JSON to the target of this name; `body`, a template, in its stead."""

    target: str
    body: str = ""


class CallFunction(_Action, frozen=True, kw_only=True, tag="call-function"):
    """Call an importable function, "package.module:name", with the firing, in the notifier's process."""

    function: str


class RunDeployment(_Action, frozen=True, kw_only=True, tag="run-deployment"):
    """Start a run of a deployment; texts in the parameters are templates."""

    deployment: str
    parameters: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])


class ChangeRun(_Action, frozen=True, kw_only=True, tag="change-run"):
    """Ask of the run that the firing is about, or of the one named, to be cancelled, paused, resumed or retried."""

    to: Literal["cancel", "pause", "resume", "retry"]
    run: str = ""


class ChangeSchedule(_Action, frozen=True, kw_only=True, tag="change-schedule"):
    """Pause or resume the schedules of a deployment."""

    to: Literal["pause", "resume"]
    deployment: str


class ChangePool(_Action, frozen=True, kw_only=True, tag="change-pool"):
    """Pause or resume a work pool."""

    to: Literal["pause", "resume"]
    pool: str


Action = Notify | CallWebhook | CallFunction | RunDeployment | ChangeRun | ChangeSchedule | ChangePool


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When `when` holds, do `actions`.

    `for_each` names what events are told apart by, so that each group has its own count, pace and escalation:
    "subject", "run", "flow", "deployment", "tag.<glob>", "label.<name>" or "payload.<path>"; without it there is one
    group. `recovery` is the good news after which a group that had fired is told of as recovered (same values of
    `for_each`). What happened longer than `max_age` seconds ago is not told, since it would alarm people about what
    is long over. `parts` says whether that what happened to a part of something larger (a task run within a flow run,
    a flow run within another) counts by itself; by default only the whole does.
    """

    name: str
    when: Condition
    actions: tuple[Action, ...] = (Notify(),)
    for_each: tuple[str, ...] = ()
    recovery: Match | None = None
    pace: Pace = Pace()
    quiet: Quiet | None = None
    severity: Severity = "failure"
    escalate: tuple[Escalation, ...] = ()
    max_age: float = A_DAY
    parts: bool = False
    enabled: bool = True

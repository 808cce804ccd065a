"""Firing: what comes of a rule when its condition holds, before it is put into words."""

from typing import Literal

import msgspec

from segue_events import Event
from segue_notifiers.message import Severity
from segue_notifiers.subject import Subject

Reason = Literal["matched", "missing", "digest", "recovered", "escalated"]


class News(msgspec.Struct, frozen=True):
    """An event, and what is known of the thing it is about: what rules look at."""

    event: Event
    subject: Subject


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """Rule `rule` has something to tell, for the group whose values of `for_each` are `group`.

    `id` is the same whenever the same firing is reckoned anew, so acting upon it twice can be noticed. `news` are the
    causes that are kept, the latest last; `count` is how many there were (a digest's more than are kept). `tags` say
    whom to tell, `level` is the step of the escalation (0 is the first telling), `at` is in µs since 1970.
    `expected` is, in a few words, what a missing one waited for: "completed flow run of nightly by 06:00 (UTC)".
    """

    id: str
    rule: str
    reason: Reason
    at: int
    group: tuple[str, ...] = ()
    severity: Severity = "failure"
    news: tuple[News, ...] = ()
    count: int = 1
    tags: tuple[str, ...] = ()
    level: int = 0
    expected: str = ""

"""Rules: which events call for what to be done, reckoned without clock, channel or journal."""

from segue_notifiers.rules.book import RuleBook as RuleBook
from segue_notifiers.rules.book import RuleStatus as RuleStatus
from segue_notifiers.rules.check import check as check
from segue_notifiers.rules.check import check_all as check_all
from segue_notifiers.rules.match import filter_of as filter_of
from segue_notifiers.rules.match import needs_subject as needs_subject
from segue_notifiers.rules.rule import Action as Action
from segue_notifiers.rules.rule import CallFunction as CallFunction
from segue_notifiers.rules.rule import CallWebhook as CallWebhook
from segue_notifiers.rules.rule import ChangePool as ChangePool
from segue_notifiers.rules.rule import ChangeRun as ChangeRun
from segue_notifiers.rules.rule import ChangeSchedule as ChangeSchedule
from segue_notifiers.rules.rule import Compound as Compound
from segue_notifiers.rules.rule import Condition as Condition
from segue_notifiers.rules.rule import Daily as Daily
from segue_notifiers.rules.rule import Escalation as Escalation
from segue_notifiers.rules.rule import Match as Match
from segue_notifiers.rules.rule import Notify as Notify
from segue_notifiers.rules.rule import Pace as Pace
from segue_notifiers.rules.rule import Proactive as Proactive
from segue_notifiers.rules.rule import Quiet as Quiet
from segue_notifiers.rules.rule import Reactive as Reactive
from segue_notifiers.rules.rule import Rule as Rule
from segue_notifiers.rules.rule import RunDeployment as RunDeployment
from segue_notifiers.rules.rule import Sequence as Sequence

__all__ = (
    "Action", "CallFunction", "CallWebhook", "ChangePool", "ChangeRun", "ChangeSchedule", "Compound", "Condition",
    "Daily", "Escalation", "Match", "Notify", "Pace", "Proactive", "Quiet", "Reactive", "Rule", "RuleBook",
    "RuleStatus", "RunDeployment", "Sequence", "check", "check_all", "filter_of", "needs_subject",
)  # fmt: skip

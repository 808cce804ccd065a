"""segue_notifiers: tells people of events, by any channel, without slowing what the events are about."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue_notifiers.actions import Act as Act
    from segue_notifiers.actions import Actions as Actions
    from segue_notifiers.channel import Channel as Channel
    from segue_notifiers.channels.apprise_channel import AppriseChannel as AppriseChannel
    from segue_notifiers.channels.choice import channel_of as channel_of
    from segue_notifiers.channels.discord_channel import DiscordChannel as DiscordChannel
    from segue_notifiers.channels.email_channel import EmailChannel as EmailChannel
    from segue_notifiers.channels.log_channel import LogChannel as LogChannel
    from segue_notifiers.channels.outbound import Policy as Policy
    from segue_notifiers.channels.slack_channel import SlackChannel as SlackChannel
    from segue_notifiers.channels.teams_channel import TeamsChannel as TeamsChannel
    from segue_notifiers.channels.terminal_channel import TerminalChannel as TerminalChannel
    from segue_notifiers.channels.webhook_channel import WebhookChannel as WebhookChannel
    from segue_notifiers.errors import ActionFailed as ActionFailed
    from segue_notifiers.errors import Forbidden as Forbidden
    from segue_notifiers.errors import InvalidChannel as InvalidChannel
    from segue_notifiers.errors import InvalidRule as InvalidRule
    from segue_notifiers.errors import InvalidTemplate as InvalidTemplate
    from segue_notifiers.errors import NotDelivered as NotDelivered
    from segue_notifiers.errors import NotifierError as NotifierError
    from segue_notifiers.firing import Firing as Firing
    from segue_notifiers.firing import News as News
    from segue_notifiers.message import Attachment as Attachment
    from segue_notifiers.message import Message as Message
    from segue_notifiers.messages import Composed as Composed
    from segue_notifiers.messages import Template as Template
    from segue_notifiers.messages import compose as compose
    from segue_notifiers.notifier import Notifier as Notifier
    from segue_notifiers.outbox.log import DeliveryLine as DeliveryLine
    from segue_notifiers.outbox.log import DeliveryLog as DeliveryLog
    from segue_notifiers.outbox.route import Route as Route
    from segue_notifiers.outbox.state import MemoryState as MemoryState
    from segue_notifiers.outbox.state import State as State
    from segue_notifiers.outbox.state import StateFile as StateFile
    from segue_notifiers.reader import Source as Source
    from segue_notifiers.rules import Action as Action
    from segue_notifiers.rules import CallFunction as CallFunction
    from segue_notifiers.rules import CallWebhook as CallWebhook
    from segue_notifiers.rules import ChangePool as ChangePool
    from segue_notifiers.rules import ChangeRun as ChangeRun
    from segue_notifiers.rules import ChangeSchedule as ChangeSchedule
    from segue_notifiers.rules import Compound as Compound
    from segue_notifiers.rules import Condition as Condition
    from segue_notifiers.rules import Daily as Daily
    from segue_notifiers.rules import Escalation as Escalation
    from segue_notifiers.rules import Match as Match
    from segue_notifiers.rules import Notify as Notify
    from segue_notifiers.rules import Pace as Pace
    from segue_notifiers.rules import Proactive as Proactive
    from segue_notifiers.rules import Quiet as Quiet
    from segue_notifiers.rules import Reactive as Reactive
    from segue_notifiers.rules import Rule as Rule
    from segue_notifiers.rules import RuleBook as RuleBook
    from segue_notifiers.rules import RunDeployment as RunDeployment
    from segue_notifiers.rules import Sequence as Sequence
    from segue_notifiers.rules import check as check
    from segue_notifiers.rules import check_all as check_all
    from segue_notifiers.subject import Describe as Describe
    from segue_notifiers.subject import Subject as Subject
    from segue_notifiers.target import Rate as Rate
    from segue_notifiers.target import Target as Target

# Who needs a part, such as the command line that reads one rule, does not wait for the others to be imported.
_HOMES = {
    "Act": "actions",
    "Action": "rules",
    "ActionFailed": "errors",
    "Actions": "actions",
    "AppriseChannel": "channels.apprise_channel",
    "Attachment": "message",
    "CallFunction": "rules",
    "CallWebhook": "rules",
    "ChangePool": "rules",
    "ChangeRun": "rules",
    "ChangeSchedule": "rules",
    "Channel": "channel",
    "Composed": "messages",
    "Compound": "rules",
    "Condition": "rules",
    "Daily": "rules",
    "DeliveryLine": "outbox.log",
    "DeliveryLog": "outbox.log",
    "Describe": "subject",
    "DiscordChannel": "channels.discord_channel",
    "EmailChannel": "channels.email_channel",
    "Escalation": "rules",
    "Firing": "firing",
    "Forbidden": "errors",
    "InvalidChannel": "errors",
    "InvalidRule": "errors",
    "InvalidTemplate": "errors",
    "LogChannel": "channels.log_channel",
    "Match": "rules",
    "MemoryState": "outbox.state",
    "Message": "message",
    "News": "firing",
    "NotDelivered": "errors",
    "Notifier": "notifier",
    "NotifierError": "errors",
    "Notify": "rules",
    "Pace": "rules",
    "Policy": "channels.outbound",
    "Proactive": "rules",
    "Quiet": "rules",
    "Rate": "target",
    "Reactive": "rules",
    "Route": "outbox.route",
    "Rule": "rules",
    "RuleBook": "rules",
    "RunDeployment": "rules",
    "Sequence": "rules",
    "SlackChannel": "channels.slack_channel",
    "Source": "reader",
    "State": "outbox.state",
    "StateFile": "outbox.state",
    "Subject": "subject",
    "Target": "target",
    "TeamsChannel": "channels.teams_channel",
    "Template": "messages",
    "TerminalChannel": "channels.terminal_channel",
    "WebhookChannel": "channels.webhook_channel",
    "channel_of": "channels.choice",
    "check": "rules",
    "check_all": "rules",
    "compose": "messages",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'segue_notifiers' has no attribute {name!r}.")
    value = globals()[name] = getattr(import_module(f"segue_notifiers.{home}"), name)
    return value


__all__ = (
    "Act", "Action", "ActionFailed", "Actions", "AppriseChannel", "Attachment", "CallFunction", "CallWebhook",
    "ChangePool", "ChangeRun", "ChangeSchedule", "Channel", "Composed", "Compound", "Condition", "Daily",
    "DeliveryLine", "DeliveryLog", "Describe", "DiscordChannel", "EmailChannel", "Escalation", "Firing",
    "Forbidden", "InvalidChannel", "InvalidRule", "InvalidTemplate", "LogChannel", "Match", "MemoryState",
    "Message", "News", "NotDelivered", "Notifier", "NotifierError", "Notify", "Pace", "Policy", "Proactive",
    "Quiet", "Rate", "Reactive", "Route", "Rule", "RuleBook", "RunDeployment", "Sequence", "SlackChannel",
    "Source", "State", "StateFile", "Subject", "Target", "TeamsChannel", "Template", "TerminalChannel",
    "WebhookChannel", "channel_of", "check", "check_all", "compose",
)  # fmt: skip

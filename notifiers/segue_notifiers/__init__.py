"""segue_notifiers: tells people of events, by any channel, without slowing what the events are about."""

from segue_notifiers.channel import Channel as Channel
from segue_notifiers.channels.apprise_channel import AppriseChannel as AppriseChannel
from segue_notifiers.channels.log_channel import LogChannel as LogChannel
from segue_notifiers.cursors import CursorFile as CursorFile
from segue_notifiers.cursors import Cursors as Cursors
from segue_notifiers.delivery import Attempts as Attempts
from segue_notifiers.delivery import Delivery as Delivery
from segue_notifiers.errors import InvalidChannel as InvalidChannel
from segue_notifiers.errors import NotDelivered as NotDelivered
from segue_notifiers.errors import NotifierError as NotifierError
from segue_notifiers.lane import Source as Source
from segue_notifiers.message import Message as Message
from segue_notifiers.notifier import Notifier as Notifier
from segue_notifiers.rule import Rule as Rule
from segue_notifiers.rule import decide as decide
from segue_notifiers.subject import Subject as Subject

__all__ = (
    "AppriseChannel",
    "Attempts",
    "Channel",
    "CursorFile",
    "Cursors",
    "Delivery",
    "InvalidChannel",
    "LogChannel",
    "Message",
    "NotDelivered",
    "Notifier",
    "NotifierError",
    "Rule",
    "Source",
    "Subject",
    "decide",
)

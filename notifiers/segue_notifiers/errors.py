"""Every error of this package.

NotifierError
├── InvalidRule        a rule that cannot be meant so; said when it is saved
├── InvalidTemplate    a template that cannot be read; said when it is saved
├── InvalidChannel     a channel cannot be made of what was given; trying again does not help
├── Forbidden          the outbound policy forbids this address or scheme; trying again does not help
├── ActionFailed       an action of a rule was not done
└── NotDelivered       a target did not take a message; trying again may help

No error carries a URL or a part of one: each names its channel by the channel's own name.
"""


class NotifierError(Exception):
    """Whatever goes wrong while people are told of something."""


class InvalidRule(NotifierError):
    """A rule that cannot work; the sentence says which one, why, and what to write instead."""


class InvalidTemplate(NotifierError):
    """A template that cannot be read; the sentence says where in it, why, and what to write instead."""


class InvalidChannel(NotifierError):
    """A channel that can never send; the sentence says which one, why, and what to write instead."""


class Forbidden(InvalidChannel):
    """An address or a scheme that messages may not go to; the sentence says which setting would allow it."""


class ActionFailed(NotifierError):
    """An action that was not done; the text is the reason, fit to be shown."""


class NotDelivered(NotifierError):
    """A target that did not take a message this time; the text is the reason, fit to be shown.

    `retry_after` are the seconds that the target asks to be left alone, None where it does not say. After a `final`
    one this message is not tried again: the target will never take it.
    """

    def __init__(self, reason: str = "", *, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.final = final

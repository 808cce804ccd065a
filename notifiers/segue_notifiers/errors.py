"""Every error of this package.

NotifierError
├── InvalidChannel     a channel cannot be made of what was given; trying again does not help
└── NotDelivered       a target did not take a message; trying again may help

No error carries a URL or a part of one: each names its channel by the channel's own name.
"""


class NotifierError(Exception):
    """Whatever goes wrong while people are told of something."""


class InvalidChannel(NotifierError):
    """A channel that can never send; the sentence says which one, why, and what to write instead."""


class NotDelivered(NotifierError):
    """A target that did not take a message this time; the text is the reason, fit to be shown."""

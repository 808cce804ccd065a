"""Entry: a message that is on its way to one target."""

import msgspec

from segue_notifiers.message import Message


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message, the name of its target, and what came of it so far.

    `attempts` were made; the next one is due at `next_at`, and after `deadline` none follows (both in µs since 1970).
    `attach` names what goes with it, to be fetched when it is sent. A digest has `absorbed` the messages of these
    ids: it goes in their stead. `seq` is its place in the journal.
    """

    message: Message
    target: str
    deadline: int
    seq: int = 0
    attempts: int = 0
    next_at: int = 0
    attach: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The message's id, by which its events and its receiver know it."""
        return self.message.id

    @property
    def rule(self) -> str:
        """The rule that had it sent."""
        return self.message.rule

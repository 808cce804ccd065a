"""Route: a channel, and what is to be kept to when it is used."""

import msgspec

from segue_notifiers.channel import Channel
from segue_notifiers.target import Rate


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A channel for rules that name one of its `tags`, or none. An attempt may take `timeout` seconds."""

    channel: Channel
    tags: tuple[str, ...] = ()
    rate: Rate = Rate()
    timeout: float = 30.0

    @property
    def name(self) -> str:
        """What people call the target."""
        return self.channel.name

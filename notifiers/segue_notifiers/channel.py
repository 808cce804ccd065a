"""Channel: where messages go."""

from typing import Protocol

from segue_notifiers.message import Message


class Channel(Protocol):
    """One target. `send` is called for one message at a time.

    `name` is shown in events and logs, and must hold nothing secret; it tells the channels of a notifier apart.
    """

    @property
    def name(self) -> str:
        """What people call the target: "slack-1"."""
        ...

    async def open(self) -> None:
        """Make ready to send, before the time limit of a message runs; called before each message.

        Raises InvalidChannel if this can never send.
        """
        ...

    async def send(self, message: Message) -> None:
        """Hand the message over, and return once the target has it; the caller limits the time by cancelling.

        Raises NotDelivered with the reason.
        """
        ...

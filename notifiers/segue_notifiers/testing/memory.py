"""MemoryChannel: a channel that lasts as long as the object."""

import anyio

from segue_notifiers.errors import NotDelivered
from segue_notifiers.message import Message


class MemoryChannel:
    """Keeps what it is sent; refuses the first `refusals` attempts, or answers nothing at all if it `hangs`."""

    def __init__(self, name: str = "memory", refusals: int = 0, *, hangs: bool = False) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.attempts = 0
        self._refusals = refusals
        self._hangs = hangs

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, message: Message) -> None:
        """Keep the message, unless this one refuses or hangs."""
        self.attempts += 1
        if self._hangs:
            await anyio.sleep_forever()
        if self.attempts <= self._refusals:
            raise NotDelivered(f"refusal {self.attempts}")
        self.messages.append(message)

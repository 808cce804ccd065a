"""The channel for development: messages become log lines."""

import logging

from segue_notifiers.message import Message, Severity

LOGGER = logging.getLogger("segue.notifications")

_LEVELS: dict[Severity, int] = {
    "info": logging.INFO,
    "success": logging.INFO,
    "warning": logging.WARNING,
    "failure": logging.ERROR,
}


class LogChannel:
    """Writes each message to the logger `segue.notifications`."""

    def __init__(self, name: str = "log") -> None:
        self.name = name

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, message: Message) -> None:
        """Write the message, at the level of its severity."""
        LOGGER.log(_LEVELS[message.severity], "%s\n%s", message.title, message.body)

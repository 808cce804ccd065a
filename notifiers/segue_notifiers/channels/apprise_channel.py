"""The channel for Apprise URLs: a thread for each message, which may be left behind."""

import asyncio
from concurrent.futures import Future
from typing import NamedTuple

from segue_notifiers.channels.apprise_services import Service, load
from segue_notifiers.channels.outbound import Place, Policy
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import NotDelivered
from segue_notifiers.message import Message


class Flight(NamedTuple):
    """A message on its way in a thread."""

    message_id: str
    landed: Future[None]


class AppriseChannel:
    """Sends to one Apprise URL, or to those of an Apprise configuration file; nothing of this object shows them.

    Apprise blocks, so a message is sent in a thread, one at a time. A caller who gives up leaves the thread
    behind; the next message waits for it, and the same message takes over what came of it instead of being
    sent twice. Of a file's URLs, those that have taken a message do not get it again.
    """

    def __init__(self, url: str, name: str, policy: Policy | None = None) -> None:
        self.name = name
        self._url = url
        self._policy = policy or Policy()
        self._services: list[Service] = []
        self._flight: Flight | None = None
        self._told: tuple[str, set[int]] = ("", set())

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"

    async def open(self) -> None:
        """Import Apprise and make what the URL stands for; raises InvalidChannel or Forbidden if that cannot be."""
        if not self._services:
            await asyncio.wrap_future(call_in_daemon_thread(self.load, f"segue-load-{self.name}"))

    def load(self) -> list[Place]:
        """The same in this thread, which it blocks; returns the places that the URL names and leads to."""
        self._services = self._services or load(self._url, self.name, self._policy)
        return [place for service in self._services if (place := service.place) is not None]

    async def send(self, message: Message) -> None:
        """Send the message; raises NotDelivered with Apprise's reason, or Forbidden."""
        if (last := self._flight) is not None:
            await asyncio.gather(asyncio.wrap_future(last.landed), return_exceptions=True)
            if last.message_id == message.id and last.landed.exception() is None:
                return
        flight = Flight(message.id, call_in_daemon_thread(lambda: self._send(message), f"segue-send-{self.name}"))
        self._flight = flight
        await asyncio.wrap_future(flight.landed)
        self._flight = None

    def _send(self, message: Message) -> None:
        if not self._services:
            raise NotDelivered(f"{self.name} was not opened.")
        if self._told[0] != message.id:
            self._told = (message.id, set())
        told = self._told[1]
        failure: Exception | None = None
        for number, service in enumerate(self._services):
            if number in told:
                continue
            try:
                service.send(message, self.name)
            except Exception as error:
                failure = failure or error
            else:
                told.add(number)
        if failure is not None:
            raise failure

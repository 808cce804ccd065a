"""The channel for Apprise URLs: the one file that imports apprise."""

# Apprise has types, but some of its signatures mention a bare `dict`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from segue_notifiers.channels.outbound import Place, Policy
from segue_notifiers.channels.url import scheme_of
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.message import Message, Severity
from segue_notifiers.redaction import Redactor, guarded_loggers

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

MAX_REASON = 300

_KINDS: dict[Severity, str] = {"info": "info", "success": "success", "warning": "warning", "failure": "failure"}

# Filters of warnings belong to the whole process, so only one thread at a time may change them.
_one_at_a_time = threading.Lock()


class Flight(NamedTuple):
    """A message on its way in a thread."""

    message_id: str
    landed: Future[None]


class AppriseChannel:
    """Sends to one Apprise URL, which nothing of this object shows.

    Apprise blocks, so a message is sent in a thread, one at a time. A caller who gives up leaves the thread
    behind; the next message waits for it, and the same message takes over what came of it instead of being
    sent twice.
    """

    def __init__(self, url: str, name: str, policy: Policy = Policy()) -> None:  # noqa: B008
        self.name = name
        self._policy = policy
        self._url = url
        self._redact = Redactor(url)
        self._service: Apprise | None = None
        self._flight: Flight | None = None

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"

    async def open(self) -> None:
        """Import Apprise and make the target of the URL; raises InvalidChannel if Apprise cannot."""
        if self._service is None:
            self._service = await asyncio.wrap_future(call_in_daemon_thread(self._load, f"segue-load-{self.name}"))

    def load_places(self) -> list[Place]:
        """Import Apprise, and tell where it would connect to; blocks, and raises InvalidChannel if Apprise cannot."""
        self._service = self._service or self._load()
        return []

    async def send(self, message: Message) -> None:
        """Send the message; raises NotDelivered with Apprise's reason."""
        if (last := self._flight) is not None:
            await asyncio.gather(asyncio.wrap_future(last.landed), return_exceptions=True)
            if last.message_id == message.id and last.landed.exception() is None:
                return
        flight = Flight(message.id, call_in_daemon_thread(lambda: self._send(message), f"segue-send-{self.name}"))
        self._flight = flight
        await asyncio.wrap_future(flight.landed)
        self._flight = None

    def _load(self) -> Apprise:
        scheme = scheme_of(self._url)
        if not scheme:
            raise InvalidChannel(f"The URL of {self.name} does not begin like mailto:// or slack://; correct it.")
        with _one_at_a_time, warnings.catch_warnings(), guarded_loggers(self._redact):
            # Apprise's plugins import what Python is about to drop; that is not the concern of who sends a message.
            warnings.simplefilter("ignore", DeprecationWarning)
            # Apprise and its 180 plugins cost up to 1.6 s and 45 MiB, which only those pay who send.
            import apprise  # noqa: PLC0415

            service = apprise.Apprise.instantiate(
                self._url,
                # In our own thread, without Apprise's pool of a few threads for all targets and its time limit;
                # nowhere else than to the URL's own host; and no tokens in files.
                asset=apprise.AppriseAsset(
                    async_mode=False, service_timeout=0, http_redirects=False, storage_mode="memory"
                ),
            )
            known = scheme in apprise.NotificationManager()
        if service is None:
            raise InvalidChannel(
                f"Apprise cannot read the {scheme}:// URL of {self.name}; compare it with Apprise's page on {scheme}."
                if known
                else f"Apprise knows no {scheme}:// as in the URL of {self.name}; correct the URL's beginning."
            )
        if "overflow=" not in self._url:
            # By default Apprise lets the target refuse what is too long for it.
            service.overflow_mode = apprise.OverflowMode.SPLIT
        target = apprise.Apprise()
        target.add(service)
        return target

    def _send(self, message: Message) -> None:
        if self._service is None:
            raise NotDelivered(f"{self.name} was not opened.")
        with guarded_loggers(self._redact):
            # Without a body Apprise sends nothing.
            body = message.body or message.title
            result = self._service.notify(
                title=message.title, body=body, notify_type=_KINDS[message.severity], body_format="text"
            )
            if not result:
                raise NotDelivered(self._reason(result))

    def _reason(self, result: AppriseResult) -> str:
        lines = [" ".join(entry.message.split()) for entry in result.logs()]
        # Redacted although the records were: a plugin may make log entries without a record.
        reason = self._redact(" ".join(dict.fromkeys(lines))) or "Apprise gives no reason."
        return reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1]}…"

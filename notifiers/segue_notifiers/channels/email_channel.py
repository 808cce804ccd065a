"""The channel for e-mail by SMTP; the one file that imports aiosmtplib."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from email.message import EmailMessage
from importlib import import_module
from typing import TYPE_CHECKING

from segue_notifiers.channels.http import first_line
from segue_notifiers.channels.mail import Mailbox, mail_of
from segue_notifiers.channels.outbound import Outlet, Place, check_literal
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import NotDelivered
from segue_notifiers.message import Message
from segue_notifiers.redaction import Redactor, guarded_task

if TYPE_CHECKING:
    import aiosmtplib

# Seconds for a farewell, which comes after the server has taken the mail.
FAREWELL = 2.0


class EmailChannel:
    """Sends each message as a mail, by a connection of its own to an address that the policy permits.

    A server that takes it for some recipients only is asked again for the others alone. Raises InvalidChannel or
    Forbidden for a URL that cannot be meant so; nothing of this object shows it.
    """

    def __init__(self, url: str, outlet: Outlet) -> None:
        self.name = outlet.name
        self._mailbox = Mailbox.of(url, outlet.name)
        check_literal(self._mailbox.place, outlet)
        self._outlet = outlet
        self._redact = Redactor(url)
        self._told: tuple[str, set[str]] = ("", set())

    def __repr__(self) -> str:
        return f"EmailChannel({self.name!r})"

    @property
    def place(self) -> Place:
        """Where it connects to."""
        return self._mailbox.place

    async def open(self) -> None:
        """Import the library that speaks SMTP; the first message pays for it."""
        loading = call_in_daemon_thread(lambda: import_module("aiosmtplib"), f"segue-load-{self.name}")
        await asyncio.wrap_future(loading)

    async def send(self, message: Message) -> None:
        """Send the mail; raises NotDelivered with the server's words, final where they begin with a 5."""
        if self._told[0] != message.id:
            self._told = (message.id, set())
        mail = mail_of(message, self._mailbox, self._outlet.clock.now())
        with guarded_task(self._redact):
            failure = await self._converse(mail)
        # Outside of all handlers, so that nothing of the conversation follows the error about.
        if failure is not None:
            raise failure

    async def _converse(self, mail: EmailMessage) -> NotDelivered | None:
        # It costs 0.1 s, which open() has paid by now, and only for those who send mails.
        import aiosmtplib  # noqa: PLC0415

        connection = await self._connected()
        client = aiosmtplib.SMTP(
            hostname=self.place.host,
            sock=connection,
            # Else it looks up its own name, which may take long.
            local_hostname=socket.gethostname() or "localhost",
            timeout=self._outlet.timeout,
            use_tls=self._mailbox.tls == "implicit",
            start_tls=False,
        )
        try:
            await client.connect()
            if (failure := await self._prepare(client)) is not None:
                return failure
            return await self._hand_over(client, mail)
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
            return self._refused(*_words_of(error))
        except aiosmtplib.SMTPTimeoutError:
            return NotDelivered(f"There was no answer within {self._outlet.timeout:g} seconds.")
        except (aiosmtplib.SMTPException, OSError) as error:
            # Before the last colon stands to which host.
            return NotDelivered(f"The mail server broke off{first_line(str(error).rpartition(': ')[2], self._redact)}")
        finally:
            client.close()

    async def _connected(self) -> socket.socket:
        addresses = await self._outlet.policy.resolve(*self.place, self.name)
        reason = ""
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                connecting = asyncio.get_running_loop().sock_connect(connection, (address, self.place.port))
                await asyncio.wait_for(connecting, self._outlet.timeout)
            except OSError as error:
                connection.close()
                reason = error.strerror or "no answer"
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise NotDelivered(f"The mail server cannot be reached ({reason}).")

    async def _prepare(self, client: aiosmtplib.SMTP) -> NotDelivered | None:
        """Encrypt and log in, as the mailbox asks for; what speaks against it."""
        tls = self._mailbox.tls
        if tls in ("offered", "required"):
            await client.ehlo()
            if client.supports_extension("starttls"):
                await client.starttls()
            elif tls == "required":
                return NotDelivered(
                    "The mail server offers no STARTTLS, and without it all could read the password; use smtps://, or"
                    " add tls=no if that is meant.",
                    final=True,
                )
        if self._mailbox.user and self._mailbox.password:
            await client.login(self._mailbox.user, self._mailbox.password)
        return None

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> NotDelivered | None:
        import aiosmtplib  # noqa: PLC0415 - imported by now

        told = self._told[1]
        pending = [address for address in self._mailbox.recipients if address not in told]
        refused, _ = await client.send_message(mail, sender=self._mailbox.sender, recipients=pending)
        told.update(address for address in pending if address not in refused)
        # The mail is with the server; whatever comes of the farewell, it must not be sent again.
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=FAREWELL)
        if not refused:
            return None
        code = min(answer.code for answer in refused.values())
        words = next(answer.message for answer in refused.values() if answer.code == code)
        return self._refused(code, words, f"{len(refused)} of {len(self._mailbox.recipients)} recipients: ")

    def _refused(self, code: int, words: str, whom: str = "") -> NotDelivered:
        # 4xx passes, 5xx does not; 421 and the like close the connection, which is new each time anyway.
        return NotDelivered(
            f"The mail server answers {whom}{code}{first_line(words, self._redact)}", final=500 <= code < 600
        )


def _words_of(error: aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused) -> tuple[int, str]:
    """The code that speaks most for another attempt, and the words with it."""
    import aiosmtplib  # noqa: PLC0415 - imported by now

    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code, error.message
    worst = min(error.recipients, key=lambda refusal: refusal.code)
    return worst.code, worst.message

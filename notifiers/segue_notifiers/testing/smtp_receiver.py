"""SmtpReceiver: a real SMTP server on loopback that keeps the mails it is sent, and answers as a test wants.

Apart from the other helpers because it needs aiosmtpd, which only those install who work on segue.
"""

import asyncio
import ssl
import warnings
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class SmtpReceiver:
    """An SMTP server on a free port of 127.0.0.1 that keeps the mails it takes.

    `reply` is its answer to a mail ("250 OK", "451 Come again", "550 No"); `reply_to` answers in its stead for one
    recipient's address. It asks for `login`, a user and a password, if there is one. If it `hangs`, it takes a mail
    and says nothing. With `tls`, it offers STARTTLS, or speaks TLS from the beginning if it is `implicit`.
    """

    def __init__(
        self,
        reply: str = "250 OK",
        *,
        reply_to: dict[str, str] | None = None,
        login: tuple[str, str] | None = None,
        hangs: bool = False,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
    ) -> None:
        self.reply = reply
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.encrypted: list[bool] = []
        self._reply_to = reply_to or {}
        self._login = login
        self._hangs = hangs
        self._tls = tls
        self._implicit = implicit
        self._arrival = asyncio.Event()
        self._sessions: list[SMTP] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._session, "127.0.0.1", 0, ssl=self._tls if self._implicit else None
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        await self._server.wait_closed()

    async def received(self) -> None:
        """Wait until a mail has come."""
        await self._arrival.wait()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or answer what was set for it."""
        reply = self._reply_to.get(address, "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail if the answer is yes."""
        if self.reply.startswith("2"):
            content = envelope.original_content or b""
            self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
            self.recipients.append(envelope.rcpt_tos)
            self.encrypted.append(session.ssl is not None or self._implicit)
        self._arrival.set()
        if self._hangs:
            await asyncio.Event().wait()
        return self.reply

    def _session(self) -> SMTP:
        with warnings.catch_warnings():
            # That a password may be told in the open; here it is nobody's.
            warnings.simplefilter("ignore")
            session = SMTP(
                self,
                hostname="receiver.test",
                tls_context=None if self._implicit else self._tls,
                auth_required=self._login is not None,
                auth_require_tls=False,
                authenticator=self._authenticate,
            )
        self._sessions.append(session)
        return session

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)

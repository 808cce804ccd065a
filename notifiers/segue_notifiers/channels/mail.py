"""Mail: what goes through SMTP, and the mailbox that a URL describes."""

import hashlib
import re
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from segue_notifiers.channels.outbound import Place
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.message import Message

Tls = Literal["offered", "required", "implicit", "no"]

_OPTIONS = frozenset({"to", "from", "tls"})
_ADDRESS = re.compile(r"[^@\s<>,;:\"\\()\[\]]+@[^@\s<>,;:\"\\()\[\]]+")


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """Through which server mails go, from whom and to whom.

    `tls`: "offered" is used if the server offers it, "required" fails otherwise, "implicit" begins with it.
    """

    place: Place
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = ""
    tls: Tls = "offered"

    def __repr__(self) -> str:
        return "Mailbox(…)"

    @classmethod
    def of(cls, url: str, name: str) -> "Mailbox":
        """The mailbox of smtp://user:password@host:port/?to=a@b,c@d&from=e@f&tls=no; smtps:// begins with TLS.

        A password is told only over TLS, unless `tls=no` says otherwise. Raises InvalidChannel that names the
        target and nothing of the URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            options = {
                key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
            }
        except ValueError:
            parts, host, port = None, None, None
        if parts is None or not host:
            raise InvalidChannel(f"The URL of {name} is not like smtp://user:password@host/?to=me@host; correct it.")
        options = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if set(options) - _OPTIONS:
            raise InvalidChannel(f"The URL of {name} has an option other than to, from and tls; leave it out.")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        recipients = tuple(address.strip() for address in options.get("to", "").split(",") if address.strip())
        sender = options.get("from") or (user if "@" in user else f"{user or 'segue'}@{host}")
        _check_addresses((sender, *recipients), name)
        if not recipients:
            raise InvalidChannel(f"The URL of {name} says not to whom; add ?to=me@host to it.")
        tls = _tls_of(parts.scheme, options.get("tls", ""), bool(password), name)
        return cls(
            place=Place(host, port or (465 if tls == "implicit" else 587 if password else 25)),
            sender=sender,
            recipients=recipients,
            user=user,
            password=password,
            tls=tls,
        )


def mail_of(message: Message, mailbox: Mailbox, now: datetime) -> EmailMessage:
    """The message as a mail: plain text, the same in HTML if there is any, and its attachments.

    Message-ID follows from the message's id, so that who gets it twice need not show it twice.
    """
    mail = EmailMessage()
    mail["Subject"] = " ".join(_sound(message.title).split())
    mail["From"] = mailbox.sender
    mail["To"] = ", ".join(mailbox.recipients)
    mail["Date"] = format_datetime(now)
    domain = mailbox.sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{hashlib.sha256(message.id.encode()).hexdigest()[:40]}@{domain}>"
    # Asks machines not to answer: no notes of absence.
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity == "failure":
        mail["Importance"] = "high"
    mail.set_content(_sound(message.body) or _sound(message.title))
    if message.html:
        mail.add_alternative(_sound(message.html), subtype="html")
    for file in message.attachments:
        kind, _, subkind = file.media_type.partition("/")
        mail.add_attachment(file.content, maintype=kind, subtype=subkind or "octet-stream", filename=_sound(file.name))
    return mail


def _tls_of(scheme: str, wish: str, has_password: bool, name: str) -> Tls:
    if scheme == "smtps":
        return "implicit"
    if wish not in ("", "no", "starttls"):
        raise InvalidChannel(f"The URL of {name} has a tls= other than starttls and no; correct it.")
    if wish == "no":
        return "no"
    return "required" if has_password or wish else "offered"


def _check_addresses(addresses: tuple[str, ...], name: str) -> None:
    if not all(_ADDRESS.fullmatch(address) for address in addresses):
        raise InvalidChannel(f"The URL of {name} has an address that is not like me@host; correct to= or from=.")


def _sound(text: str) -> str:
    # Half a character, as broken file names bring them, cannot be sent.
    return text.encode("utf-8", "replace").decode("utf-8")

"""Mails, against a real SMTP server on loopback."""

import anyio
import pytest

from segue_events.testing import FakeClock
from segue_notifiers import InvalidChannel, Message, NotDelivered
from segue_notifiers.channels.email_channel import EmailChannel
from segue_notifiers.channels.mail import Mailbox
from segue_notifiers.channels.outbound import Outlet, Policy
from segue_notifiers.errors import Forbidden
from segue_notifiers.message import Attachment
from segue_notifiers.testing.smtp_receiver import SmtpReceiver

LOOPBACK = Policy(allow=("127.0.0.0/8",))
MESSAGE = Message(id="m/1", title="Flow run\netl failed ✗", body="Failed: <b>&\nläuft nicht", severity="failure")


def channel_to(receiver: SmtpReceiver, login: str = "", query: str = "to=a@x.test&from=s@x.test") -> EmailChannel:
    url = f"smtp://{login}127.0.0.1:{receiver.port}/?{query}"
    return EmailChannel(url, Outlet(name="mail", policy=LOOPBACK, clock=FakeClock()))


async def send(channel: EmailChannel, message: Message = MESSAGE) -> None:
    await channel.open()
    await channel.send(message)


async def refused(receiver: SmtpReceiver, login: str = "", query: str = "to=a@x.test&from=s@x.test") -> NotDelivered:
    with pytest.raises(NotDelivered) as failed:
        await send(channel_to(receiver, login, query))
    assert failed.value.__context__ is None
    return failed.value


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with SmtpReceiver() as receiver:
        await send(channel_to(receiver))

    [mail] = receiver.mails
    assert mail["Subject"] == "Flow run etl failed ✗"
    assert (mail["From"], mail["To"], mail["Importance"]) == ("s@x.test", "a@x.test", "high")
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.body + "\n"


async def test_html_and_attachments_go_along() -> None:
    files = (Attachment(name="run.log", content=b"line"),)
    async with SmtpReceiver() as receiver:
        await send(channel_to(receiver), Message(id="m", title="t", body="plain", html="<b>hi</b>", attachments=files))

    [mail] = receiver.mails
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content().strip(), html.get_content().strip()) == ("plain", "<b>hi</b>")
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("run.log", "line")]


async def test_the_same_message_has_the_same_message_id() -> None:
    async with SmtpReceiver() as receiver:
        for key in ("m", "m", "n"):
            await send(channel_to(receiver), Message(id=key, title="t", body="b"))

    first, again, other = (mail["Message-ID"] for mail in receiver.mails)
    assert first == again != other


async def test_what_cannot_be_encoded_is_replaced() -> None:
    async with SmtpReceiver() as receiver:
        await send(channel_to(receiver), Message(id="m", title="\ud800", body="\ud800"))

    assert receiver.mails[0]["Subject"] == "?"


@pytest.mark.parametrize(("reply", "final"), [("451 4.3.0 Come again", False), ("550 5.7.1 No spam, please", True)])
async def test_the_servers_answer_says_whether_to_try_again(reply: str, final: bool) -> None:
    async with SmtpReceiver(reply) as receiver:
        failed = await refused(receiver)

    assert (str(failed), failed.final) == (f"The mail server answers {reply[:3]}: {reply[4:]}", final)


async def test_only_those_recipients_are_asked_again_that_were_refused_for_now() -> None:
    query = "to=a@x.test,b@x.test&from=s@x.test"
    refusals = {"b@x.test": "450 Greylisted"}
    async with SmtpReceiver(reply_to=refusals) as receiver:
        channel = channel_to(receiver, query=query)
        with pytest.raises(NotDelivered, match="answers 1 of 2 recipients: 450: Greylisted"):
            await send(channel)
        refusals.clear()
        await send(channel)

    assert receiver.recipients == [["a@x.test"], ["b@x.test"]]


async def test_all_recipients_are_refused() -> None:
    async with SmtpReceiver(reply_to={"a@x.test": "550 Unknown user a@x.test"}) as receiver:
        failed = await refused(receiver)

    assert (str(failed), failed.final) == ("The mail server answers 550: Unknown user ***@***", True)


async def test_a_login_over_a_plain_connection_has_to_be_meant() -> None:
    async with SmtpReceiver(login=("me", "pass")) as receiver:
        failed = await refused(receiver, "me:pass@")
        await send(channel_to(receiver, "me:pass@", "to=a@x.test&from=s@x.test&tls=no"))

    assert "The mail server offers no STARTTLS" in str(failed)
    assert failed.final
    assert len(receiver.mails) == 1


async def test_a_wrong_password_is_final() -> None:
    async with SmtpReceiver(login=("me", "pass")) as receiver:
        failed = await refused(receiver, "me:w0rse@", "to=a@x.test&tls=no")

    assert failed.final
    assert str(failed).startswith("The mail server answers 535")


async def test_nobody_there() -> None:
    async with SmtpReceiver() as receiver:
        channel = channel_to(receiver)

    with pytest.raises(NotDelivered, match="The mail server cannot be reached") as failed:
        await send(channel)
    assert not failed.value.final


async def test_whoever_waits_for_a_server_that_hangs_may_give_up() -> None:
    async with SmtpReceiver(hangs=True) as receiver, anyio.create_task_group() as group:
        group.start_soon(send, channel_to(receiver))
        await receiver.received()
        group.cancel_scope.cancel()


async def test_a_name_that_leads_to_a_forbidden_address_is_never_connected_to() -> None:
    async with SmtpReceiver() as receiver:
        url = f"smtp://localhost:{receiver.port}/?to=a@x.test"
        with pytest.raises(Forbidden, match="mail leads to this machine"):
            await send(EmailChannel(url, Outlet(name="mail")))


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://h/?to=a@b", 25, "offered"),
        ("smtp://me:p@h/?to=a@b", 587, "required"),
        ("smtp://me:p@h/?to=a@b&tls=no", 587, "no"),
        ("smtp://h/?to=a@b&tls=starttls", 25, "required"),
        ("smtps://me:p@h/?to=a@b", 465, "implicit"),
        ("smtp://h:2525/?to=a@b", 2525, "offered"),
    ],
)
def test_a_password_is_never_sent_in_the_open_by_default(url: str, port: int, tls: str) -> None:
    mailbox = Mailbox.of(url, "mail")

    assert (mailbox.place, mailbox.tls) == (("h", port), tls)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("smtp://h/", "says not to whom; add"),
        ("smtp:///?to=a@b", "is not like smtp://user:password@host"),
        ("smtp://h:x/?to=a@b", "is not like smtp://user:password@host"),
        ("smtp://h/?to=a", "has an address that is not like me@host"),
        ("smtp://h/?to=a@b%0aX:y", "has an address that is not like me@host"),
        ("smtp://h/?to=a@b&from=x", "has an address that is not like me@host"),
        ("smtp://h/?to=a@b&t0=c", "has an option other than to, from and tls"),
        ("smtp://h/?to=a@b&tls=perhaps", "has a tls= other than starttls and no"),
    ],
)
def test_what_is_no_mailbox_is_told_at_once(url: str, why: str) -> None:
    with pytest.raises(InvalidChannel, match=why):
        EmailChannel(url, Outlet(name="mail"))

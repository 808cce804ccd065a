"""Over TLS, a target has to prove the name it is called by, although an address is connected to."""

import ssl
from pathlib import Path

import pytest

from segue_notifiers import Message, NotDelivered
from segue_notifiers.channels.email_channel import EmailChannel
from segue_notifiers.channels.outbound import Outlet, Policy
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.testing import Answer, Receiver
from segue_notifiers.testing.smtp_receiver import SmtpReceiver

# A certificate for the name localhost, made for these tests; its key is no secret.
CERTIFICATE = Path(__file__).with_name("tls") / "localhost.pem"
OUTLET = Outlet(name="ops", policy=Policy(allow=("127.0.0.0/8",)))
MESSAGE = Message(id="m", title="t", body="b")


@pytest.fixture
def tls() -> ssl.SSLContext:
    """What a server needs who is called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
    return context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


async def post(url: str) -> None:
    channel = WebhookChannel(url, OUTLET)
    await channel.open()
    await channel.send(MESSAGE)


async def mail(url: str) -> None:
    channel = EmailChannel(url, OUTLET)
    await channel.open()
    await channel.send(MESSAGE)


@pytest.mark.usefixtures("trusted")
async def test_a_webhook_is_told_by_https(tls: ssl.SSLContext) -> None:
    async with Receiver(tls=tls) as receiver:
        await post(f"https://localhost:{receiver.port}/")

    assert receiver.headers[0]["host"] == f"localhost:{receiver.port}"


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_is_refused(tls: ssl.SSLContext) -> None:
    async with Receiver(tls=tls) as receiver:
        with pytest.raises(NotDelivered, match=r"cannot be reached .*CERTIFICATE_VERIFY_FAILED"):
            await post(f"https://127.0.0.1:{receiver.port}/")

    assert receiver.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    async with Receiver(tls=tls) as receiver:
        with pytest.raises(NotDelivered, match="cannot be reached"):
            await post(f"https://localhost:{receiver.port}/")

    assert receiver.requests == []


@pytest.mark.usefixtures("trusted")
async def test_a_redirect_from_https_to_http_is_not_followed(tls: ssl.SSLContext) -> None:
    async with Receiver() as there:
        moved = Answer(status=307, headers={"Location": there.url("", "http")})
        async with Receiver(answers=[moved], tls=tls) as here:
            with pytest.raises(NotDelivered, match="redirects from https:// to http://") as failed:
                await post(f"https://localhost:{here.port}/")

    assert failed.value.final
    assert there.requests == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
async def test_a_login_over_tls(tls: ssl.SSLContext, scheme: str, implicit: bool) -> None:
    async with SmtpReceiver(login=("me", "pass"), tls=tls, implicit=implicit) as receiver:
        await mail(f"{scheme}://me:pass@localhost:{receiver.port}/?to=a@x.test")

    assert receiver.encrypted == [True]


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
async def test_a_mail_server_that_nobody_vouches_for_is_told_nothing(
    tls: ssl.SSLContext, scheme: str, implicit: bool
) -> None:
    async with SmtpReceiver(login=("me", "pass"), tls=tls, implicit=implicit) as receiver:
        with pytest.raises(NotDelivered, match="The mail server broke off"):
            await mail(f"{scheme}://me:pass@localhost:{receiver.port}/?to=a@x.test")

    assert receiver.mails == []

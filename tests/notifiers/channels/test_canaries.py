"""One canary for each kind of secret, pushed through every channel and every failure: it is found nowhere."""

import logging
import traceback
from base64 import b64encode
from collections.abc import Iterator

import anyio
import msgspec
import pytest

from segue_notifiers import Channel, Message, NotifierError
from segue_notifiers.channels.choice import channel_of, check
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.target import Target
from segue_notifiers.testing import Answer, Receiver, Request
from segue_notifiers.testing.smtp_receiver import SmtpReceiver

CANARY = "c4n4ry%2Ft0k3n"
PARTS = ("c4n4ry", "t0k3n", b64encode(b"me:c4n4ry/t0k3n").decode())
LOOPBACK = Policy(allow=("127.0.0.0/8",))
MESSAGE = Message(id="m", title="Flow run etl failed", body="Failed", severity="failure")

# Where the secret is, in each channel that has such a place; PORT is the receiver's.
HTTP_URLS = {
    "the path of a webhook": f"webhook+http://127.0.0.1:PORT/{CANARY}",
    "the query of a webhook": f"webhook+http://127.0.0.1:PORT/x?token={CANARY}",
    "the password of a webhook": f"webhook+http://me:{CANARY}@127.0.0.1:PORT/x",
    "a header of a webhook": f"webhook+http://127.0.0.1:PORT/x?+X-Api-Key={CANARY}",
    "the secret of a webhook": "webhook+http://127.0.0.1:PORT/x",
    "a webhook of Slack": f"slack+http://127.0.0.1:PORT/services/a/b/{CANARY}",
    "a bot's token of Slack": f"slack+http://:{CANARY}@127.0.0.1:PORT/api?to=ops",
    "a webhook of Discord": f"discord+http://127.0.0.1:PORT/api/webhooks/1/{CANARY}",
    "a workflow of Teams": f"teams+http://127.0.0.1:PORT/workflows/1?sig={CANARY}",
    "the path of Apprise's JSON": f"json://127.0.0.1:PORT/{CANARY}",
    "the password of Apprise's JSON": f"json://me:{CANARY}@127.0.0.1:PORT/",
    "a header of Apprise's JSON": f"json://127.0.0.1:PORT/?+X-Api-Key={CANARY}",
    "a token of Apprise's Gotify": f"gotify://127.0.0.1:PORT/{CANARY}",
}

MAIL_URLS = {
    "SMTP": f"smtp://me:{CANARY}@127.0.0.1:PORT/?to=a@x.test&tls=no",
    "SMTP where TLS is wanted": f"smtp://me:{CANARY}@127.0.0.1:PORT/?to=a@x.test",
    "Apprise's e-mail": f"mailto://me:{CANARY}@127.0.0.1:PORT/?to=a@x.test&from=b@x.test&mode=insecure",
}

FAILURES = {
    "a refusal": Answer(status=403),
    "too much": Answer(status=429, headers={"Retry-After": "7"}),
    "a broken server": Answer(status=500),
    "a broken connection": Answer(does="close"),
    "a redirect to what is forbidden": Answer(status=307, headers={"Location": f"http://10.0.0.1/{CANARY}"}),
    "a redirect in a circle": Answer(status=308, headers={"Location": f"/{CANARY}"}),
    "a redirect to nowhere": Answer(status=301, headers={"Location": f"http://[{CANARY}"}),
    "a redirect to a page": Answer(status=302, headers={"Location": f"/login?{CANARY}"}),
}


def of(url: str, port: int, secret: str = "") -> Channel:
    return channel_of(Target(name="ops", url=url.replace("PORT", str(port)), secret=secret), LOOPBACK)


def repeating(request: Request, answer: Answer) -> Answer:
    """The answer, and all that the target was told."""
    said = f"{request.path} {' '.join(request.headers.values())} {CANARY} c4n4ry/t0k3n c4n4ry\\/t0k3n"
    body = f'{{"ok": false, "error": "{said}", "delivery failed": "returned HTTP error 400"}}'
    return msgspec.structs.replace(answer, body=body.encode())


def said_by(error: BaseException | None) -> Iterator[str]:
    """All that an error tells, and those behind it."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.__dict__), *traceback.format_exception(error))
        error = error.__cause__ or error.__context__


def logged(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    # The mail server of these tests keeps a log of its own, which is not ours to redact.
    for record in (record for record in caplog.records if record.name != "mail.log"):
        yield from (record.getMessage(), repr(record.__dict__), caplog.handler.format(record))


async def failing(channel: Channel) -> NotifierError:
    await channel.open()
    with pytest.raises(NotifierError) as failed:
        await channel.send(MESSAGE)
    return failed.value


def assert_hidden(*texts: str) -> None:
    found = [text for text in texts if any(part in text for part in PARTS)]
    assert found == []


async def refused(url: str, answer: Answer, caplog: pytest.LogCaptureFixture, secret: str = "") -> None:
    """Send to a target that answers so and repeats all it was told; look for the canary everywhere."""
    caplog.set_level(logging.NOTSET)
    async with Receiver(answer_by=lambda request: repeating(request, answer)) as receiver:
        channel = of(url, receiver.port, secret)
        error = await failing(channel)

    assert receiver.requests
    assert_hidden(*said_by(error), *logged(caplog), repr(channel), str(channel))


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("place", HTTP_URLS)
async def test_a_target_that_refuses(place: str, failure: str, caplog: pytest.LogCaptureFixture) -> None:
    await refused(HTTP_URLS[place], FAILURES[failure], caplog, CANARY if "secret" in place else "")


@pytest.mark.parametrize("place", ["a webhook of Slack", "a bot's token of Slack", "a workflow of Teams"])
async def test_a_no_that_looks_like_a_yes(place: str, caplog: pytest.LogCaptureFixture) -> None:
    await refused(HTTP_URLS[place], Answer(), caplog)


@pytest.mark.parametrize("place", HTTP_URLS)
async def test_a_target_that_takes_it(place: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    async with Receiver() as receiver:
        channel = of(HTTP_URLS[place], receiver.port, CANARY if "secret" in place else "")
        await channel.open()
        await channel.send(MESSAGE)

    assert receiver.requests
    assert_hidden(*logged(caplog))


@pytest.mark.parametrize("place", [*HTTP_URLS, *MAIL_URLS])
async def test_nobody_there(place: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    async with Receiver() as receiver:
        port = receiver.port
    error = await failing(of((HTTP_URLS | MAIL_URLS)[place], port, CANARY if "secret" in place else ""))

    assert_hidden(*said_by(error), *logged(caplog))


@pytest.mark.parametrize("place", HTTP_URLS)
async def test_a_target_that_hangs(place: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    async with Receiver(status=None) as receiver:
        channel = of(HTTP_URLS[place], receiver.port, CANARY if "secret" in place else "")
        await channel.open()
        async with anyio.create_task_group() as group:
            group.start_soon(channel.send, MESSAGE)
            await receiver.received()
            group.cancel_scope.cancel()

    assert_hidden(*logged(caplog))


@pytest.mark.parametrize("reply", [f"550 No {CANARY}", "451 c4n4ry/t0k3n", f"554 {PARTS[2]}"])
@pytest.mark.parametrize("place", MAIL_URLS)
async def test_a_mail_server_that_refuses(place: str, reply: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the login, where it asks for another password, or at the mail."""
    caplog.set_level(logging.NOTSET)
    for login in (("me", "other"), ("me", "c4n4ry/t0k3n")):
        async with SmtpReceiver(reply, login=login) as receiver:
            error = await failing(of(MAIL_URLS[place], receiver.port))
        assert_hidden(*said_by(error))

    assert_hidden(*logged(caplog))


@pytest.mark.parametrize("place", [*HTTP_URLS, *MAIL_URLS])
def test_an_address_that_is_forbidden(place: str) -> None:
    target = Target(name="ops", url=(HTTP_URLS | MAIL_URLS)[place].replace("PORT", "80"))
    with pytest.raises(NotifierError, match="ops leads to this machine") as forbidden:
        check(target, Policy())

    assert_hidden(*said_by(forbidden.value), repr(target))


@pytest.mark.parametrize(
    "url",
    [
        CANARY,
        f"://{CANARY}",
        f"slak://{CANARY}",
        f"slack://{CANARY}",
        f"discord://{CANARY}",
        f"syslog://{CANARY}",
        f"webhook+https://{CANARY}:{CANARY}@",
        f"webhook+https://host:{CANARY}/",
        f"webhook+https://[{CANARY}",
        f"webhook+https://host/?+{CANARY}%0a=1",
        f"slack+https://{CANARY}@host/",
        f"slack+https://[{CANARY}@host/?to=x",
        f"teams+https://[{CANARY}",
        f"discord+https://[{CANARY}",
        f"smtp://me:{CANARY}@host/",
        f"smtp://me:{CANARY}@host:{CANARY}/?to=a@b",
        f"smtp://me:{CANARY}@host/?to={CANARY}",
        f"smtp://host/?{CANARY}=1",
        f"smtp://host/?to=a@b&tls={CANARY}",
        f"mailto://{CANARY}",
        f"https://host.invalid/{CANARY}",
        f"apprise+file:///none/{CANARY}.yml",
    ],
)
def test_a_url_that_cannot_be_meant_so(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    with pytest.raises(NotifierError) as invalid:
        check(Target(name="ops", url=url), Policy())

    assert_hidden(*said_by(invalid.value), *logged(caplog))

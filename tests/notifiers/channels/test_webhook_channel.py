"""Webhooks, against a real receiver on loopback."""

import hashlib
import hmac
from datetime import timedelta
from email.utils import format_datetime

import anyio
import pytest

from segue_events.testing import FakeClock
from segue_notifiers import InvalidChannel, Message, NotDelivered
from segue_notifiers.channels.outbound import Outlet, Policy
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.errors import Forbidden
from segue_notifiers.message import Attachment
from segue_notifiers.testing import Answer, Receiver, Request

LOOPBACK = Policy(allow=("127.0.0.0/8",))
MESSAGE = Message(
    id="m1", title="Flow run etl/brave-otter failed", body="Failed: <b>&\nsecond line", severity="failure", rule="r"
)


async def send(url: str, secret: str = "", policy: Policy = LOOPBACK, clock: FakeClock | None = None) -> None:
    outlet = Outlet(name="hook", policy=policy, timeout=30, clock=clock or FakeClock())
    channel = WebhookChannel(url, outlet, secret)
    await channel.open()
    await channel.send(MESSAGE)


async def refused(answer: Answer, clock: FakeClock | None = None) -> NotDelivered:
    async with Receiver(answers=[answer]) as receiver:
        with pytest.raises(NotDelivered) as failed:
            await send(receiver.url("secret/path", "http"), clock=clock)
    assert failed.value.__context__ is None
    return failed.value


async def test_a_message_arrives_as_it_was_written() -> None:
    async with Receiver() as receiver:
        await send(receiver.url("hook?a=1", "http"))

    [document], [request] = receiver.documents, receiver.requests
    assert (document["title"], document["body"], document["severity"]) == (MESSAGE.title, MESSAGE.body, "failure")
    assert (document["id"], request.headers["idempotency-key"]) == ("m1", "m1")
    assert (request.path, request.headers["host"]) == ("/hook?a=1", f"127.0.0.1:{receiver.port}")
    assert "x-segue-signature" not in request.headers


async def test_attachments_go_along() -> None:
    async with Receiver() as receiver:
        channel = WebhookChannel(receiver.url("", "http"), Outlet(name="hook", policy=LOOPBACK))
        await channel.open()
        await channel.send(Message(id="m", title="t", body="b", attachments=(Attachment(name="log", content=b"x"),)))

    assert receiver.documents[0]["attachments"] == [{"name": "log", "content": "eA==", "media_type": "text/plain"}]


async def test_a_signature_proves_who_sent_it_and_when() -> None:
    clock = FakeClock()
    async with Receiver() as receiver:
        await send(receiver.url("", "http"), secret="s3cret", clock=clock)

    [request] = receiver.requests
    at, proof = (part.partition("=")[2] for part in request.headers["x-segue-signature"].split(","))
    assert int(at) == clock.now_us() // 1_000_000
    assert proof == hmac.new(b"s3cret", f"{at}.".encode() + request.body, hashlib.sha256).hexdigest()


async def test_user_password_and_headers_of_the_url_are_told_in_headers() -> None:
    async with Receiver() as receiver:
        await send(f"http://me:p%40ss@127.0.0.1:{receiver.port}/x?+X-Api-Key=k%201&b=2")

    [request] = receiver.requests
    assert (request.path, request.headers["x-api-key"]) == ("/x?b=2", "k 1")
    assert request.headers["authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
async def test_a_refusal_is_final(status: int) -> None:
    error = await refused(Answer(status=status, body=b"\n no_such_hook \nmore"))

    assert (str(error), error.final) == (f"The target answers {status}: no_such_hook", True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    error = await refused(Answer(status=status))

    assert (str(error), error.final, error.retry_after) == (f"The target answers {status}.", False, None)


@pytest.mark.parametrize(("said", "meant"), [("17", 17), ("0", 0), ("99999999", 86400), ("-5", None), ("soon", None)])
async def test_the_target_says_how_long_to_leave_it_alone(said: str, meant: float | None) -> None:
    assert (await refused(Answer(status=429, headers={"Retry-After": said}))).retry_after == meant


@pytest.mark.parametrize(("seconds", "meant"), [(90, 90), (-90, 0)])
async def test_or_until_when(seconds: float, meant: float) -> None:
    clock = FakeClock()
    date = format_datetime(clock.now().replace(microsecond=0) + timedelta(seconds=seconds), usegmt=True)

    error = await refused(Answer(status=503, headers={"Retry-After": date}), clock)

    assert error.retry_after == pytest.approx(meant, abs=1)


async def test_what_the_target_repeats_of_the_url_is_hidden() -> None:
    error = await refused(Answer(status=500, body=b"no hook at secret/path"))

    assert str(error) == "The target answers 500: no hook at ***/***"


async def test_a_long_answer_is_cut() -> None:
    error = await refused(Answer(status=500, body=b"x" * 1_000_000))

    assert len(str(error)) < 300


async def test_a_target_that_closes_without_a_word() -> None:
    error = await refused(Answer(does="close"))

    assert not error.final
    assert "The connection broke off before there was an answer" in str(error)


async def test_nobody_there() -> None:
    async with Receiver() as receiver:
        url = receiver.url("token", "http")

    with pytest.raises(NotDelivered, match="The target cannot be reached") as failed:
        await send(url)
    assert not failed.value.final


async def test_whoever_waits_for_a_target_that_hangs_may_give_up() -> None:
    async with Receiver(status=None) as receiver, anyio.create_task_group() as group:
        group.start_soon(send, receiver.url("", "http"))
        await receiver.received()
        group.cancel_scope.cancel()


async def test_the_time_of_an_attempt_is_limited() -> None:
    async with Receiver(status=None) as receiver:
        channel = WebhookChannel(receiver.url("", "http"), Outlet(name="hook", policy=LOOPBACK, timeout=0.01))
        await channel.open()
        with pytest.raises(NotDelivered, match=r"There was no answer within 0\.01 seconds\.|cannot be reached"):
            await channel.send(MESSAGE)


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_redirect_is_followed_with_the_message(status: int) -> None:
    def answer(request: Request) -> Answer | None:
        return Answer(status=status, headers={"Location": "/there"}) if request.path == "/here" else None

    async with Receiver(answer_by=answer) as receiver:
        await send(receiver.url("here", "http"))

    assert [request.path for request in receiver.requests] == ["/here", "/there"]
    assert receiver.documents[0] == receiver.documents[1]


async def test_a_redirect_elsewhere_takes_no_password_along() -> None:
    async with Receiver() as there:
        moved = Answer(status=308, headers={"Location": there.url("", "http")})
        async with Receiver(answers=[moved]) as here:
            await send(f"http://me:pass@127.0.0.1:{here.port}/")

    assert "authorization" in here.headers[0]
    assert "authorization" not in there.headers[0]


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://[::1]:80/"])
async def test_a_redirect_may_not_lead_where_the_policy_forbids(location: str) -> None:
    async with Receiver(answers=[Answer(status=307, headers={"Location": location})]) as receiver:
        with pytest.raises(Forbidden, match="notify_allow_networks") as forbidden:
            await send(receiver.url("", "http"))

    assert location not in str(forbidden.value)


async def test_redirects_in_a_circle_end() -> None:
    circle = Answer(status=307, headers={"Location": "/"})
    async with Receiver(answers=[circle] * 9) as receiver:
        with pytest.raises(NotDelivered, match="redirects more than 3 times"):
            await send(receiver.url("", "http"))

    assert len(receiver.requests) == 4


@pytest.mark.parametrize("status", [302, 303])
async def test_a_redirect_that_loses_the_message_is_a_failure(status: int) -> None:
    """Such as the one to a page to log in at, which answers 200."""
    error = await refused(Answer(status=status, headers={"Location": "/login"}))

    assert error.final
    assert "loses the message" in str(error)


@pytest.mark.parametrize("location", ["ftp://host/", "http://[::1", "javascript:alert(1)"])
async def test_a_redirect_to_nowhere(location: str) -> None:
    error = await refused(Answer(status=307, headers={"Location": location}))

    assert (str(error), error.final) == ("The target redirects to what is no URL.", True)


@pytest.mark.parametrize(
    "url", ["http://", "https:///path", "http://[::1", "http://h:99999/", "http://h h/", "ftp://h/"]
)
def test_what_is_no_url_is_told_at_once(url: str) -> None:
    with pytest.raises(InvalidChannel) as invalid:
        WebhookChannel(url, Outlet(name="hook"))

    assert str(invalid.value) == "The URL of hook is not like https://host/path; correct it."


def test_a_header_that_http_does_not_allow_is_told_at_once() -> None:
    with pytest.raises(InvalidChannel, match="The URL of hook has a header that HTTP does not allow"):
        WebhookChannel("https://example.com/?+X-A=b%0d%0aX-B:c", Outlet(name="hook"))


def test_an_address_that_is_forbidden_is_told_at_once() -> None:
    with pytest.raises(Forbidden, match="hook leads to this machine"):
        WebhookChannel("http://127.0.0.1/", Outlet(name="hook"))


async def test_a_name_that_leads_to_a_forbidden_address_is_never_connected_to() -> None:
    async with Receiver() as receiver:
        with pytest.raises(Forbidden):
            await send(f"http://localhost:{receiver.port}/", policy=Policy())

    assert receiver.requests == []


async def test_the_host_is_told_by_its_name() -> None:
    async with Receiver() as receiver:
        await send(f"http://localhost:{receiver.port}/")

    assert receiver.headers[0]["host"] == f"localhost:{receiver.port}"

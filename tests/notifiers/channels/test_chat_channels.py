"""Slack, Discord and Teams, played by a real receiver on loopback."""

from typing import Any

import msgspec
import pytest

from segue_notifiers import Channel, InvalidChannel, Message, NotDelivered
from segue_notifiers.channels.choice import channel_of
from segue_notifiers.channels.discord_channel import DiscordChannel
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.channels.slack_channel import SlackChannel
from segue_notifiers.channels.teams_channel import TeamsChannel
from segue_notifiers.message import Attachment
from segue_notifiers.target import Target
from segue_notifiers.testing import Answer, Receiver

LOOPBACK = Policy(allow=("127.0.0.0/8",))
LOG = Attachment(name="run log.txt", content=b"first line\nlast line\n")
MESSAGE = Message(
    id="m",
    title="Flow run etl_x failed",
    body="Failed: <!channel> *x* @everyone\nsecond line",
    severity="failure",
    link="https://segue.example/runs/1",
    attachments=(LOG,),
)


def of(url: str, policy: Policy = LOOPBACK) -> Channel:
    return channel_of(Target(name="chat", url=url), policy)


async def send(url: str, message: Message = MESSAGE) -> None:
    channel = of(url)
    await channel.open()
    await channel.send(message)


async def refused(scheme: str, answer: Answer, login: str = "", query: str = "") -> NotDelivered:
    async with Receiver(answers=[answer]) as receiver:
        with pytest.raises(NotDelivered) as failed:
            await send(f"{scheme}+http://{login}127.0.0.1:{receiver.port}/t0ken{query}")
    return failed.value


@pytest.mark.parametrize(
    ("url", "kind", "host"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", SlackChannel, "hooks.slack.com"),
        ("slack://xoxb-12-34/ops", SlackChannel, "slack.com"),
        ("slack://xoxb-12-34/#ops/", SlackChannel, "slack.com"),
        ("https://hooks.slack.com/services/T1/B1/X1", SlackChannel, "hooks.slack.com"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", DiscordChannel, "discord.com"),
        ("https://discord.com/api/webhooks/417/JHM?thread_id=7", DiscordChannel, "discord.com"),
        ("workflow://prod.logic.azure.com:443/abc/sig-1", TeamsChannel, "prod.logic.azure.com"),
        ("https://x.api.powerplatform.com:443/powerautomate/a?sig=1", TeamsChannel, "x.api.powerplatform.com"),
    ],
)
def test_urls_of_our_own_channels(url: str, kind: type, host: str) -> None:
    channel = of(url, Policy())

    assert isinstance(channel, kind)
    assert channel.place == (host, 443)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1/A1/x/#ops",
        "slack://bot@T1/A1/x",
        "slack://T1/A1/x?footer=no",
        "slack://xoxb-1/a/b",
        "slack://xoxb-1/@me",
        "discord://me@417/JHM",
        "discord://417/JHM?tts=yes",
        "workflow://host/abc/sig?wrap=no",
        "msteams://a/b/c/d",
    ],
)
def test_what_only_apprise_can_do_is_left_to_it(url: str) -> None:
    assert type(of(url, Policy())).__name__ == "AppriseChannel"


@pytest.mark.parametrize("url", ["slack+http://xoxb-1@127.0.0.1/api", "slack+http://127.0.0.1/api?to=ops"])
def test_a_bot_needs_a_token_and_a_room(url: str) -> None:
    with pytest.raises(InvalidChannel, match="has a bot's token without"):
        of(url)


async def test_slack_is_told_without_calling_the_whole_channel() -> None:
    async with Receiver() as receiver:
        await send(receiver.url("services/a/b/c", "slack+http"))

    [document] = receiver.documents
    assert document["text"] == (
        "🔴 *<https://segue.example/runs/1|Flow run etl_x failed>*\n"
        "Failed: &lt;!channel&gt; *x* @everyone\nsecond line\n```first line\nlast line```"
    )
    assert "channel" not in document


async def test_a_slack_bot_tells_a_room() -> None:
    async with Receiver(answers=[Answer(body=b'{"ok": true}')]) as receiver:
        await send(f"slack+http://:xoxb-1@127.0.0.1:{receiver.port}/api/chat.postMessage?to=%23ops")

    [document], [request] = receiver.documents, receiver.requests
    assert (document["channel"], request.headers["authorization"]) == ("#ops", "Bearer xoxb-1")
    assert request.path == "/api/chat.postMessage"


@pytest.mark.parametrize(
    ("error", "final"), [("channel_not_found", True), ("invalid_auth", True), ("ratelimited", False)]
)
async def test_slack_says_no_in_what_looks_like_a_yes(error: str, final: bool) -> None:
    answer = Answer(body=msgspec.json.encode({"ok": False, "error": error}))
    failed = await refused("slack", answer, ":xoxb-1@", "?to=ops")

    assert (str(failed), failed.final) == (f"Slack answers ok: false, {error}.", final)


async def test_what_slack_calls_an_error_and_is_none_is_not_repeated() -> None:
    failed = await refused("slack", Answer(body=b'{"ok": false, "error": "token xoxb-1 is bad"}'))

    assert str(failed) == "Slack answers ok: false, no reason."


async def test_slack_refuses_a_webhook() -> None:
    failed = await refused("slack", Answer(status=404, body=b"no_service"))

    assert (str(failed), failed.final) == ("The target answers 404: no_service", True)


async def test_discord_takes_the_log_as_a_file() -> None:
    async with Receiver() as receiver:
        await send(receiver.url("api/webhooks/1/t", "discord+http"))

    [request] = receiver.requests
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    parts = request.body.split(f"--{boundary}".encode())
    document = msgspec.json.decode(parts[1].partition(b"\r\n\r\n")[2])
    assert (kind, request.path, parts[-1]) == ("multipart/form-data", "/api/webhooks/1/t?wait=true", b"--\r\n")
    assert b'name="files[0]"; filename="run_log.txt"' in parts[2]
    assert parts[2].endswith(b"\r\n\r\nfirst line\nlast line\n\r\n")
    [embed] = document["embeds"]
    assert (embed["title"], embed["url"]) == (MESSAGE.title, MESSAGE.link)
    assert embed["description"] == "Failed: \\<\\!channel\\> \\*x\\* @everyone\nsecond line"
    assert document["allowed_mentions"] == {"parse": []}


async def test_discord_takes_markdown_and_no_more_than_it_can() -> None:
    message = Message(id="m", title="t" * 999, body="b", markdown="**x**" * 9999)
    async with Receiver() as receiver:
        await send(receiver.url("", "discord+http"), message)

    [embed] = receiver.documents[0]["embeds"]
    assert (len(embed["title"]), len(embed["description"])) == (256, 4000)


async def test_a_log_that_is_too_large_for_discord_is_left_out() -> None:
    large = Attachment(name="large", content=b"x" * 10_000_000)
    async with Receiver() as receiver:
        await send(receiver.url("", "discord+http"), msgspec.structs.replace(MESSAGE, attachments=(large,)))

    assert receiver.documents[0]["embeds"]


async def test_discord_says_how_long_to_leave_it_alone() -> None:
    failed = await refused("discord", Answer(status=429, headers={"Retry-After": "0.75"}, body=b'{"retry_after":0.75}'))

    assert (failed.retry_after, failed.final) == (0.75, False)


async def test_teams_gets_a_card() -> None:
    async with Receiver(status=202) as receiver:
        await send(receiver.url("workflows/1?sig=2", "teams+http"))

    card: dict[str, Any] = receiver.documents[0]["attachments"][0]["content"]
    title, body, log = card["body"]
    assert (title["text"], title["color"]) == ("Flow run etl\\_x failed", "Attention")
    assert body["text"] == "Failed: \\<\\!channel\\> \\*x\\* @everyone\n\nsecond line"
    assert log["text"] == "first line\n\nlast line"
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": MESSAGE.link}]


async def test_a_card_is_small_enough_for_teams() -> None:
    log = Attachment(name="log", content="\n".join(f"{n} {'[*]' * 20}" for n in range(9999)).encode())
    message = Message(id="m", title="t", body="_*" * 99_999, attachments=(log,))
    async with Receiver() as receiver:
        await send(receiver.url("", "teams+http"), message)

    assert len(receiver.requests[0].body) < 28_000


@pytest.mark.parametrize(("status", "final"), [(429, False), (502, False), (413, True)])
async def test_teams_says_no_in_what_looks_like_a_yes(status: int, final: bool) -> None:
    body = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with X"
    failed = await refused("teams", Answer(body=body.encode()))

    assert failed.final == final
    assert f"The target answers {status}: Webhook message delivery failed" in str(failed)

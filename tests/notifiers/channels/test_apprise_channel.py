"""Apprise URLs, against a real receiver on loopback."""

import logging
import os
import socket
import tempfile
from pathlib import Path

import anyio
import pytest

from segue_notifiers import AppriseChannel, InvalidChannel, Message, NotDelivered
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import Forbidden
from segue_notifiers.message import Attachment, Severity
from segue_notifiers.testing import Answer, Receiver

CANARY = "c4n4ry-t0ken"
LOOPBACK = Policy(allow=("127.0.0.0/8",))
MESSAGE = Message(id="m", title="Flow run etl/brave-otter failed", body="Failed: <b>&\nsecond line", severity="failure")


async def test_a_message_arrives_as_it_was_written() -> None:
    async with Receiver() as receiver:
        channel = AppriseChannel(receiver.url(), "json-1", LOOPBACK)
        await channel.open()
        await channel.send(MESSAGE)

    [document] = receiver.documents
    assert (document["title"], document["message"], document["type"]) == (MESSAGE.title, MESSAGE.body, "failure")


async def test_an_error_answer_is_the_reason_without_any_part_of_the_url() -> None:
    async with Receiver(status=500) as receiver:
        channel = AppriseChannel(receiver.url(f"{CANARY}?-key={CANARY}&+X-Key={CANARY}"), "json-1", LOOPBACK)
        await channel.open()
        with pytest.raises(NotDelivered, match=r"Internal server error.* error=500") as refused:
            await channel.send(MESSAGE)

    assert receiver.headers[0]["x-key"] == CANARY
    assert CANARY not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)


async def test_a_redirect_is_not_followed() -> None:
    async with Receiver(status=302) as receiver:
        channel = AppriseChannel(receiver.url(), "json-1", LOOPBACK)
        await channel.open()
        with pytest.raises(NotDelivered):
            await channel.send(MESSAGE)


async def test_nobody_there() -> None:
    async with Receiver() as receiver:
        url = receiver.url(CANARY)
    channel = AppriseChannel(url, "json-1", LOOPBACK)
    await channel.open()

    with pytest.raises(NotDelivered, match="Connection error"):
        await channel.send(MESSAGE)


async def test_an_unknown_scheme_is_named_and_nothing_else() -> None:
    with pytest.raises(InvalidChannel) as invalid:
        await AppriseChannel(f"slak://{CANARY}", "slak-1").open()

    assert str(invalid.value) == "Apprise knows no slak:// as in the URL of slak-1; correct the URL's beginning."


async def test_an_unreadable_url_names_its_scheme() -> None:
    with pytest.raises(InvalidChannel) as invalid:
        await AppriseChannel(f"slack://{CANARY}", "slack-1").open()

    assert "slack:// URL of slack-1" in str(invalid.value)
    assert CANARY not in str(invalid.value)


@pytest.mark.parametrize("url", ["", CANARY, f"://{CANARY}", f"{CANARY}:/x"])
async def test_a_url_without_a_scheme_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidChannel) as invalid:
        await AppriseChannel(url, "url-1").open()

    assert str(invalid.value) == "The URL of url-1 does not begin like mailto:// or slack://; correct it."


async def test_no_log_record_and_no_repr_shows_the_url(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything is logged at the lowest level."""
    async with Receiver(status=500) as receiver:
        channel = AppriseChannel(receiver.url(f"{CANARY}?+X-Key={CANARY}"), "json-1", LOOPBACK)
        with caplog.at_level(logging.NOTSET):
            await channel.open()
            with pytest.raises(NotDelivered):
                await channel.send(MESSAGE)
            with pytest.raises(InvalidChannel):
                await AppriseChannel(f"slack://{CANARY}", "slack-1").open()

    assert CANARY not in caplog.text
    assert CANARY not in repr(channel)


async def give_up(channel: AppriseChannel, receiver: Receiver) -> None:
    """Send a message, and lose patience once the target has it."""
    async with anyio.create_task_group() as group:
        group.start_soon(channel.send, MESSAGE)
        await receiver.received()
        group.cancel_scope.cancel()


async def test_an_attempt_that_was_given_up_is_taken_over_and_not_sent_twice() -> None:
    async with Receiver(status=None) as receiver:
        channel = AppriseChannel(receiver.url(), "json-1", LOOPBACK)
        await channel.open()
        await give_up(channel, receiver)
        receiver.answer(200)
        await channel.send(MESSAGE)

    assert len(receiver.documents) == 1


async def test_the_next_message_waits_for_the_thread_of_the_last() -> None:
    """So a target that hangs never costs more than one thread."""
    async with Receiver(status=None) as receiver, anyio.create_task_group() as group:
        channel = AppriseChannel(receiver.url(), "json-1", LOOPBACK)
        await channel.open()
        await give_up(channel, receiver)
        group.start_soon(channel.send, Message(id="n", title="another", body=""))
        await anyio.wait_all_tasks_blocked()

        assert len(receiver.documents) == 1
        receiver.answer(200)
        await receiver.received(2)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_that_the_policy_forbids_is_never_connected_to(host: str) -> None:
    """Whichever library opens the connection."""
    async with Receiver() as receiver:
        channel = AppriseChannel(f"json://{host}:{receiver.port}/{CANARY}", "json-1")
        await channel.open()
        with pytest.raises(Forbidden, match="json-1 leads to this machine") as forbidden:
            await channel.send(MESSAGE)

    assert receiver.requests == []
    assert CANARY not in str(forbidden.value)


async def test_other_threads_connect_as_they_like() -> None:
    """While a guarded one is at work, and after it."""
    async with Receiver() as receiver, Receiver(status=None) as slow, anyio.create_task_group() as group:
        guarded = AppriseChannel(slow.url(), "json-1", LOOPBACK)
        await guarded.open()
        group.start_soon(guarded.send, MESSAGE)
        await slow.received()
        await anyio.to_thread.run_sync(socket_to, receiver.port)
        slow.answer(200)


def socket_to(port: int) -> None:
    """Connect, and close."""
    socket.create_connection(("127.0.0.1", port)).close()


async def test_attachments_go_along_and_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = (Attachment(name="../run.log", content=b"line"), Attachment(name="../run.log", content=b"other"))
    async with Receiver() as receiver:
        channel = AppriseChannel(receiver.url(), "json-1", LOOPBACK)
        await channel.open()
        await channel.send(Message(id="m", title="t", body="b", attachments=files))

    assert [one["filename"] for one in receiver.documents[0]["attachments"]] == ["_run.log", "_run.log"]
    assert [one["base64"] for one in receiver.documents[0]["attachments"]] == ["bGluZQ==", "b3RoZXI="]
    assert not [name for name in os.listdir(tmp_path) if name.startswith("segue-")]


@pytest.mark.parametrize(
    ("url", "severity", "priority"),
    [("", "failure", 8), ("", "info", 5), ("?priority=low", "failure", 0)],
)
async def test_a_failure_has_a_high_priority_where_there_are_priorities(
    url: str, severity: Severity, priority: int
) -> None:
    async with Receiver() as receiver:
        channel = AppriseChannel(receiver.url(f"token{url}", "gotify"), "gotify-1", LOOPBACK)
        await channel.open()
        await channel.send(Message(id="m", title="t", body="b", severity=severity))

    assert receiver.documents[0]["priority"] == priority


def configuration(folder: Path, *lines: str) -> str:
    """The URL of an Apprise configuration file of these lines."""
    path = folder / "apprise.yml"
    path.write_text("\n".join(("urls:", *lines)), "utf-8")
    return f"apprise+file://{path}"


async def test_a_configuration_file_is_told_by_tags(tmp_path: Path) -> None:
    async with Receiver() as ops, Receiver() as dev:
        url = configuration(
            tmp_path, f"  - {ops.url()}:", "    - tag: ops, all", f"  - {dev.url()}:", "    - tag: dev, all"
        )
        for name in ("ops", "all"):
            channel = AppriseChannel(f"{url}?tag={name}", name, LOOPBACK)
            await channel.open()
            await channel.send(MESSAGE)

    assert (len(ops.requests), len(dev.requests)) == (2, 1)


async def test_of_several_urls_only_those_that_refused_get_it_again(tmp_path: Path) -> None:
    async with Receiver() as one, Receiver(answers=[Answer(status=500)]) as other:
        url = configuration(tmp_path, f"  - {one.url()}", f"  - {other.url(CANARY)}")
        channel = AppriseChannel(url, "team", LOOPBACK)
        await channel.open()
        with pytest.raises(NotDelivered, match="error=500") as refused:
            await channel.send(MESSAGE)
        await channel.send(MESSAGE)

    assert (len(one.requests), len(other.requests)) == (1, 2)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("urls:\n  - slak://x", "has no URL that Apprise can read"),
        ("urls:\n  - json://h:\n      tag: dev", "and that has a tag which is asked for"),
        ("", "cannot be read .it is empty."),
        ("{{{", "Apprise c|has no URL"),
    ],
)
async def test_a_configuration_file_that_tells_nobody(content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "apprise.yml").write_text(content, "utf-8")

    with pytest.raises(InvalidChannel, match=why):
        await AppriseChannel(f"apprise+file://{tmp_path}/apprise.yml?tag=ops", "team").open()


async def test_a_configuration_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidChannel, match=r"of team cannot be read \(No such file or directory\); correct its path"):
        await AppriseChannel(f"apprise+file://{tmp_path}/none.yml", "team").open()


async def test_a_configuration_file_may_not_name_what_acts_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="team may not use syslog://"):
        await AppriseChannel(configuration(tmp_path, "  - syslog://"), "team").open()


async def test_html_goes_where_html_is_taken() -> None:
    async with Receiver() as receiver:
        for form in ("html", "text"):
            channel = AppriseChannel(receiver.url(f"?format={form}"), "json-1", LOOPBACK)
            await channel.open()
            await channel.send(Message(id=form, title="t", body="plain", html="<b>rich</b>"))

    assert [document["message"] for document in receiver.documents] == ["<b>rich</b>", "plain"]

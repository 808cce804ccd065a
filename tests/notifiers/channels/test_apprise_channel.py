"""Apprise URLs, against a real receiver on loopback."""

import logging

import anyio
import pytest

from segue_notifiers import AppriseChannel, InvalidChannel, Message, NotDelivered
from segue_notifiers.testing import Receiver

CANARY = "c4n4ry-t0ken"
MESSAGE = Message(id="m", title="Flow run etl/brave-otter failed", body="Failed: <b>&\nsecond line", severity="failure")


async def test_a_message_arrives_as_it_was_written() -> None:
    async with Receiver() as receiver:
        channel = AppriseChannel(receiver.url(), "json-1")
        await channel.open()
        await channel.send(MESSAGE)

    [document] = receiver.documents
    assert (document["title"], document["message"], document["type"]) == (MESSAGE.title, MESSAGE.body, "failure")


async def test_an_error_answer_is_the_reason_without_any_part_of_the_url() -> None:
    async with Receiver(status=500) as receiver:
        channel = AppriseChannel(receiver.url(f"{CANARY}?-key={CANARY}&+X-Key={CANARY}"), "json-1")
        await channel.open()
        with pytest.raises(NotDelivered, match=r"Internal server error.* error=500") as refused:
            await channel.send(MESSAGE)

    assert receiver.headers[0]["x-key"] == CANARY
    assert CANARY not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)


async def test_a_redirect_is_not_followed() -> None:
    async with Receiver(status=302) as receiver:
        channel = AppriseChannel(receiver.url(), "json-1")
        await channel.open()
        with pytest.raises(NotDelivered):
            await channel.send(MESSAGE)


async def test_nobody_there() -> None:
    async with Receiver() as receiver:
        url = receiver.url(CANARY)
    channel = AppriseChannel(url, "json-1")
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
        channel = AppriseChannel(receiver.url(f"{CANARY}?+X-Key={CANARY}"), "json-1")
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
        channel = AppriseChannel(receiver.url(), "json-1")
        await channel.open()
        await give_up(channel, receiver)
        receiver.answer(200)
        await channel.send(MESSAGE)

    assert len(receiver.documents) == 1


async def test_the_next_message_waits_for_the_thread_of_the_last() -> None:
    """So a target that hangs never costs more than one thread."""
    async with Receiver(status=None) as receiver, anyio.create_task_group() as group:
        channel = AppriseChannel(receiver.url(), "json-1")
        await channel.open()
        await give_up(channel, receiver)
        group.start_soon(channel.send, Message(id="n", title="another", body=""))
        await anyio.wait_all_tasks_blocked()

        assert len(receiver.documents) == 1
        receiver.answer(200)
        await receiver.received(2)

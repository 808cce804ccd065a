"""One message's way to one channel."""

from random import Random

import anyio
import pytest

from segue_events import Event
from segue_events.testing import FakeClock
from segue_notifiers import Attempts, Delivery, InvalidChannel, Message
from segue_notifiers.testing import MemoryChannel

MESSAGE = Message(id="failures:e", title="Flow run etl/brave-otter failed", body="why", run="r", about="r")
POLICY = Attempts(most=3, timeout=10, first_delay=1, factor=4, jitter=0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def events() -> list[Event]:
    return []


async def test_what_was_sent_is_an_event(clock: FakeClock, events: list[Event]) -> None:
    channel = MemoryChannel("slack-1")

    assert await Delivery(events.append, clock, POLICY, Random())(MESSAGE, channel)

    assert channel.messages == [MESSAGE]
    [event] = events
    assert (event.kind, event.run, event.subject) == ("notification.sent", "r", "r")
    assert event.payload == {
        "channel": "slack-1",
        "about": "r",
        "title": "Flow run etl/brave-otter failed",
        "attempt": 1,
        "message": "failures:e",
    }


async def test_a_refused_message_is_tried_again_after_a_while_and_then_more(clock: FakeClock) -> None:
    """At once, after one second, and four seconds later; each attempt is an event with its reason."""
    attempts: list[tuple[float, str, object]] = []
    began = clock.monotonic()

    def record(event: Event) -> None:
        attempts.append((clock.monotonic() - began, event.kind, event.payload.get("reason")))

    async with anyio.create_task_group() as group:
        group.start_soon(Delivery(record, clock, POLICY, Random()), MESSAGE, MemoryChannel(refusals=2))
        await clock.advance(5)

    assert attempts == [
        (0, "notification.failed", "refusal 1"),
        (1, "notification.failed", "refusal 2"),
        (5, "notification.sent", None),
    ]


async def test_after_the_last_attempt_the_message_is_given_up(events: list[Event]) -> None:
    channel = MemoryChannel(refusals=10)
    impatient = Attempts(most=3, first_delay=0)

    assert not await Delivery(events.append, FakeClock(), impatient, Random())(MESSAGE, channel)

    assert [event.payload["attempt"] for event in events] == [1, 2, 3]
    assert channel.messages == []


async def test_a_channel_that_hangs_costs_the_time_limit_and_no_more(events: list[Event]) -> None:
    impatient = Attempts(most=1, timeout=0.001)

    assert not await Delivery(events.append, FakeClock(), impatient, Random())(MESSAGE, MemoryChannel(hangs=True))

    assert events[0].payload["reason"] == "There was no answer within 0.001 seconds."


async def test_a_channel_that_can_never_send_is_tried_once(clock: FakeClock, events: list[Event]) -> None:
    class Wrong(MemoryChannel):
        async def open(self) -> None:
            raise InvalidChannel("Apprise knows no slak://; correct it.")

    assert not await Delivery(events.append, clock, POLICY, Random())(MESSAGE, Wrong())

    assert [event.payload["reason"] for event in events] == ["Apprise knows no slak://; correct it."]


async def test_a_foreign_error_is_named_without_its_words(events: list[Event]) -> None:
    class Careless(MemoryChannel):
        async def send(self, message: Message) -> None:
            raise OSError("cannot reach https://hooks.example/t0ken")

    await Delivery(events.append, FakeClock(), Attempts(most=1), Random())(MESSAGE, Careless())

    assert events[0].payload["reason"] == "The channel failed with OSError."

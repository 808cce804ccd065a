"""From what is queued in the journal to what each target gets, and when."""

from collections.abc import AsyncIterator, Iterable
from random import Random

import anyio
import pytest
from anyio.abc import TaskGroup

from segue_events import Bus, Cursor, Event, Filter
from segue_events.journal.memory import MemoryJournal
from segue_events.testing import FakeClock
from segue_notifiers.errors import Forbidden, NotDelivered
from segue_notifiers.message import Attachment, Message
from segue_notifiers.outbox.attempts import LIFETIME
from segue_notifiers.outbox.dispatcher import Dispatcher
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.lane import Attach, attach_nothing
from segue_notifiers.outbox.records import queued
from segue_notifiers.outbox.route import Route
from segue_notifiers.target import Rate
from segue_notifiers.testing import MemoryChannel

UNLIMITED = Rate(most=100_000, per=1)
HOUR = 3600.0


class Scripted:
    """A channel whose attempts end as its script says, and well when that is at its end."""

    def __init__(self, clock: FakeClock, errors: Iterable[Exception | None] = (), name: str = "ops") -> None:
        self.name = name
        self.instants: list[float] = []
        self.messages: list[Message] = []
        self._clock = clock
        self._errors = iter(errors)

    @property
    def told(self) -> list[str]:
        return [message.id for message in self.messages]

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, message: Message) -> None:
        self.instants.append(self._clock.seconds)
        if error := next(self._errors, None):
            raise error
        self.messages.append(message)


class Slow(Scripted):
    """A channel that takes a message at once, and answers when it is let."""

    def __init__(self, clock: FakeClock, name: str = "ops") -> None:
        super().__init__(clock, name=name)
        self.answers = anyio.Event()

    async def send(self, message: Message) -> None:
        await super().send(message)
        await self.answers.wait()


class Down(Scripted):
    """A channel that takes nothing until an instant of the clock."""

    def __init__(self, clock: FakeClock, until: float) -> None:
        super().__init__(clock)
        self._until = until

    async def send(self, message: Message) -> None:
        if self._clock.seconds < self._until:
            self.instants.append(self._clock.seconds)
            raise NotDelivered("connection refused")
        await super().send(message)


class Post:
    """A journal and its bus, and dispatchers upon them."""

    def __init__(self, clock: FakeClock, journal: MemoryJournal, bus: Bus, group: TaskGroup) -> None:
        self.clock, self.journal, self.bus = clock, journal, bus
        self._group = group
        self.attach: Attach = attach_nothing

    async def queue(
        self, *names: str, target: str = "ops", rule: str = "failures", attach: tuple[str, ...] = ()
    ) -> None:
        deadline = self.clock.now_us() + LIFETIME
        self.bus.publish_many(
            queued(
                Entry(
                    message=Message(id=name, title=f"{name} failed", body="…", rule=rule, run="r", about="s"),
                    target=target,
                    deadline=deadline,
                    attach=attach,
                )
            )
            for name in names
        )
        await self.clock.settle()

    async def start(self, *channels: Scripted | MemoryChannel, rate: Rate = UNLIMITED, limit: float = 5) -> Dispatcher:
        routes = [Route(channel=channel, rate=rate, timeout=limit) for channel in channels]
        self._scope = anyio.CancelScope()
        dispatcher = Dispatcher(routes, self.clock, Random(1), self.attach)
        beginning = Cursor((await self.journal.head()).journal, 1, 0)

        async def run() -> None:
            with self._scope:
                await dispatcher.run(self.journal, self.bus, beginning)

        self._group.start_soon(run)
        await self.clock.settle()
        return dispatcher

    async def stop(self) -> None:
        self._scope.cancel()
        await self.clock.settle()

    async def outcomes(self) -> list[Event]:
        return await self.journal.read(0, Filter(kinds=("!notification.queued",)), 100_000)

    async def settled(self) -> set[str]:
        """The ids of all messages that were sent, by themselves or within a digest."""
        sent = [event for event in await self.outcomes() if event.kind == "notification.sent"]
        return {key for event in sent for key in event.payload.get("absorbed", [event.payload["message"]])}


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus, anyio.create_task_group() as group:
        clock.watch(bus)
        yield Post(clock, journal, bus, group)
        group.cancel_scope.cancel()


async def test_what_is_queued_is_sent_and_that_is_an_event(post: Post) -> None:
    channel = Scripted(post.clock)
    dispatcher = await post.start(channel)

    await post.queue("a")

    assert channel.told == ["a"]
    [sent] = await post.outcomes()
    assert (sent.kind, sent.run, sent.subject) == ("notification.sent", "r", "s")
    assert sent.payload == {"message": "a", "target": "ops", "rule": "failures", "title": "a failed", "attempt": 1}
    assert not dispatcher.busy


async def test_a_refused_message_is_tried_again_with_growing_delays(post: Post) -> None:
    channel = Scripted(post.clock, [NotDelivered("no")] * 3)
    await post.start(channel)
    await post.queue("a")

    await post.clock.advance(20)

    first, second, third, fourth = channel.instants
    assert first == 0
    assert 0.8 <= second <= 1.2
    assert 1.6 <= third - second <= 2.4
    assert 3.2 <= fourth - third <= 4.8
    outcomes = [(event.kind, event.payload["attempt"], event.payload.get("reason")) for event in await post.outcomes()]
    assert outcomes == [
        ("notification.failed", 1, "no"),
        ("notification.failed", 2, "no"),
        ("notification.failed", 3, "no"),
        ("notification.sent", 4, None),
    ]


async def test_a_target_that_asks_for_a_pause_gets_it_for_all_its_messages(post: Post) -> None:
    """F38: 429 with Retry-After."""
    channel = Scripted(post.clock, [NotDelivered("429", retry_after=30)])
    await post.start(channel)
    await post.queue("a", "b")

    await post.clock.advance(29.9)
    assert channel.told == []
    await post.clock.advance(0.2)

    assert channel.told == ["a", "b"]
    assert channel.instants == [0, 30, 30]


async def test_a_target_that_is_down_for_an_hour_gets_everything_afterwards(post: Post) -> None:
    """F37, with few enough messages that each is told by itself."""
    channel = Down(post.clock, until=HOUR)
    dispatcher = await post.start(channel)
    names = [f"m{n}" for n in range(20)]
    for name in names:
        await post.queue(name)
        await post.clock.advance(60)
    await post.clock.advance(HOUR - post.clock.seconds)
    assert channel.told == []
    assert dispatcher.busy

    await post.clock.advance(75)

    assert sorted(channel.told) == sorted(names)
    assert not dispatcher.busy
    assert len(channel.instants) < 120


async def test_a_crowd_that_waited_for_an_hour_is_told_as_five_and_a_digest(post: Post) -> None:
    """F37, with more."""
    channel = Down(post.clock, until=HOUR)
    await post.start(channel)
    names = {f"m{n}" for n in range(300)}
    await post.queue(*names)

    await post.clock.advance(HOUR + 75)

    assert [len(message.title.split()) > 2 for message in channel.messages] == [False] * 5 + [True]
    assert channel.messages[-1].title == "295 more of failures"
    assert await post.settled() == names


async def test_after_a_day_a_message_is_given_up(post: Post) -> None:
    channel = Down(post.clock, until=100 * HOUR)
    dispatcher = await post.start(channel)
    await post.queue("a")

    await post.clock.advance(24 * HOUR)

    last = (await post.outcomes())[-1]
    assert (last.kind, last.payload["reason"]) == ("notification.dead", "connection refused")
    assert channel.instants[-1] == 24 * HOUR
    assert not dispatcher.busy


@pytest.mark.parametrize("error", [NotDelivered("404 Not Found", final=True), Forbidden("Loopback is forbidden.")])
async def test_what_can_never_be_delivered_is_given_up_at_once(post: Post, error: Exception) -> None:
    channel = Scripted(post.clock, [error])
    await post.start(channel)

    await post.queue("a", "b")

    outcomes = [(event.kind, event.payload.get("reason")) for event in await post.outcomes()]
    assert outcomes == [("notification.dead", str(error)), ("notification.sent", None)]


async def test_a_crowd_that_a_target_will_never_take_is_given_up_as_five_and_a_digest(post: Post) -> None:
    channel = Scripted(post.clock, [NotDelivered("gone", final=True)] * 100)
    await post.queue(*(f"{n}" for n in range(100)))

    await post.start(channel)
    await post.clock.settle()

    dead = [event for event in await post.outcomes() if event.kind == "notification.dead"]
    assert [len(event.payload.get("absorbed", "1")) for event in dead] == [1] * 5 + [95]


async def test_a_foreign_error_is_named_without_its_words(post: Post) -> None:
    await post.start(Scripted(post.clock, [OSError("cannot reach https://hooks.example/t0ken")]))

    await post.queue("a")

    assert (await post.outcomes())[0].payload["reason"] == "The channel failed with OSError."


async def test_a_hanging_channel_costs_the_time_limit_and_no_more(post: Post) -> None:
    await post.start(MemoryChannel("ops", hangs=True), limit=0.001)

    async with post.bus.subscribe(Filter(kinds=("notification.failed",))) as failures:
        await post.queue("a")
        [failed] = await anext(failures)

    assert failed.payload["reason"] == "There was no answer within 0.001 seconds."


async def test_forty_hanging_targets_delay_no_other(post: Post) -> None:
    """F38: the 41st has its message while the forty are still being tried."""
    hanging = [Slow(post.clock, f"slow-{n}") for n in range(40)]
    quick = Scripted(post.clock, name="quick")
    await post.start(*hanging, quick)
    for channel in hanging:
        await post.queue(f"for {channel.name}", target=channel.name)

    await post.queue("for quick", target="quick")

    assert (quick.told, quick.instants) == (["for quick"], [0])
    assert [len(channel.instants) for channel in hanging] == [1] * 40
    for channel in hanging:
        channel.answers.set()


async def test_a_storm_is_sent_as_the_rate_allows_with_digests_and_all_is_accounted_for(post: Post) -> None:
    """F40: 10,000 messages in a minute, at 30 a minute."""
    channel = Scripted(post.clock)
    await post.start(channel, rate=Rate(most=30, per=60))
    for second in range(60):
        await post.queue(*(f"m{second}-{n}" for n in range(1_000 // 6)))
        await post.clock.advance(1)
    queued_in_all = 60 * (1_000 // 6)

    await post.clock.advance(60)

    digests = [message for message in channel.messages if "more of failures" in message.title]
    assert len(channel.messages) <= 30 + 2 * 30
    assert 1 <= len(digests) <= 15
    assert len(await post.settled()) == queued_in_all
    assert {event.kind for event in await post.outcomes()} == {"notification.sent"}


async def test_what_is_queued_again_under_the_same_id_is_sent_once(post: Post) -> None:
    channel = Scripted(post.clock)
    await post.start(channel)

    await post.queue("a")
    await post.queue("a", "b")

    assert channel.told == ["a", "b"]


async def test_another_dispatcher_goes_on_with_what_waits_and_the_attempts_that_were_made(post: Post) -> None:
    broken = Down(post.clock, until=HOUR)
    await post.start(broken)
    await post.queue("a")
    await post.clock.advance(2)
    await post.stop()
    again = Scripted(post.clock)

    await post.start(again)
    await post.clock.advance(5)

    assert again.told == ["a"]
    assert (await post.outcomes())[-1].payload["attempt"] == len(broken.instants) + 1


async def test_stopped_before_a_target_has_answered_it_hears_the_answer_and_sends_nothing_twice(post: Post) -> None:
    slow, again = Slow(post.clock), Scripted(post.clock)
    await post.start(slow)
    await post.queue("a", "b")

    await post.stop()
    slow.answers.set()
    await post.clock.settle()
    await post.start(again)

    assert (slow.told, again.told) == (["a"], ["b"])


class Settable(FakeClock):
    """A clock that somebody sets."""

    set_by = 0

    def now_us(self) -> int:
        return super().now_us() + self.set_by


@pytest.mark.parametrize("hours", [-3, 30])
async def test_a_clock_that_is_set_neither_delays_an_attempt_nor_ends_them(hours: int) -> None:
    clock = Settable()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus, anyio.create_task_group() as group:
        clock.watch(bus)
        post, channel = Post(clock, journal, bus, group), Scripted(clock, [NotDelivered("busy"), NotDelivered("busy")])
        await post.start(channel)
        await post.queue("a")

        clock.set_by = hours * 3_600_000_000
        await clock.advance(10)

        assert channel.told == ["a"]
        group.cancel_scope.cancel()


async def test_what_waits_for_a_target_that_is_gone_is_kept_until_its_time_is_up(post: Post) -> None:
    await post.start()
    await post.queue("a", target="gone")
    await post.stop()
    dispatcher = await post.start()
    assert await post.outcomes() == []
    assert not dispatcher.busy
    await post.stop()
    await post.clock.advance(25 * HOUR)

    await post.start()

    [event] = await post.outcomes()
    assert (event.kind, event.payload["reason"]) == (
        "notification.dead",
        "There is no target of this name any more.",
    )


async def test_attachments_are_fetched_when_the_message_is_sent(post: Post) -> None:
    async def attach(message: Message, name: str) -> Attachment | None:
        if name == "broken":
            raise LookupError(name)
        return Attachment(name=f"{message.run}.{name}", content=b"line")

    post.attach = attach
    channel = Scripted(post.clock)
    await post.start(channel)

    await post.queue("a", attach=("broken", "log"))

    assert channel.messages[0].attachments == (Attachment(name="r.log", content=b"line"),)

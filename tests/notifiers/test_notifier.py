"""From an event in the journal to a message at every target."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import time
from random import Random
from typing import Any

import msgspec
import pytest

from segue_events import Bus, Cursor, Event, Filter, Journal, MemoryJournal
from segue_events.testing import FailingJournal, FakeClock
from segue_notifiers import (
    ActionFailed,
    CallFunction,
    CallWebhook,
    Daily,
    Escalation,
    InvalidChannel,
    InvalidRule,
    Match,
    MemoryState,
    Message,
    NotDelivered,
    Notifier,
    Notify,
    Pace,
    Proactive,
    Rate,
    Reactive,
    Route,
    Rule,
    Source,
    Subject,
)
from segue_notifiers.outbox.state import Kept
from segue_notifiers.testing import MemoryChannel

FAILURES = Rule(name="failures", when=Reactive(on=Match(kinds=("flow-run.failed", "task-run.failed"))))
MINUTE = 60.0


class House:
    """A journal, its bus, and notifiers upon them."""

    def __init__(self, clock: FakeClock, journal: Journal, bus: Bus) -> None:
        self.clock = clock
        self.journal = journal
        self.bus = bus
        self.state = MemoryState()
        self.start = Cursor("", 0, 0)

    @property
    def source(self) -> Source:
        return Source(self.journal, self.bus, self.start)

    async def happen(self, *events: Event) -> None:
        for event in events:
            event.occurred = event.occurred or self.clock.now_us()
            self.bus.publish(event)
        await self.bus.flushed()

    def notifier(self, *channels: MemoryChannel, rules: tuple[Rule, ...] = (FAILURES,), **options: Any) -> Notifier:
        routes = [Route(channel=channel, tags=(channel.name,), timeout=0.01) for channel in channels]
        options = {"state": self.state, "clock": self.clock, "random": Random(1)} | options
        return Notifier(rules, options.pop("routes", routes), **options)

    async def tell(self, notifier: Notifier) -> None:
        """Run until idle, while the time passes; a channel that hangs takes real time too."""
        running = asyncio.create_task(notifier.run(self.source, idle=5))
        while not running.done():
            await self.clock.advance(1)
        await running

    async def begin(self, notifier: Notifier) -> asyncio.Task[None]:
        running = asyncio.create_task(notifier.run(self.source))
        await self.clock.settle()
        return running

    async def end(self, running: asyncio.Task[None]) -> None:
        running.cancel()
        await asyncio.wait([running])
        await self.clock.settle()

    async def events(self, *kinds: str) -> list[Event]:
        return await self.journal.read(0, Filter(kinds=kinds), 100_000)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus:
        clock.watch(bus)
        house = House(clock, journal, bus)
        house.start = await journal.head()
        yield house


def failed(run: str, kind: str = "flow-run.failed", subject: str = "") -> Event:
    return Event(kind=kind, run=run, subject=subject or run)


def told(channel: MemoryChannel) -> list[str]:
    return [message.about for message in channel.messages]


async def test_a_failure_is_told_to_every_target_and_that_is_an_event(house: House) -> None:
    first, second = MemoryChannel("slack"), MemoryChannel("mail")
    await house.happen(failed("r1"), Event(kind="flow-run.completed", run="r2", subject="r2"))

    await house.tell(house.notifier(first, second))

    assert told(first) == told(second) == ["r1"]
    events = [(event.kind, event.payload["target"]) for event in await house.events("notification.*")]
    assert sorted(events) == [
        ("notification.queued", "mail"),
        ("notification.queued", "slack"),
        ("notification.sent", "mail"),
        ("notification.sent", "slack"),
    ]


async def test_only_targets_with_a_tag_of_the_rule_are_told(house: House) -> None:
    rule = msgspec.structs.replace(FAILURES, actions=(Notify(tags=("mail", "pager")),))
    first, second = MemoryChannel("slack"), MemoryChannel("mail")
    await house.happen(failed("r1"))

    await house.tell(house.notifier(first, second, rules=(rule,)))

    assert (told(first), told(second)) == ([], ["r1"])


async def test_a_rule_that_reaches_nobody_says_so_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    rule = msgspec.structs.replace(FAILURES, actions=(Notify(tags=("pager",)),))
    await house.happen(failed("r1"), failed("r2"))

    await house.tell(house.notifier(MemoryChannel("slack"), rules=(rule,)))

    assert [record.getMessage() for record in caplog.records].count(
        "Rule failures tells nobody: no target has one of the tags that it names."
    ) == 1


async def test_a_target_gets_the_first_of_several_messages_of_a_rule_that_are_for_it(house: House) -> None:
    words = (Notify(tags=("slack",), title="for slack"), Notify(title="for all"))
    first, second = MemoryChannel("slack"), MemoryChannel("mail")
    await house.happen(failed("r1"))

    await house.tell(house.notifier(first, second, rules=(msgspec.structs.replace(FAILURES, actions=words),)))

    assert [message.title for message in (*first.messages, *second.messages)] == ["for slack", "for all"]


async def test_a_target_that_hangs_delays_no_other(house: House) -> None:
    hanging, quick = MemoryChannel("slow", hangs=True), MemoryChannel("quick")
    running = await house.begin(house.notifier(hanging, quick))

    await house.happen(failed("r1"), failed("r2"), failed("r3"))
    await house.clock.settle()

    assert told(quick) == ["r1", "r2", "r3"]
    await house.end(running)


async def test_what_failed_before_the_start_is_not_told(house: House) -> None:
    channel = MemoryChannel()
    await house.happen(failed("old"))
    house.start = await house.journal.head()
    await house.happen(failed("new"))

    await house.tell(house.notifier(channel))

    assert told(channel) == ["new"]


async def test_another_start_goes_on_where_the_last_one_stopped(house: House) -> None:
    """Also with what happened in between, wherever it is told to begin."""
    channel = MemoryChannel()
    await house.happen(failed("r1"))
    await house.tell(house.notifier(channel))
    await house.happen(failed("r2"), failed("r3"))
    house.start = await house.journal.head()

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1", "r2", "r3"]


async def test_a_new_rule_begins_where_it_is_told_to_and_the_others_go_on(house: House) -> None:
    """It sees also what the others have seen already, and they see nothing twice."""
    channel = MemoryChannel()
    beginning = house.start
    await house.happen(failed("r1"))
    await house.tell(house.notifier(channel))
    house.start = beginning
    new = Rule(name="again", when=Reactive(on=Match(kinds=("flow-run.failed",)), count=2, within=1e6))
    await house.happen(failed("r2"))

    await house.tell(house.notifier(channel, rules=(FAILURES, new)))
    await house.tell(house.notifier(channel, rules=(new, FAILURES)))

    rules = [(message.rule, message.about) for message in channel.messages]
    assert sorted(rules) == [("again", "r2"), ("failures", "r1"), ("failures", "r2")]


async def test_what_a_rule_remembers_survives_a_restart(house: House) -> None:
    twice = Rule(name="twice", when=Reactive(on=Match(kinds=("flow-run.failed",)), count=2, within=1e6))
    channel = MemoryChannel()
    await house.happen(failed("r1"))
    await house.tell(house.notifier(channel, rules=(twice,)))
    assert told(channel) == []
    await house.happen(failed("r2"))

    await house.tell(house.notifier(channel, rules=(twice,)))

    assert told(channel) == ["r2"]


async def test_stopped_before_its_place_was_kept_it_reckons_again_and_tells_nothing_twice(house: House) -> None:
    class Forgetful(MemoryState):
        async def put(self, kept: Kept) -> None:
            """As if the process had died before."""

    channel = MemoryChannel()
    await house.happen(failed("r1"), failed("r2"))

    await house.tell(house.notifier(channel, state=Forgetful()))
    await house.tell(house.notifier(channel, state=Forgetful()))

    assert told(channel) == ["r1", "r2"]


async def test_killed_before_its_first_batch_is_done_it_loses_nothing(house: House) -> None:
    """The next one is told to begin later, as by a run that fails later."""

    async def describe(events: Sequence[Event]) -> list[Subject]:
        await asyncio.Event().wait()
        raise AssertionError

    channel = MemoryChannel("slack")
    await house.happen(failed("r1"))
    await house.end(await house.begin(house.notifier(channel, describe=describe)))
    house.start = await house.journal.head()

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1"]


async def test_what_is_queued_is_sent_by_the_next_one(house: House) -> None:
    class Stuck(MemoryChannel):
        async def send(self, message: Message) -> None:
            raise NotDelivered("busy")

    running = await house.begin(house.notifier(Stuck("slack")))
    await house.happen(failed("r1"))
    await house.clock.settle()
    await house.end(running)
    channel = MemoryChannel("slack")

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1"]


async def test_a_place_the_journal_cannot_follow_begins_anew(house: House) -> None:
    channel = MemoryChannel()
    await house.happen(failed("r1"))
    await house.tell(house.notifier(MemoryChannel("other")))
    [place] = house.state.kept.places
    lost = Cursor("0193f3a0-0000-7000-8000-00000000000b", 1, 7)
    house.state.kept = Kept((msgspec.structs.replace(place, cursor=str(lost)),), str(lost))

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1"]


async def test_parts_are_not_told(house: House) -> None:
    async def describe(events: Sequence[Event]) -> list[Subject]:
        return [
            Subject(noun="flow run", name=event.subject, parent="t" if event.subject == "child" else "")
            for event in events
        ]

    channel = MemoryChannel()
    await house.happen(failed("root", "task-run.failed", "t"), failed("child"), failed("root"))

    await house.tell(house.notifier(channel, describe=describe))

    assert told(channel) == ["root"]


async def test_a_subject_is_looked_up_only_if_a_rule_or_a_message_needs_it(house: House) -> None:
    looked_up: list[str] = []

    async def describe(events: Sequence[Event]) -> list[Subject]:
        looked_up.extend(event.subject for event in events)
        return [Subject(noun="flow run", name="etl/brave-otter") for _ in events]

    rule = msgspec.structs.replace(FAILURES, parts=True, when=Reactive(on=FAILURES.when.on, count=2, within=60))
    channel = MemoryChannel()
    await house.happen(failed("r1"))
    await house.tell(house.notifier(channel, rules=(rule,), describe=describe))
    assert looked_up == []
    await house.happen(failed("r2"))

    await house.tell(house.notifier(channel, rules=(rule,), describe=describe))

    assert looked_up == ["r1", "r2"]
    assert "etl/brave-otter" in channel.messages[0].title


async def test_a_subject_that_cannot_be_described_is_told_of_by_its_id(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def describe(events: Sequence[Event]) -> list[Subject]:
        raise LookupError(events[0].subject)

    channel = MemoryChannel()
    await house.happen(failed("r1"))

    await house.tell(house.notifier(channel, describe=describe))

    assert "r1" in channel.messages[0].title
    assert "cannot be described" in caplog.text


async def test_words_that_cannot_be_found_lose_no_message(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def compose(*_: object) -> Any:
        raise RecursionError

    channel = MemoryChannel()
    await house.happen(failed("r1"))

    await house.tell(house.notifier(channel, compose=compose))

    assert channel.messages[0].title == "Rule failures: matched (1)"
    assert "cannot be put into words" in caplog.text


async def test_a_flaw_in_a_template_is_in_the_event(house: House) -> None:
    rule = msgspec.structs.replace(FAILURES, actions=(Notify(title="{{ flow_run.nmae }}"),))
    await house.happen(failed("r1"))

    await house.tell(house.notifier(MemoryChannel(), rules=(rule,)))

    [queued] = await house.events("notification.queued")
    assert "nmae" in queued.payload["flaw"]


async def test_what_comes_after_the_end_is_pending(house: House) -> None:
    notifier = house.notifier(MemoryChannel())
    await house.happen(failed("r1"))
    await house.tell(notifier)
    assert not await notifier.pending(house.source)

    await house.happen(failed("r2"))

    assert await notifier.pending(house.source)


async def test_what_comes_while_it_waits_puts_off_the_end(house: House) -> None:
    channel = MemoryChannel()
    running = asyncio.create_task(house.notifier(channel).run(house.source, idle=5))
    await house.clock.advance(4)
    await house.happen(failed("r1"))
    await house.clock.advance(4)
    assert not running.done()

    await house.clock.advance(10)

    await running
    assert told(channel) == ["r1"]


async def test_a_message_that_waits_for_its_next_attempt_puts_off_the_end(house: House) -> None:
    channel = MemoryChannel(refusals=6)
    await house.happen(failed("r1"))
    running = asyncio.create_task(house.notifier(channel).run(house.source, idle=1))

    await house.clock.advance(20)
    assert not running.done()
    await house.clock.advance(120)

    await running
    assert told(channel) == ["r1"]


async def test_it_ends_with_the_bus() -> None:
    clock = FakeClock()
    async with MemoryJournal(clock) as journal:
        async with Bus(journal, clock) as bus:
            source = Source(journal, bus, await journal.head())
            notifier = Notifier([FAILURES], [], state=MemoryState(), clock=clock, random=Random(1))
            running = asyncio.create_task(notifier.run(source))
            await clock.settle()

        await running


async def test_nobody_has_acknowledged_so_others_are_told_too(house: House) -> None:
    steps = (Escalation(after=15 * MINUTE, tags=("boss",)),)
    rule = msgspec.structs.replace(FAILURES, actions=(Notify(tags=("crew",)),), escalate=steps)
    crew, boss = MemoryChannel("crew"), MemoryChannel("boss")
    running = await house.begin(house.notifier(crew, boss, rules=(rule,)))
    await house.happen(failed("r1"))

    await house.clock.advance(15 * MINUTE - 1)
    assert (told(crew), told(boss)) == (["r1"], [])
    await house.clock.advance(2)

    assert (told(crew), told(boss)) == (["r1"], ["r1"])
    await house.end(running)


async def test_what_is_acknowledged_goes_no_further_also_after_a_restart(house: House) -> None:
    steps = (Escalation(after=15 * MINUTE, tags=("boss",)),)
    rule = msgspec.structs.replace(FAILURES, actions=(Notify(tags=("crew",)),), escalate=steps)
    crew, boss = MemoryChannel("crew"), MemoryChannel("boss")
    running = await house.begin(house.notifier(crew, boss, rules=(rule,)))
    await house.happen(failed("r1"))
    await house.clock.advance(1)
    await house.end(running)
    await house.happen(Event(kind="notification.acknowledged", payload={"rule": "failures", "by": "ann"}))

    await house.tell(house.notifier(crew, boss, rules=(rule,)))
    await house.clock.advance(60 * MINUTE)

    assert told(boss) == []


async def test_a_rule_that_is_muted_says_nothing(house: House) -> None:
    channel = MemoryChannel()
    until = house.clock.now_us() + 3_600_000_000
    await house.happen(Event(kind="rule.muted", payload={"rule": "failures", "until": until}), failed("r1"))

    await house.tell(house.notifier(channel))

    assert told(channel) == []


async def test_a_rule_that_was_muted_before_it_had_seen_anything_says_nothing(house: House) -> None:
    """As on the evening before work begins, in a house where nothing has ever failed."""
    channel = MemoryChannel()
    until = house.clock.now_us() + 3_600_000_000
    await house.happen(Event(kind="rule.muted", payload={"rule": "failures", "until": until}))
    house.start = await house.journal.head()
    await house.happen(failed("r1"))

    await house.tell(house.notifier(channel))
    await house.happen(Event(kind="rule.muted", payload={"rule": "failures", "until": 0}), failed("r2"))
    await house.tell(house.notifier(channel))

    assert told(channel) == ["r2"]


async def test_what_did_not_happen_is_told_when_its_time_is_over(house: House) -> None:
    nightly = Proactive(expect=Match(kinds=("flow-run.completed",)), within=4 * 60 * MINUTE, by=Daily(at=time(6)))
    channel = MemoryChannel()
    running = await house.begin(house.notifier(channel, rules=(Rule(name="nightly", when=nightly),)))

    await house.clock.advance(5 * 60 * MINUTE)
    assert channel.messages == []
    await house.clock.advance(2 * 60 * MINUTE)

    assert [message.rule for message in channel.messages] == ["nightly"]
    await house.end(running)


async def test_what_did_not_happen_is_told_soon_after_a_laptop_has_slept() -> None:
    """Its clock goes on to past six in the morning, and what counts the seconds that pass has stood still."""

    class Waking(FakeClock):
        slept = 0

        def now_us(self) -> int:
            return super().now_us() + self.slept

    clock, channel = Waking(), MemoryChannel()
    nightly = Proactive(expect=Match(kinds=("flow-run.completed",)), within=4 * 60 * MINUTE, by=Daily(at=time(6)))
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus:
        house = House(clock, journal, bus)
        house.start = await journal.head()
        running = await house.begin(house.notifier(channel, rules=(Rule(name="nightly", when=nightly),)))

        clock.slept = 7 * 3_600_000_000
        await clock.advance(MINUTE)

        assert [message.rule for message in channel.messages] == ["nightly"]
        await house.end(running)


async def test_what_the_pace_holds_back_is_told_as_a_digest(house: House) -> None:
    rule = msgspec.structs.replace(FAILURES, pace=Pace(most=2, per=60))
    channel = MemoryChannel()
    running = await house.begin(house.notifier(channel, rules=(rule,)))
    await house.happen(*(failed(f"r{n}") for n in range(100)))

    await house.clock.advance(61)

    assert told(channel)[:2] == ["r0", "r1"]
    assert len(channel.messages) == 3
    assert "98 more" in channel.messages[2].title
    await house.end(running)


async def test_a_storm_is_told_as_the_target_s_rate_allows_and_all_is_accounted_for(house: House) -> None:
    """F40: without a pace of the rule, the outbox makes the digests."""
    channel = MemoryChannel()
    routes = [Route(channel=channel, rate=Rate(most=30, per=60))]
    running = await house.begin(house.notifier(routes=routes))
    for second in range(60):
        await house.happen(*(failed(f"r{second}-{n}") for n in range(20)))
        await house.clock.advance(1)

    await house.clock.advance(60)

    assert len(channel.messages) <= 90
    sent = await house.events("notification.sent")
    keys = {key for event in sent for key in event.payload.get("absorbed", [event.payload["message"]])}
    queued = {event.id for event in await house.events("notification.queued") if "absorbed" not in event.payload}
    assert len(queued) == 1_200
    assert keys == queued
    await house.end(running)


async def test_a_rule_s_actions_are_done_once_and_are_events(house: House) -> None:
    done: list[object] = []

    async def act(action: object, firing: object) -> None:
        done.append(action)
        if isinstance(action, CallWebhook):
            raise ActionFailed("no such webhook")

    actions = (CallFunction(function="shop:restock"), CallWebhook(target="hook"))
    rule = msgspec.structs.replace(FAILURES, actions=actions)
    await house.happen(failed("r1"))
    await house.tell(house.notifier(rules=(rule,), act=act))
    house.state = MemoryState()

    await house.tell(house.notifier(rules=(rule,), act=act))

    assert done == list(actions)
    outcomes = [(e.kind, e.payload["action"], e.payload.get("reason")) for e in await house.events("action.*")]
    assert sorted(outcomes) == [
        ("action.done", "call-function", None),
        ("action.failed", "call-webhook", "no such webhook"),
    ]


async def test_an_action_that_takes_long_delays_no_message(house: House) -> None:
    async def act(action: object, firing: object) -> None:
        await house.clock.sleep(50)

    channel = MemoryChannel()
    rule = msgspec.structs.replace(FAILURES, actions=(CallFunction(function="shop:restock"), Notify()))
    running = await house.begin(house.notifier(channel, rules=(rule,), act=act))
    await house.happen(failed("r1"))
    await house.clock.advance(1)
    await house.happen(failed("r2"))

    await house.clock.advance(1)

    assert told(channel) == ["r1", "r2"]
    assert house.state.kept.places[0].cursor == str(house.start)
    await house.clock.advance(100)
    assert house.state.kept.places[0].cursor != str(house.start)
    await house.end(running)


async def test_an_action_that_hangs_holds_up_nothing_that_is_due(house: House) -> None:
    async def act(action: object, firing: object) -> None:
        await asyncio.Event().wait()

    channel = MemoryChannel()
    hanging = Rule(name="hanging", when=FAILURES.when, actions=(CallFunction(function="shop:restock"),))
    still = msgspec.structs.replace(FAILURES, pace=Pace(debounce=10))
    running = await house.begin(house.notifier(channel, rules=(hanging, still), act=act))
    await house.happen(failed("r1"))

    await house.clock.advance(11)

    assert told(channel) == ["r1"]
    await house.end(running)


class Ticking(FakeClock):
    """A clock on which a millisecond passes each time that somebody looks."""

    ticks = 0

    def now_us(self) -> int:
        self.ticks += 1
        return super().now_us() + 1_000 * self.ticks


async def test_what_is_due_is_told_also_while_there_is_always_more_to_read() -> None:
    """Each order that is read is followed by another one, until the other rule's message has come."""
    clock, channel, orders = Ticking(), MemoryChannel(), list[str]()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus:
        house = House(clock, journal, bus)
        house.start = await journal.head()

        async def describe(events: Sequence[Event]) -> list[Subject]:
            for event in events:
                if event.kind == "order.placed" and not channel.messages and len(orders) < 1_000:
                    orders.append(event.id)
                    await house.happen(Event(kind="order.placed", subject="o"))
            return [Subject(noun="order", name=event.subject) for event in events]

        never = Rule(name="orders", when=Reactive(on=Match(kinds=("order.placed",), tags=("never",))))
        still = msgspec.structs.replace(FAILURES, pace=Pace(debounce=0.1))
        running = await house.begin(house.notifier(channel, rules=(never, still), describe=describe))

        await house.happen(failed("r1"), Event(kind="order.placed", subject="o"))
        await clock.settle()

        assert told(channel) == ["r1"]
        assert len(orders) < 1_000
        await house.end(running)


async def test_the_notifier_s_own_events_are_never_told_of(house: House) -> None:
    rule = Rule(name="all", when=Reactive(on=Match(kinds=("*", "!notification.*", "!rule.*", "!action.*"))))
    channel = MemoryChannel()
    await house.happen(Event(kind="order.late", subject="o1"))

    await house.tell(house.notifier(channel, rules=(rule,)))

    assert told(channel) == ["o1"]


async def test_a_rule_that_cannot_work_is_refused_at_once(house: House) -> None:
    with pytest.raises(InvalidRule, match="count"):
        house.notifier(rules=(Rule(name="never", when=Reactive(on=FAILURES.when.on, count=0)),))


async def test_two_targets_of_one_name_are_refused(house: House) -> None:
    with pytest.raises(InvalidChannel, match="2 targets are called 'slack'"):
        house.notifier(MemoryChannel("slack"), MemoryChannel("slack"))


async def test_while_the_journal_cannot_be_written_nothing_more_is_sent_and_nothing_lost() -> None:
    """It begins to fail between a target's answer and the record of it."""
    clock = FakeClock()
    journal = FailingJournal(MemoryJournal(clock))

    class Fatal(MemoryChannel):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.about == "r1":
                journal.fail()

    async with journal, Bus(journal, clock) as bus:
        house, channel = House(clock, journal, bus), Fatal()
        house.start = await journal.head()
        await house.happen(failed("r1"), failed("r2"))
        running = asyncio.create_task(house.notifier(channel).run(house.source))
        await clock.settle()
        assert told(channel) == ["r1"]
        journal.heal()

        await clock.advance(10)

        assert told(channel) == ["r1", "r2"]
        await house.end(running)

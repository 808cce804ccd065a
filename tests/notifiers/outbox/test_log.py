"""What was sent to whom, as people read it."""

from collections.abc import AsyncIterator

import pytest

from segue_events import Event
from segue_events.journal.memory import MemoryJournal
from segue_events.testing import FakeClock
from segue_notifiers.message import Message
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.log import DeliveryLine, DeliveryLog
from segue_notifiers.outbox.records import dead, failed, queued, sent


def entry(name: str, target: str = "ops", rule: str = "failures") -> Entry:
    return Entry(message=Message(id=f"{name}-{target}", title=name, body="", rule=rule), target=target, deadline=0)


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    async with MemoryJournal(FakeClock()) as journal:
        yield journal


async def test_the_latest_comes_first(journal: MemoryJournal) -> None:
    message = entry("a")
    await journal.append(
        [queued(message, flaw="no such variable"), failed(message, "no", 7), dead(message, "gone"), sent(message)]
    )
    now = FakeClock().now_us()

    lines = await DeliveryLog.entries(journal, limit=10)

    assert lines == [
        DeliveryLine(at=now, target="ops", rule="failures", title="a", outcome="sent", attempt=1),
        DeliveryLine(at=now, target="ops", rule="failures", title="a", outcome="dead", attempt=1, reason="gone"),
        DeliveryLine(
            at=now, target="ops", rule="failures", title="a", outcome="failed", attempt=1, reason="no", next=7
        ),
        DeliveryLine(at=now, target="ops", rule="failures", title="a", outcome="queued", reason="no such variable"),
    ]


async def test_one_may_ask_for_a_target_or_a_rule(journal: MemoryJournal) -> None:
    await journal.append([queued(entry("a")), queued(entry("b", target="slack")), queued(entry("c", rule="late"))])

    assert [line.title for line in await DeliveryLog.entries(journal, target="slack")] == ["b"]
    assert [line.title for line in await DeliveryLog.entries(journal, rule="late")] == ["c"]


async def test_no_more_than_asked_for_and_from_as_far_back_as_need_be(journal: MemoryJournal) -> None:
    for n in range(5):
        await journal.append([queued(entry(str(n))), *(Event(kind="log.line") for _ in range(4_000))])

    assert [line.title for line in await DeliveryLog.entries(journal, limit=3)] == ["4", "3", "2"]
    assert len(await DeliveryLog.entries(journal, limit=100)) == 5


async def test_a_journal_without_messages_has_no_lines(journal: MemoryJournal) -> None:
    assert await DeliveryLog.entries(journal) == []


async def test_strange_events_have_lines_too(journal: MemoryJournal) -> None:
    await journal.append([Event(kind="notification.sent", payload={"target": 7, "attempt": "x"})])

    [line] = await DeliveryLog.entries(journal)

    assert (line.target, line.attempt) == ("", 0)

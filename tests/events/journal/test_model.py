"""The journal in a file does what the one in memory does, step by step."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from segue_events import Event, Filter, Journal, MemoryJournal, SqliteJournal, new_id
from segue_events.testing import Tally

IDS = st.sampled_from([new_id() for _ in range(3)] + ["", "short", "ä"])
NUMBERS = st.integers(-(2**70), 2**70) | st.text(max_size=3)
# Some ids come again, most are new.
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(["a.b", "a.c", "d.e"]),
    id=st.sampled_from([new_id() for _ in range(4)]) | st.builds(new_id) | st.text("xyz", min_size=1, max_size=3),
    run=IDS,
    subject=IDS,
    occurred=st.integers(1, 5),
    payload=st.dictionaries(st.text("mo", max_size=2), NUMBERS, max_size=2),
)
FILTERS = st.none() | st.builds(
    Filter, kinds=st.sampled_from([(), ("a.*",), ("!a.b",)]), runs=st.lists(IDS, max_size=2).map(tuple)
)
APPENDS = st.lists(EVENTS, max_size=5).map(lambda events: ("append", events))
READS = st.tuples(st.integers(0, 12), FILTERS, st.integers(0, 6)).map(lambda arguments: ("read", arguments))
STEPS = st.lists(APPENDS | READS, max_size=10)


async def outcome(journal: Journal, step: tuple[str, object]) -> object:
    match step:
        case ("append", list(events)):
            copies = [Event(**{name: getattr(event, name) for name in event.__struct_fields__}) for event in events]
            head = await journal.append(copies)
            return head, [event.seq for event in copies]
        case ("read", (after, wanted, limit)):
            return await journal.read(after, wanted, limit)
    raise AssertionError(step)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_both_journals_do_the_same(steps: list[tuple[str, object]]) -> None:
    async def compare() -> None:
        memory = MemoryJournal()
        with tempfile.TemporaryDirectory() as folder:
            async with SqliteJournal(Path(folder) / "j.db", projections=[Tally()]) as file:
                for step in steps:
                    assert await outcome(memory, step) == await outcome(file, step)
                assert (await memory.head()).seq == (await file.head()).seq
                assert await file.check() == []

    asyncio.run(compare())

"""A filter chooses the same events in Python and in SQL."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue_events import Event, Filter, MemoryJournal, SqliteJournal, new_id

UUID = new_id()
KINDS = st.text("ab.*?[]!^-ä", min_size=1, max_size=5) | st.sampled_from(["flow-run.failed", "task-run.failed"])
GLOBS = st.tuples(st.sampled_from(["", "!"]), st.text("ab.*?[]^-ä", max_size=4) | st.just("*.failed")).map("".join)
IDS = st.sampled_from(["", "a", "b", UUID, UUID.upper(), "ä"])
INSTANTS = st.integers(-3, 3)
EVENTS = st.builds(Event, kind=KINDS, run=IDS, subject=IDS, occurred=INSTANTS.map(lambda n: n or 4))
FILTERS = st.builds(
    Filter,
    kinds=st.lists(GLOBS, max_size=3).map(tuple),
    runs=st.lists(IDS, max_size=2).map(tuple),
    subjects=st.lists(IDS, max_size=2).map(tuple),
    since=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
)


@given(st.lists(EVENTS, min_size=1, max_size=12), st.lists(FILTERS, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_matching_is_what_sql_does(events: list[Event], filters: list[Filter]) -> None:
    async def compare() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with SqliteJournal(Path(folder) / "j.db") as journal:
                await journal.append(events)
                for wanted in filters:
                    chosen = [event.seq for event in await journal.read(filter=wanted)]
                    assert chosen == [event.seq for event in events if wanted.matches(event)]
                    assert chosen == [event.seq for event in wanted.select(events)]

    asyncio.run(compare())


@pytest.mark.parametrize(
    ("globs", "wanted"),
    [
        ((), ["flow-run.failed", "flow-run.running", "log.written"]),
        (("*.failed",), ["flow-run.failed"]),
        (("flow-run.*",), ["flow-run.failed", "flow-run.running"]),
        (("!log.*",), ["flow-run.failed", "flow-run.running"]),
        (("flow-run.*", "!*.failed"), ["flow-run.running"]),
        (("log.written", "*.failed"), ["flow-run.failed", "log.written"]),
    ],
)
async def test_kinds_are_chosen_by_globs(globs: tuple[str, ...], wanted: list[str]) -> None:
    journal = MemoryJournal()
    await journal.append([Event(kind=kind) for kind in ("flow-run.failed", "flow-run.running", "log.written")])
    assert [event.kind for event in await journal.read(filter=Filter(kinds=globs))] == wanted


def test_equal_filters_are_one_key() -> None:
    assert {Filter(kinds=("a",)): 1}[Filter(kinds=("a",))] == 1


async def test_the_events_of_a_run_are_found_by_an_index(tmp_path: Path) -> None:
    async with SqliteJournal(tmp_path / "j.db") as journal:
        condition, parameters = Filter(runs=(UUID,)).where()
        plan = await journal.query(
            f"EXPLAIN QUERY PLAN SELECT * FROM event WHERE seq > 5 AND {condition} ORDER BY seq LIMIT 10", parameters
        )
        assert "event_by_run" in str(plan)

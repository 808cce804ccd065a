"""The store: what was recorded is read back, found and listed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from segue import run_events, states
from segue.exceptions import AmbiguousRun, UnknownRun
from segue.records import FlowRun, TaskRun
from segue.states import StateType
from segue.store import FlowRunFilter, Store
from segue.store.listing import Sort
from segue.store.lookup import prefix_bounds
from segue.tables import projections
from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal

ETL, REPORT, CHILD = (f"019e000{digit}-0000-7000-8000-000000000000" for digit in "123")
TASK, FURTHER, ALONE = (f"019f000{digit}-0000-7000-8000-000000000000" for digit in "123")


class Kept(msgspec.Struct, frozen=True):
    ref: Any = None
    cache_key: str | None = None
    expires: int | None = None


class Recorder:
    """A journal with its store, and runs that are recorded in it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.store = Store(journal)

    async def record(self, *events: Event) -> None:
        await self.journal.append(list(events))

    async def flow_run(self, run_id: str, *path: states.State[Any], **more: Any) -> FlowRun:
        run = FlowRun(**{"id": run_id, "name": "brave-otter", "flow_name": "etl", "root_id": run_id, **more})
        run.enter(states.Pending(occurred=run.created or 0))
        await self.record(run_events.flow_run_pending(run))
        for state in path:
            run.enter(state)
            await self.record(run_events.flow_run_state(run, state))
        return run

    async def task_run(
        self, run_id: str, *path: states.State[Any], result: run_events.Inline = UNSET, **more: Any
    ) -> TaskRun:
        run = TaskRun(**{"id": run_id, "name": "fetch-0", "task_name": "fetch", "flow_run_id": ETL, **more})
        run.enter(states.Pending(occurred=run.created or 0))
        await self.record(run_events.task_run_pending(run))
        for state in path:
            run.enter(state)
            kept = result if state.is_completed() else UNSET
            await self.record(run_events.task_run_state(run, state, kept))
        return run


@pytest.fixture(name="recorder")
async def recorder_fixture(tmp_path: Path) -> AsyncIterator[Recorder]:
    """A new journal in a file."""
    async with SqliteJournal(tmp_path / "segue.db", projections=projections()) as journal:
        yield Recorder(journal)


def facts(run: FlowRun | TaskRun) -> dict[str, Any]:
    """All fields of a record, its state as what can be recorded of it."""
    state = run.state
    return {
        **msgspec.structs.asdict(run),
        "state": (state.type, state.name, state.message, state.occurred),
        "result": None if run.result is None else bytes(run.result),
    }


# --- records come back ---


@pytest.mark.parametrize(
    "path",
    [
        [],
        [states.Running(occurred=20)],
        [states.Running(occurred=20), states.AwaitingRetry(message="why", occurred=30)],
        [states.Running(occurred=20), states.Retrying(occurred=30), states.Completed(name="Cached", occurred=40)],
        [states.Failed(message="bad", name="TimedOut", occurred=20)],
        [states.Running(occurred=20), states.Cancelled(occurred=30)],
    ],
)
async def test_a_flow_run_comes_back_as_it_was(recorder: Recorder, path: list[states.State[Any]]) -> None:
    """In whatever state it is."""
    made = await recorder.flow_run(
        ETL, *path, parameters={"n": [1, None]}, tags=("a", "b"), parent_id=TASK, flow_version="1", pid=5,
        entrypoint="f.py:etl", epoch=2, created=10,
    )  # fmt: skip

    assert facts(await recorder.store.runs.flow_run(ETL)) == facts(made)


@pytest.mark.parametrize("flow_run_id", [ETL, ""])
async def test_a_task_run_comes_back_as_it_was(recorder: Recorder, flow_run_id: str) -> None:
    """Within a flow or outside of flows, with its result."""
    await recorder.flow_run(ETL)
    done = [states.Running(occurred=20), states.Retrying(occurred=30), states.Completed(occurred=40)]
    made = await recorder.task_run(
        TASK, *done, result=msgspec.Raw(b'{"$tuple":[1,"x"]}'), flow_run_id=flow_run_id, scope="~1", input_hash="abc",
        ordinal=3,
        tags=("a",), parent_id=ALONE, upstream=(FURTHER, ALONE), epoch=2, created=10,
    )  # fmt: skip
    made.result = msgspec.Raw(b'{"$tuple":[1,"x"]}')

    assert facts(await recorder.store.runs.task_run(TASK)) == facts(made)


async def test_an_error_is_read_with_its_run(recorder: Recorder) -> None:
    """Type, message and traceback."""
    await recorder.flow_run(ETL, states.Failed(data=ValueError("x")))

    run = await recorder.store.runs.flow_run(ETL)
    assert run.error is not None
    assert (run.error["type"], run.error["message"]) == ("ValueError", "x")


async def test_a_state_read_from_a_table_is_the_one_of_the_event(recorder: Recorder) -> None:
    """state_of(event) and the record agree."""
    await recorder.task_run(TASK, states.Crashed(message="why", occurred=7), flow_run_id="")

    (event,) = await recorder.journal.read(after=1)
    told, read = run_events.state_of(event), (await recorder.store.runs.task_run(TASK)).state
    assert (told.type, told.name, told.message, told.timestamp) == (read.type, read.name, read.message, read.timestamp)


# --- runs are found ---


@pytest.mark.parametrize("wanted", [ETL, "019e0001", "019E0001-0", "brave-otter"])
async def test_a_flow_run_is_found_by_id_prefix_or_name(recorder: Recorder, wanted: str) -> None:
    """As long as that is one run's."""
    await recorder.flow_run(ETL)
    await recorder.flow_run(REPORT, name="calm-lynx")

    assert (await recorder.store.runs.flow_run(wanted)).id == ETL


@pytest.mark.parametrize("wanted", ["019e", "brave-otter"])
async def test_what_several_runs_have_is_ambiguous(recorder: Recorder, wanted: str) -> None:
    """The error lists them."""
    await recorder.flow_run(ETL)
    await recorder.flow_run(REPORT)

    with pytest.raises(AmbiguousRun, match=f"may be any of 2 runs: {ETL}, {REPORT}. Give") as refused:
        await recorder.store.runs.flow_run(wanted)
    assert refused.value.candidates == (ETL, REPORT)


async def test_not_all_of_many_candidates_are_listed(recorder: Recorder) -> None:
    """The error says that there are more."""
    for number in range(6):
        await recorder.flow_run(f"019e0001-0000-7000-8000-00000000000{number}")

    with pytest.raises(
        AmbiguousRun, match=r"may be any of more than 5 runs, such as 019e.*000004\. Give more of the id\."
    ):
        await recorder.store.runs.flow_run("019e")


@pytest.mark.parametrize(
    ("wanted", "hint"), [("brave-oter", "Did you mean brave-otter?"), ("ffff", "`segue flow-run ls` lists the runs.")]
)
async def test_an_unknown_run_is_refused_with_the_nearest(recorder: Recorder, wanted: str, hint: str) -> None:
    """A name that is like it, where there is one."""
    await recorder.flow_run(ETL)

    with pytest.raises(UnknownRun) as refused:
        await recorder.store.runs.flow_run(wanted)
    assert str(refused.value) == f"There is no run '{wanted}'. {hint}"


@pytest.mark.parametrize("wanted", [TASK, "019f0001", "fetch-0"])
async def test_a_task_run_is_found_in_whatever_flow_run_it_is(recorder: Recorder, wanted: str) -> None:
    """By id, prefix or name."""
    await recorder.flow_run(REPORT)
    await recorder.task_run(TASK, flow_run_id=REPORT)
    await recorder.task_run(ALONE, flow_run_id="", name="fetch-1")

    found = await recorder.store.runs.task_run(wanted)
    assert (found.id, found.flow_run_id) == (TASK, REPORT)


@pytest.mark.parametrize("text", ["", "-", "xyz", "019e0001x", "019e-0001", "019e00010", f"{ETL}0"])
def test_what_no_id_begins_with_is_no_prefix(text: str) -> None:
    """Dashes have to be where an id has them."""
    assert prefix_bounds(text) is None


# --- runs are listed ---


@pytest.mark.parametrize(("sort", "expected"), [("-created", [REPORT, ETL, CHILD]), ("created", [CHILD, ETL, REPORT])])
async def test_flow_runs_are_paged_by_when_they_were_created(
    recorder: Recorder, sort: Sort, expected: list[str]
) -> None:
    """Both ways; runs of the same moment are told apart by id."""
    for created, run_id in ((10, ETL), (10, REPORT), (5, CHILD)):
        await recorder.flow_run(run_id, created=created)
    first = await recorder.store.runs.flow_runs(sort=sort, limit=1)
    rest = await recorder.store.runs.flow_runs(sort=sort, limit=2, cursor=first.next)

    assert [run.id for run in (*first.items, *rest.items)] == expected
    assert rest.next is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FlowRunFilter(), [CHILD, REPORT, ETL]),
        (FlowRunFilter(flows=("report",)), [REPORT]),
        (FlowRunFilter(names=("calm-lynx", "x")), [REPORT]),
        (FlowRunFilter(types=(StateType.COMPLETED,)), [REPORT, ETL]),
        (FlowRunFilter(states=("Completed",)), [ETL]),
        (FlowRunFilter(states=("Cached", "Pending")), [CHILD, REPORT]),
        (FlowRunFilter(tags=("a", "b")), [ETL]),
        (FlowRunFilter(since=2, until=3), [REPORT]),
        (FlowRunFilter(top_level=True), [REPORT, ETL]),
        (FlowRunFilter(flows=("etl",), top_level=True), [ETL]),
    ],
)
async def test_flow_runs_are_filtered(recorder: Recorder, wanted: FlowRunFilter, expected: list[str]) -> None:
    """By every field that is given."""
    await recorder.flow_run(ETL, states.Completed(), tags=("a", "b"), created=1)
    await recorder.flow_run(REPORT, states.Completed(name="Cached"), flow_name="report", name="calm-lynx", created=2)
    await recorder.flow_run(CHILD, parent_id=TASK, tags=("a",), created=3)

    assert [run.id for run in (await recorder.store.runs.flow_runs(wanted)).items] == expected


async def test_a_text_that_is_no_cursor_is_refused(recorder: Recorder) -> None:
    """As one made up by hand."""
    with pytest.raises(ValueError, match="'latest' is not a cursor"):
        await recorder.store.runs.flow_runs(cursor="latest")


async def test_task_runs_of_a_flow_run_are_paged(recorder: Recorder) -> None:
    """Those of other runs are not among them; types narrow them down."""
    await recorder.task_run(TASK, states.Completed())
    await recorder.task_run(FURTHER, states.Failed())
    await recorder.task_run(ALONE, flow_run_id="")

    runs = recorder.store.runs
    first = await runs.task_runs(ETL, limit=1)
    second = await runs.task_runs(ETL, limit=1, cursor=first.next)
    failed = await runs.task_runs(ETL, types=[StateType.FAILED])
    assert [[run.id for run in page.items] for page in (first, second, failed)] == [[TASK], [FURTHER], [FURTHER]]
    assert (second.next, [run.id for run in (await runs.task_runs("")).items]) == (None, [ALONE])


async def test_task_runs_are_counted_by_state(recorder: Recorder) -> None:
    """For each flow run that was asked for."""
    await recorder.task_run(TASK, states.Completed())
    await recorder.task_run(FURTHER, states.Completed())
    await recorder.task_run(ALONE)

    assert await recorder.store.runs.counts([ETL, REPORT]) == {
        ETL: {StateType.PENDING: 1, StateType.COMPLETED: 2},
        REPORT: {},
    }


async def test_events_of_a_run_are_its_own(recorder: Recorder) -> None:
    """In order, after a seq, at most so many."""
    await recorder.flow_run(ETL)
    await recorder.flow_run(REPORT)
    await recorder.task_run(TASK, states.Completed())

    runs = recorder.store.runs
    assert [event.kind for event in await runs.events(ETL)] == [
        "flow-run.pending",
        "task-run.pending",
        "task-run.completed",
    ]
    assert [event.seq for event in await runs.events(ETL, after=1, limit=1)] == [3]


# --- log lines, cache, deletion ---


async def log(recorder: Recorder, run_id: str, subject: str, level: int, message: str) -> None:
    line = run_events.log_line(run_id=run_id, subject=subject, level=level, logger="x", message=message, occurred=9)
    await recorder.record(line)


async def test_log_lines_of_a_run_are_read_on_from_a_seq(recorder: Recorder) -> None:
    """Other runs' lines and events in between are passed over."""
    for run_id, subject, level, message in (
        (ETL, ETL, 20, "begin"), (REPORT, REPORT, 20, "other"), (ETL, TASK, 10, "detail"), (ETL, TASK, 40, "bad"),
    ):  # fmt: skip
        await log(recorder, run_id, subject, level, message)

    async def texts(**wanted: Any) -> list[str]:
        return [line.message for line in await recorder.store.logs.lines(ETL, **wanted)]

    assert await texts() == ["begin", "detail", "bad"]
    assert await texts(after=1, limit=1) == ["detail"]
    assert await texts(level=20) == ["begin", "bad"]
    assert await texts(task_run_id=TASK) == ["detail", "bad"]
    (first, second, _) = await recorder.store.logs.lines(ETL)
    assert (first.task_run_id, second.task_run_id, second.level, second.logger) == ("", TASK, 10, "x")


async def test_a_cached_result_is_found_until_it_expires(recorder: Recorder) -> None:
    """The last one that was made under its key."""
    run = TaskRun(id=TASK, name="fetch-0", task_name="fetch", flow_run_id=ETL)
    for value, expires in ((1, None), (msgspec.Raw(b"[2]"), 50)):
        kept = Kept(cache_key="k", expires=expires)
        await recorder.record(run_events.task_run_state(run, states.Completed(), value, kept))

    entry = await recorder.store.cache("k", 49)
    assert entry is not None
    assert (bytes(entry.result or b""), entry.task_run_id, entry.flow_run_id) == (b"[2]", TASK, ETL)
    assert await recorder.store.cache("k", 50) is None
    assert await recorder.store.cache("other", 0) is None


async def test_a_cached_result_may_lie_elsewhere(recorder: Recorder) -> None:
    """Then there is a reference instead."""
    run = TaskRun(id=TASK, name="fetch-0", task_name="fetch")
    kept = Kept(ref={"storage": "s", "key": "x"}, cache_key="k")
    await recorder.record(run_events.task_run_state(run, states.Completed(), UNSET, kept))

    entry = await recorder.store.cache("k", 1)
    assert entry is not None
    assert (entry.result, entry.ref) == (None, {"storage": "s", "key": "x"})


async def test_a_deleted_run_is_not_found_any_more(recorder: Recorder) -> None:
    """Nor listed, even if it goes on; its events are still there."""
    run = await recorder.flow_run(ETL, states.Running(), created=1)
    await recorder.task_run(TASK)
    await log(recorder, ETL, ETL, 20, "line")
    await recorder.store.delete(ETL, 5)
    await recorder.record(run_events.flow_run_state(run, states.Completed()))

    with pytest.raises(UnknownRun):
        await recorder.store.runs.flow_run(ETL)
    assert (await recorder.store.runs.flow_runs()).items == []
    assert (await recorder.store.runs.task_runs(ETL)).items == []
    assert await recorder.store.logs.lines(ETL) == []
    assert len(await recorder.store.runs.events(ETL)) == 6


async def test_a_run_goes_round_without_its_deleted_events(recorder: Recorder) -> None:
    """Retention takes the result and the log lines, not the row."""
    await recorder.task_run(TASK, states.Completed(), result=1, flow_run_id="")
    await log(recorder, "", TASK, 20, "line")
    await log(recorder, "", ALONE, 20, "later")
    await recorder.journal.delete_before(4)

    assert (await recorder.store.runs.task_run(TASK)).result is None
    assert [line.message for line in await recorder.store.logs.lines("")] == ["later"]

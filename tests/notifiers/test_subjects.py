"""What rules and messages are told of runs, and what goes with a message."""

from collections.abc import AsyncIterator
from logging import INFO
from pathlib import Path

import pytest

from segue import run_events, states
from segue.notify import attachments
from segue.notify.attachments import RunAttachments
from segue.notify.subjects import RunSubjects
from segue.records import FlowRun, TaskRun
from segue.store import Store
from segue.tables import projections
from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal
from segue_notifiers.message import Message

ETL, FETCH = "019e0001-0000-7000-8000-000000000000", "019f0001-0000-7000-8000-000000000000"

TASK_RUN = TaskRun(id=FETCH, name="fetch-0", task_name="fetch", flow_run_id=ETL, tags=("slow",))


def flow_run(attempt: int = 0) -> FlowRun:
    return FlowRun(
        id=ETL,
        name="brave-otter",
        flow_name="etl",
        root_id=ETL,
        tags=("nightly",),
        parent_id="p",
        parameters={"day": 1},
        run_count=attempt,
    )


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """A journal in which a flow run with a task run has begun twice, and each has logged a line."""
    async with SqliteJournal(tmp_path / "journal.db", projections=projections()) as journal:
        await journal.append(
            [
                run_events.flow_run_pending(flow_run()),
                run_events.task_run_pending(TASK_RUN),
                run_events.flow_run_state(flow_run(attempt=1), states.Running(occurred=1)),
                run_events.flow_run_state(flow_run(attempt=2), states.Running(occurred=2)),
                line(ETL, "of the flow"),
                line(FETCH, "of the task"),
            ]
        )
        yield journal


def line(subject: str, text: str) -> Event:
    return run_events.log_line(run_id=ETL, subject=subject, level=INFO, logger="segue", message=text, occurred=0)


async def test_a_flow_run_is_described_with_its_flow_tags_attempt_and_page(journal: SqliteJournal) -> None:
    subjects = RunSubjects(Store(journal), "https://segue.example/")

    [found] = await subjects.describe([Event(kind="flow-run.failed", run=ETL, subject=ETL)])

    assert (found.noun, found.name, found.flow, found.tags) == ("flow run", "etl/brave-otter", "etl", ("nightly",))
    assert (found.parent, found.attempt, found.parameters) == ("p", 2, {"day": 1})
    assert found.command == f"segue flow-run inspect {ETL}"
    assert found.link == f"https://segue.example/runs/{ETL}"


async def test_a_task_run_is_described_with_the_flow_around_it(journal: SqliteJournal) -> None:
    [found] = await RunSubjects(Store(journal)).describe([Event(kind="task-run.failed", run=ETL, subject=FETCH)])

    assert (found.noun, found.name, found.flow, found.labels) == ("task run", "fetch-0", "etl", {"task": "fetch"})
    assert (found.parent, found.tags, found.link) == (ETL, ("slow",), "")
    assert found.facts["Flow run"] == f"etl/brave-otter ({ETL})"


async def test_what_is_no_run_is_described_by_its_event(journal: SqliteJournal) -> None:
    [found] = await RunSubjects(Store(journal)).describe([Event(kind="disk.full", subject="/data")])

    assert (found.noun, found.name) == ("disk", "/data")


async def test_a_run_that_is_no_more_is_described_by_its_event_and_the_others_by_their_runs(
    journal: SqliteJournal,
) -> None:
    events = [Event(kind="flow-run.failed", run=run, subject=run) for run in ("gone", ETL)]

    found = await RunSubjects(Store(journal)).describe(events)

    assert [subject.name for subject in found] == ["gone", "etl/brave-otter"]


@pytest.mark.parametrize(
    ("about", "texts"), [(ETL, ["of the flow", "of the task"]), (FETCH, ["of the task"]), ("gone", [])]
)
async def test_the_log_of_a_run_goes_with_a_message(journal: SqliteJournal, about: str, texts: list[str]) -> None:
    message = Message(id="m", title="t", body="b", run=ETL, about=about)

    found = await RunAttachments(Store(journal)).fetch(message, "log")

    lines = found.content.decode().splitlines() if found else []
    assert [text.rpartition(": ")[2] for text in lines] == texts


async def test_there_is_nothing_else_to_go_with_it(journal: SqliteJournal) -> None:
    fetch = RunAttachments(Store(journal)).fetch

    assert await fetch(Message(id="m", title="t", body="b", run=ETL, about=ETL), "screenshot") is None
    assert await fetch(Message(id="m", title="t", body="b"), "log") is None


async def test_of_a_long_log_the_end_goes_with_it(journal: SqliteJournal) -> None:
    await journal.append([line(ETL, f"{number} {'x' * 1000}") for number in range(1_200)])
    message = Message(id="m", title="t", body="b", run=ETL, about=ETL)

    found = await RunAttachments(Store(journal)).fetch(message, "log")

    assert found is not None
    assert len(found.content) <= attachments.MAX_BYTES + 4
    first, *_, last = found.content.decode().splitlines()
    assert first == "…"
    assert " 1199 xxx" in last


async def test_of_a_log_of_very_many_lines_the_last_ones_go_with_it(journal: SqliteJournal) -> None:
    await journal.append([line(ETL, str(number)) for number in range(51_000)])
    message = Message(id="m", title="t", body="b", run=ETL, about=ETL)

    found = await RunAttachments(Store(journal)).fetch(message, "log")

    assert found is not None
    last = found.content.decode().splitlines()[-3:]
    assert [text.rpartition(": ")[2] for text in last] == ["50997", "50998", "50999"]

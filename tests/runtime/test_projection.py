"""The projection: tables as a fold of events, whatever the batches."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue import run_events, states
from segue.projection import RunProjection, shown_ids, stored_ids
from segue.records import FlowRun, TaskRun
from segue.run_events import FLOW_RUN_KINDS, TASK_RUN_KINDS
from segue.states import StateType
from segue_events import Event, new_id, unpack_id
from segue_events.event import decode_payload, encode_payload

PROJECTION = RunProjection()
FLOW, OTHER, TASK, FURTHER = (f"019e0000-0000-7000-8000-00000000000{digit}" for digit in range(4))


class Tables:
    """The projection's tables in a database in memory."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(PROJECTION.schema)

    def fold(self, events: Sequence[Event]) -> None:
        for write in PROJECTION.writes(events):
            marks = ",".join([write.row] * len(write.rows))
            values = [value for row in write.rows for value in row]
            self.database.execute(f"{write.head}{marks}{write.tail}", values)

    def fold_in_slices(self, events: Sequence[Event], length: int) -> None:
        for start in range(0, len(events), length):
            self.fold(events[start : start + length])

    def rows(self, table: str) -> list[dict[str, Any]]:
        cursor = self.database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        return [dict(zip([name for name, *_ in cursor.description], row, strict=True)) for row in cursor]

    def close(self) -> None:
        self.database.close()

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        return {table: self.rows(table) for table in PROJECTION.tables}


def contents(*batches: Sequence[Event]) -> dict[str, list[dict[str, Any]]]:
    """What is in the tables after these batches."""
    with closing(Tables()) as tables:
        for batch in batches:
            tables.fold(batch)
        return tables.contents()


def numbered(events: Iterable[Event]) -> list[Event]:
    """The events as a journal commits them: in order, with their payloads as JSON."""
    made = list(events)
    for seq, event in enumerate(made, start=1):
        event.seq = seq
        event.payload = decode_payload(encode_payload(event.payload))
    return made


def task_life(task: TaskRun) -> list[Event]:
    """Pending, running and completed."""
    return [
        run_events.task_run_pending(task),
        run_events.task_run_state(task, states.Running(occurred=20)),
        run_events.task_run_state(task, states.Completed(occurred=30), b"1"),
    ]


# --- any events, in any batches ---

kinds = st.sampled_from(
    [
        *FLOW_RUN_KINDS.values(),
        *TASK_RUN_KINDS.values(),
        "task-run.completed",
        "log.written",
        "flow-run.deleted",
        "other",
    ]
)
small_texts = st.sampled_from(["", "a", "Cached", FLOW])
payloads = st.fixed_dictionaries(
    {},
    optional={
        "flow": small_texts,
        "task": small_texts,
        "name": small_texts,
        "message": small_texts,
        "parent": small_texts,
        "root": small_texts,
        "run_name": small_texts,
        "cache_key": st.sampled_from(["k", "l"]),
        "expires": st.integers(0, 9),
        "tags": st.lists(small_texts, max_size=2),
        "upstream": st.lists(small_texts, max_size=2),
        "parameters": st.dictionaries(small_texts, st.integers(), max_size=1),
        "attempt": st.integers(1, 3),
        "epoch": st.integers(1, 2),
        "ordinal": st.integers(0, 1),
        "level": st.integers(0, 50),
    },
)
events = st.builds(
    Event,
    kind=kinds,
    payload=payloads,
    run=st.sampled_from(["", "x", FLOW, OTHER]),
    subject=st.sampled_from(["y", FLOW, TASK, FURTHER]),
    occurred=st.integers(0, 5),
)
journals = st.lists(events, max_size=12).map(numbered)


@given(journal=journals, data=st.data())
def test_batches_do_not_matter(journal: list[Event], data: st.DataObject) -> None:
    """One batch, two, or one event at a time: the tables are the same."""
    cut = data.draw(st.integers(0, len(journal)))
    whole = contents(journal)

    assert contents(journal[:cut], journal[cut:]) == whole
    assert contents(*([event] for event in journal)) == whole


@given(
    journal=journals.filter(lambda events: all(event.kind != "flow-run.deleted" for event in events)), data=st.data()
)
def test_what_was_folded_before_changes_nothing(journal: list[Event], data: st.DataObject) -> None:
    """A batch, or its beginning, that comes once more."""
    cut = data.draw(st.integers(0, len(journal)))

    assert contents(journal, journal[:cut]) == contents(journal)


@given(journal=journals)
def test_one_row_per_key(journal: list[Event]) -> None:
    """One statement cannot write a row twice."""
    for write in PROJECTION.writes(journal):
        width = 2 if "(run, " in write.head else 1
        keys = [tuple(map(str, row[:width])) for row in write.rows]
        assert len(set(keys)) == len(keys)


# --- what the rows say ---


def test_a_task_run_is_one_lean_row() -> None:
    """Ids are blobs, what is the default is NULL, the result stays in the event."""
    task = TaskRun(id=TASK, name="fetch-0", task_name="fetch", flow_run_id=FLOW, input_hash="abc", created=10)
    (row,) = contents(numbered(task_life(task)))["task_run"]

    assert {name: value for name, value in row.items() if value is not None} == {
        "run": bytes.fromhex(FLOW.replace("-", "")),
        "id": bytes.fromhex(TASK.replace("-", "")),
        "task": "fetch",
        "name": "fetch-0",
        "input": "abc",
        "type": list(StateType).index(StateType.COMPLETED),
        "changed": 30,
        "attempt": 1,
        "created": 10,
        "started": 20,
        "first": 1,
        "last": 3,
    }


def test_a_flow_run_keeps_what_it_began_with() -> None:
    """A later state brings another name, a further process another epoch."""
    run = FlowRun(id=FLOW, name="brave-otter", flow_name="etl", parameters={"n": 1}, tags=("a",), pid=1, created=10)
    taken_up = FlowRun(id=FLOW, name="brave-otter", flow_name="etl", parameters={"n": 1}, pid=2, epoch=2, created=40)
    taken_up.run_count = 2
    (row,) = contents(
        numbered(
            [
                run_events.flow_run_pending(run),
                run_events.flow_run_state(run, states.Running(occurred=20), run_name="other"),
                run_events.flow_run_pending(taken_up),
                run_events.flow_run_state(taken_up, states.Running(occurred=50)),
            ]
        )
    )["flow_run"]

    assert (row["created"], row["started"], row["changed"], row["attempt"]) == (10, 20, 50, 2)
    assert (row["epoch"], row["pid"], row["parameters"], row["tags"]) == (2, 2, '{"n":1}', '["a"]')


def test_a_state_has_its_own_name_and_message() -> None:
    """Until the next one."""
    task = TaskRun(id=TASK, name="fetch-0", task_name="fetch", flow_run_id=FLOW)
    waiting = run_events.task_run_state(task, states.AwaitingRetry(message="why"))
    journal = numbered([run_events.task_run_pending(task), waiting, run_events.task_run_state(task, states.Running())])

    (before,) = contents(journal[:2])["task_run"]
    (after,) = contents(journal)["task_run"]
    assert (before["name"], before["state"], before["message"]) == ("fetch-0", "AwaitingRetry", "why")
    assert (after["name"], after["state"], after["message"]) == ("fetch-0", None, None)


def test_a_cached_result_belongs_to_the_last_that_made_it() -> None:
    """Its row says where in the journal it is."""
    payload = {"cache_key": "k", "result": 1}
    journal = numbered(
        [
            Event(kind="task-run.completed", run=FLOW, subject=TASK, payload=payload),
            Event(kind="task-run.completed", run=OTHER, subject=FURTHER, payload={**payload, "expires": 9}),
        ]
    )
    (row,) = contents(journal)["cache_entry"]

    assert (unpack_id(row["task_run"]), row["seq"], row["expires"]) == (FURTHER, 2, 9)


def test_a_deleted_run_is_gone_from_all_tables() -> None:
    """Other runs stay, and so do the events."""
    journal = [run_events.flow_run_pending(FlowRun(id=run, name="n", flow_name="etl")) for run in (FLOW, OTHER)] + [
        Event(kind="task-run.completed", run=run, subject=TASK, payload={"task": "t", "cache_key": run})
        for run in (FLOW, OTHER)
    ]
    journal += [
        run_events.log_line(run_id=run, subject=run, level=1, logger="", message="", occurred=0)
        for run in (FLOW, OTHER)
    ]
    left = contents(numbered([*journal, run_events.flow_run_deleted(FLOW, 9)]))

    assert [len(rows) for rows in left.values()] == [1, 1, 1, 1]
    assert left == contents(numbered(journal), numbered([*journal, run_events.flow_run_deleted(FLOW, 9)])[-1:])


@pytest.mark.parametrize(
    "payload",
    [{"task": 1}, {"task": "t", "epoch": 2**70}, {"task": "t", "tags": "a"}, {"name": ["x"]}, {"attempt": "1"}],
)
def test_a_malformed_event_stays_out_of_the_tables(payload: dict[str, Any]) -> None:
    """It must not keep a batch out of the journal."""
    good = task_life(TaskRun(id=TASK, name="fetch-0", task_name="fetch", flow_run_id=FLOW))
    bad = Event(kind="task-run.running", run=FLOW, subject=TASK, payload=payload)
    left = contents(numbered([*good, bad]))

    assert [row["last"] for row in left["task_run"]] == [3]


@given(st.lists(st.one_of(st.uuids().map(str), st.text(max_size=3)), max_size=3))
def test_lists_of_ids_come_back(ids: list[str]) -> None:
    """Blobs in a row, or texts."""
    assert shown_ids(stored_ids(ids)) == tuple(ids)


def test_a_task_run_takes_little_room() -> None:
    """The row of a plain task run, with all that a table's pages cost."""
    with closing(Tables()) as tables:
        life = [
            event
            for number in range(2_000)
            for event in task_life(
                TaskRun(id=new_id(), name=f"fetch-{number}", task_name="fetch", flow_run_id=FLOW, input_hash="x" * 22)
            )
        ]
        tables.fold_in_slices(numbered(life), 3_000)
        (size,) = tables.database.execute("SELECT SUM(pgsize) FROM dbstat WHERE name = 'task_run'").fetchone()

    assert size / 2_000 < 200

"""A database of many flow runs and task runs, as flows would have recorded them over a month, for bench_server.py."""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from segue import run_events, states
from segue.records import FlowRun, TaskRun
from segue.tables import projections
from segue_events import Event, SqliteJournal, new_id

BATCH = 5_000
MONTH_US = 30 * 86_400 * 1_000_000
FLOWS = [f"flow-{number:02d}" for number in range(50)]
TASKS = ["extract", "clean", "join", "train", "load"]
WORDS = ["brave", "calm", "dapper", "eager", "fair", "glad", "keen", "lucid", "merry", "noble"]
BEASTS = ["otter", "lynx", "heron", "ibex", "mole", "newt", "raven", "seal", "toad", "vole"]


def ending(chance: random.Random, occurred: int) -> states.State:
    """A last state: most complete, few do not, one in a hundred still runs."""
    drawn = chance.random()
    if drawn < 0.92:
        return states.Completed(occurred=occurred)
    if drawn < 0.96:
        return states.Failed(message="The source answered 503.", occurred=occurred)
    if drawn < 0.98:
        return states.Crashed(message="The process was killed.", occurred=occurred)
    if drawn < 0.99:
        return states.Cancelled(occurred=occurred)
    return states.Running(occurred=occurred)


def story(chance: random.Random, created: int, tasks: int) -> Iterator[Event]:
    """The events of one flow run with its task runs and some log lines."""
    name = f"{chance.choice(WORDS)}-{chance.choice(BEASTS)}-{chance.randrange(1000)}"
    run = FlowRun(
        id=new_id(),
        name=name,
        flow_name=FLOWS[int(len(FLOWS) * chance.random() ** 2)],
        parameters={"day": chance.randrange(365), "source": "s3://bucket/key"},
        tags=("nightly", f"team-{chance.randrange(8)}") if chance.random() < 0.5 else (),
        created=created,
    )
    yield run_events.flow_run_pending(run)
    yield from entered(run, states.Running(occurred=created + 20_000))
    before: tuple[str, ...] = ()
    for number in range(tasks):
        at = created + 50_000 + number * 1_000_000
        kind = TASKS[number % len(TASKS)]
        task = TaskRun(
            id=new_id(), name=f"{kind}-{number}", task_name=kind, flow_run_id=run.id, created=at,
            scope="~1", input_hash="ABCDEFGHIJKLMNOPQRSTUV", ordinal=number, upstream=before,
        )  # fmt: skip
        before = (task.id,)
        yield run_events.task_run_pending(task)
        yield from entered(task, states.Running(occurred=at + 1_000))
        yield from entered(task, ending(chance, at + chance.randrange(1_000, 900_000)))
    yield run_events.log_line(
        run_id=run.id, subject=run.id, level=chance.choice([20, 20, 20, 30, 40]), logger="segue.flow_runs",
        message=f"Read {chance.randrange(10**6)} rows from the warehouse.", occurred=created + 60_000,
    )  # fmt: skip
    yield from entered(run, ending(chance, created + tasks * 1_000_000 + chance.randrange(10**9)))


def entered(run: FlowRun | TaskRun, state: states.State) -> Iterator[Event]:
    """The event of a new state, if it is new."""
    if state.type is not run.state.type:
        run.enter(state)
        made = run_events.flow_run_state if isinstance(run, FlowRun) else run_events.task_run_state
        yield made(run, state)


def stories(flow_runs: int, task_runs: int, now: int) -> Iterator[Event]:
    """All of it: one flow run in a hundred has a hundred times as many task runs as the others."""
    chance = random.Random(7)
    usual = max(task_runs // (2 * flow_runs), 1)
    for number in range(flow_runs):
        created = now - MONTH_US + MONTH_US * number // flow_runs
        yield from story(chance, created, usual * 100 if number % 100 == 0 else usual)


async def seed(path: Path, flow_runs: int, task_runs: int, now: int) -> None:
    """Write the database; `now` is in µs since the epoch."""
    events = stories(flow_runs, task_runs, now)
    async with SqliteJournal(path, projections=projections()) as journal:
        while batch := list(islice(events, BATCH)):
            await journal.append(batch)

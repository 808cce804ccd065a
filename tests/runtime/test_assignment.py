"""A run that exists already is taken over by the next flow that is called, once, and not by what it calls."""

from typing import Any

from segue import flow, runtime, tags
from segue.engine.assignment import assigned
from segue.records.work import Claim, Deployment
from segue.run_events import Event
from segue.testing import Harness

RUN = "01939c5e-0000-7000-8000-000000000001"
NIGHTLY = Deployment(
    id="01939c5e-0000-7000-8000-00000000000d",
    name="nightly",
    flow_name="load",
    entrypoint="flows.py:load",
    parameters={"day": 1},
    version="7",
)


def claim(**changes: Any) -> Claim:
    """A claim of the run, as a worker gets it."""
    given: dict[str, Any] = {
        "run_id": RUN,
        "run_name": "brave-otter",
        "flow_name": "load",
        "parameters": {"day": 3},
        "tags": ("etl",),
        "epoch": 2,
        "due": 0,
        "deployment": NIGHTLY,
    }
    return Claim(**{**given, **changes})


@flow
def load(day: int) -> int:
    """Return the day."""
    return day


def first_of(harness: Harness, run: str) -> Event:
    """The event that makes a run known."""
    return next(event for event in harness.backend.events if event.subject == run)


def test_the_next_flow_is_the_run_that_was_claimed(harness: Harness) -> None:
    """It has its id, name, tags and epoch, and goes through the states that any run does."""
    with assigned(claim()), tags("etl"):
        assert load(3) == 3

    known = first_of(harness, RUN).payload
    assert known["name"] == "brave-otter"
    assert (list(known["tags"]), known["epoch"], bytes(known["parameters"])) == (["etl"], 2, b'{"day":3}')
    assert harness.states("brave-otter") == ["Pending", "Running", "Completed"]


def test_only_the_first_call_is(harness: Harness) -> None:
    """A second call is a run of its own."""
    with assigned(claim()):
        load(1)
        load(2)

    assert len({event.run for event in harness.backend.events}) == 2


def test_a_subflow_is_a_run_of_its_own(harness: Harness) -> None:
    """What the run calls has the run as its parent."""

    @flow
    def outer() -> int:
        return load(1)

    with assigned(claim()):
        outer()

    assert first_of(harness, harness.id_of("load")).payload["parent"] == RUN


def test_a_retry_counts_the_attempts_on(harness: Harness) -> None:
    """Of a run that had two attempts, this is the third."""
    with assigned(claim(attempts=2)):
        load(1)

    running = next(event for event in harness.backend.events if event.kind == "flow-run.running")
    assert running.payload["attempt"] == 3


def test_the_place_of_a_run_that_was_asked_for_in_another_stays(harness: Harness) -> None:
    """Its parent and root are told again as they were."""
    with assigned(claim(parent_id="asker", root_id="top")):
        load(1)

    known = first_of(harness, RUN).payload
    assert (known["parent"], known["root"]) == ("asker", "top")


def test_the_deployment_is_known_inside_and_in_subflows(harness: Harness) -> None:
    """`segue.runtime.deployment` tells of it."""
    seen: list[Any] = []

    @flow
    def inner() -> None:
        there = runtime.deployment
        seen.append((there.id, there.name, there.parameters, there.version, there.flow_run_id))

    @flow
    def outer() -> None:
        inner()

    with assigned(claim()):
        outer()
    outer()

    assert seen == [(NIGHTLY.id, "nightly", {"day": 1}, "7", RUN), (None, None, {}, None, None)]

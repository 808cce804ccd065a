"""What a message says."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.message import Message
from segue_notifiers.messages import compose
from segue_notifiers.messages.composition import NO_WORDS
from segue_notifiers.subject import Subject

RUN = "0193f3a0-0000-7000-8000-000000000001"
NOON = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000


def failure(kind: str = "flow-run.failed", **payload: Any) -> Event:
    return Event(kind=kind, payload=payload, run=RUN, subject=RUN, occurred=NOON + 250_000, id="0193-event")


def etl(**fields: Any) -> Subject:
    return Subject(
        noun="flow run",
        name="etl/brave-otter",
        facts={"Flow": "etl", "Run": f"brave-otter ({RUN})"},
        command=f"segue flow-run inspect {RUN}",
        **fields,
    )


def told(event: Event, subject: Subject) -> Message:
    firing = Firing(id="f", rule="failures", reason="matched", at=NOON, news=(News(event, subject),))
    return compose(firing, NO_WORDS, "m").message


def test_a_message_says_what_failed_where_why_and_how_to_look_closer() -> None:
    event = failure(
        name="TimedOut",
        message="Flow run exceeded its limit of 3 seconds",
        error={
            "type": "TimeoutError",
            "message": "",
            "traceback": "Traceback (most recent call last):\n  File 'etl.py', line 3, in etl\n    load()\n",
        },
    )

    message = told(event, etl(parameters={"day": "2026-11-24", "limit": 3}))

    assert message.title == "Flow run etl/brave-otter failed"
    assert message.body == "\n".join(
        [
            "TimedOut: Flow run exceeded its limit of 3 seconds",
            "",
            "Flow: etl",
            f"Run: brave-otter ({RUN})",
            "When: 2026-11-24 12:00:00.250 UTC",
            "Parameters:",
            '  day = "2026-11-24"',
            "  limit = 3",
            "Traceback:",
            "    File 'etl.py', line 3, in etl",
            "      load()",
            "",
            f"To look closer: segue flow-run inspect {RUN}",
        ]
    )
    assert (message.run, message.about, message.severity) == (RUN, RUN, "failure")


def test_a_crash_is_called_one() -> None:
    message = told(failure("flow-run.crashed", message="The process ended"), etl())

    assert message.title == "Flow run etl/brave-otter crashed"
    assert message.body.startswith("Crashed: The process ended\n")


def test_without_a_message_the_error_speaks() -> None:
    message = told(failure(error={"type": "ValueError", "message": "no such day"}), etl())

    assert message.body.startswith("Failed: ValueError: no such day\n")


def test_a_long_traceback_keeps_its_end() -> None:
    frames = "\n".join(f"frame {number}" for number in range(1000))

    body = told(failure(error={"traceback": frames}), etl()).body

    assert "frame 999" in body
    assert "frame 900" not in body
    assert "characters left out" in body
    assert len(body) < 4_000


def test_a_long_reason_keeps_its_beginning() -> None:
    body = told(failure(message="begin " + "x" * 100_000), etl()).body

    assert body.startswith("Failed: begin xxx")
    assert len(body) < 4_000


def test_many_parameters_are_counted() -> None:
    body = told(failure(), etl(parameters={f"p{number}": number for number in range(25)})).body

    assert "  p19 = 19\n  … and 5 more" in body


def test_a_name_with_line_breaks_stays_on_one_line() -> None:
    message = told(failure(), Subject(noun="flow run", name="a\r\nBcc: all@example.org", facts={"Flow": "x\ny"}))

    assert message.title == "Flow run a Bcc: all@example.org failed"
    assert "Flow: x y\n" in message.body


@pytest.mark.parametrize("occurred", [0, -(10**20), 10**20])
def test_an_impossible_instant_does_not_hide_the_failure(occurred: int) -> None:
    event = Event(kind="flow-run.failed", occurred=occurred, id="e")

    assert "When: " in told(event, etl()).body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(payload=st.dictionaries(st.sampled_from(["name", "message", "error", "x"]), JSON), parameters=JSON)
def test_no_payload_keeps_a_message_from_being_made(payload: dict[str, Any], parameters: Any) -> None:
    """Whatever an event holds, people hear of it."""
    message = told(failure(**payload), etl(parameters={"given": parameters}))

    assert message.title == "Flow run etl/brave-otter failed"
    assert len(message.body) < 8_000

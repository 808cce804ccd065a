"""From a firing to a message."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Event
from segue_notifiers.errors import InvalidTemplate
from segue_notifiers.firing import Firing, News, Reason
from segue_notifiers.messages import Texts, check_words, compose, values_of_firing
from segue_notifiers.rules import Notify
from segue_notifiers.subject import Subject

SIX = 1_764_050_400_000_000  # 2025-11-25 06:00 UTC
OTTER = Subject(
    noun="flow run",
    name="etl/brave-otter",
    flow="etl",
    tags=("nightly", "eu"),
    deployment="etl-prod",
    attempt=3,
    facts={"Flow": "etl"},
    parameters={"day": "2025-11-24"},
    command="segue flow-run inspect r",
    link="https://segue.example/runs/r",
)


def event(kind: str = "flow-run.failed", **payload: Any) -> Event:
    return Event(kind=kind, payload=payload, run="r", subject="r", occurred=SIX, id="e", seq=7)


def firing(reason: Reason = "matched", *news: News, at: int = SIX, **fields: Any) -> Firing:
    return Firing(id="f", rule="failures", reason=reason, at=at, news=news, **fields)


def failed(message: str = "no such day", name: str = "etl/brave-otter") -> News:
    return News(event(message=message), msgspec.structs.replace(OTTER, name=name))


def test_a_failure_is_told_with_all_that_is_known_of_it() -> None:
    composed = compose(firing("matched", failed(), severity="warning"), Notify(), "m")

    message = composed.message
    assert composed.flaw == ""
    assert message.title == "Flow run etl/brave-otter failed"
    assert message.body.splitlines() == [
        "Failed: no such day",
        "",
        "Flow: etl",
        "Deployment: etl-prod",
        "Tags: nightly, eu",
        "Attempt: 3",
        "When: 2025-11-25 06:00:00.000 UTC",
        "Parameters:",
        '  day = "2025-11-24"',
        "",
        "To look closer: segue flow-run inspect r",
        "Its page: https://segue.example/runs/r",
    ]
    assert (message.id, message.severity, message.rule) == ("m", "warning", "failures")
    assert (message.run, message.about, message.link) == ("r", "r", "https://segue.example/runs/r")


def test_several_causes_are_counted_and_listed() -> None:
    news = (failed("first"), failed("second", "etl/calm-fox"))

    message = compose(firing("matched", *news, count=5), Notify(), "m").message

    assert message.title == "Flow run etl/calm-fox failed (with 4 more)"
    assert (
        "Before it:\n  … and 3 more\n  2025-11-25 06:00 UTC  Flow run etl/brave-otter failed: first\n" in message.body
    )


def test_what_did_not_come_is_told_by_its_name_and_hour() -> None:
    expected = "completed flow run of nightly by 06:00 (UTC)"

    message = compose(firing("missing", expected=expected), Notify(), "m").message
    reminder = compose(firing("escalated", expected=expected, level=1), Notify(), "m").message

    assert message.title == "failures: no completed flow run of nightly by 06:00 (UTC)"
    assert reminder.title == f"Nobody has acknowledged: {message.title}"
    assert "Rule: failures" in message.body


def test_what_did_not_follow_is_told_with_what_it_was_to_follow() -> None:
    message = compose(firing("missing", failed(), group=("etl",)), Notify(), "m").message

    assert message.title == "failures: no expected event by 2025-11-25 06:00 UTC"
    assert message.body.startswith("It was to come after this: Flow run etl/brave-otter failed (2025-11-25 06:00 UTC).")


def test_a_digest_counts_and_names_the_latest() -> None:
    news = tuple(failed(f"reason {number}", f"etl/run-{number}") for number in range(12))

    message = compose(firing("digest", *news, count=9_994), Notify(), "m").message

    assert message.title == "9,994 more from rule failures, latest: Flow run etl/run-11 failed"
    assert "The latest:\n  … and 9,984 more\n" in message.body
    assert "Flow run etl/run-2 failed: reason 2" in message.body
    assert "run-1 " not in message.body


def test_a_recovery_is_told_as_one() -> None:
    good = News(event("flow-run.completed"), OTTER)

    message = compose(firing("recovered", good, severity="success"), Notify(), "m").message

    assert message.title == "Recovered: Flow run etl/brave-otter completed"
    assert message.body.startswith("Completed\nWhat was told of before is over.")


def test_an_escalation_says_that_nobody_has_answered() -> None:
    message = compose(firing("escalated", failed(), level=2), Notify(), "m").message

    assert message.title == "Nobody has acknowledged: Flow run etl/brave-otter failed"
    assert "This is step 2 of the escalation." in message.body


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_firing_without_news_is_told_by_its_rule(reason: Reason) -> None:
    message = compose(firing(reason, group=("eu", "etl")), Notify(), "m").message

    assert "failures" in message.title
    assert "Group: eu, etl" in message.body


def test_templates_word_the_title_and_the_body() -> None:
    words = Notify(
        title="[prod] {{ flow_run.name }}\n{{ flow_run.state | lower }}", body="{{ flow.name }}: {{ reason }}"
    )

    composed = compose(firing("matched", failed()), words, "m")

    assert composed.flaw == ""
    assert composed.message.title == "[prod] brave-otter failed"
    assert composed.message.body == "etl: no such day"


def test_a_template_may_take_our_words_and_add_to_them() -> None:
    plain = compose(firing("matched", failed()), Notify(), "m").message

    message = compose(firing("matched", failed()), Notify(body="Call Ada.\n{{ body }}"), "m").message

    assert message.body == f"Call Ada.\n{plain.body}"
    assert message.title == plain.title


def test_the_markdown_of_a_template_is_its_writers_and_not_that_of_the_values() -> None:
    words = Notify(body="**Why**: {{ reason }} {{ event.payload.code | code }}")
    news = News(event(message="*boom* <b>", code="a`b"), OTTER)

    message = compose(firing("matched", news), words, "m").message

    assert message.body == "**Why**: *boom* <b> a`b"
    assert message.markdown == r"**Why**: \*boom\* \<b\> `` a`b ``"
    assert message.html == "**Why**: *boom* &lt;b&gt; <code>a`b</code>"


@pytest.mark.parametrize(
    ("words", "flaw"),
    [
        (Texts(body="{{ flow_run.name"), "The template of the body: The template is wrong at line 1, column 17"),
        (Texts(body="{{ flow_run.nme }}"), "The template of the body: flow_run.nme at line 1, column 4 is not known."),
        (
            Texts(title="{{ flow_run.nme }}"),
            "The template of the title: flow_run.nme at line 1, column 4 is not",
        ),
        (Texts(body="{{ event.payload.message }}" * 2), "longer than 64,000"),
        (Texts(body="{{ event.payload.nothing | default: '' }}"), "It came out empty."),
    ],
)
def test_a_flaw_of_a_template_is_said_and_the_plain_words_are_used(words: Texts, flaw: str) -> None:
    news = failed("x" * 10_000_000)
    plain = compose(firing("matched", news), Texts(), "m").message

    composed = compose(firing("matched", news), words, "m")

    assert flaw in composed.flaw
    assert composed.message == plain
    assert len(plain.body) < 4_000


def test_a_flaw_in_the_title_leaves_the_body_its_template() -> None:
    composed = compose(firing("matched", failed()), Notify(title="{{ nothing }}", body="{{ reason }}"), "m")

    assert composed.message.title == "Flow run etl/brave-otter failed"
    assert composed.message.body == "no such day"
    assert composed.flaw.startswith("The template of the title: nothing")


def test_templates_are_checked_when_they_are_saved() -> None:
    check_words(Notify(title="{{ title }}", body="{{ event.payload.anything }}"))

    with pytest.raises(InvalidTemplate, match=r"In the title: .* no value 'flowrun'"):
        check_words(Notify(title="{{ flowrun.name }}"))
    with pytest.raises(InvalidTemplate, match=r"In the body: .*line 2, column 4"):
        check_words(Notify(body="x\n{{ }}"))


def test_values_name_the_run_the_event_and_the_firing() -> None:
    values = values_of_firing(firing("matched", failed(), count=3))

    assert values["flow_run"]["name"] == "brave-otter"
    assert values["flow_run"]["state"] == "Failed"
    assert values["event"]["payload"] == {"message": "no such day"}
    assert values["firing"]["count"] == 3
    assert values["rule"] == {"name": "failures"}


def test_a_task_runs_event_names_its_flow_run_too() -> None:
    task = Event(kind="task-run.failed", run="r", subject="t", occurred=SIX, id="e")

    values = values_of_firing(firing("matched", News(task, Subject(noun="task run", name="load-0"))))

    assert values["task_run"]["name"] == "load-0"
    assert values["flow_run"] == {"id": "r"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    payload=st.dictionaries(st.sampled_from(["name", "message", "error", "flow", "token"]), JSON),
    parameters=st.dictionaries(st.text(), JSON, max_size=3),
    texts=st.tuples(st.text(), st.text(), st.text()),
    occurred=st.integers(),
    reason=st.sampled_from(get_args(Reason)),
)
def test_whatever_happened_people_hear_of_it(
    payload: dict[str, Any], parameters: dict[str, Any], texts: tuple[str, str, str], occurred: int, reason: Reason
) -> None:
    """No payload keeps a message from being made, and each can be written down as JSON."""
    kind, name, link = texts
    happened = Event(kind=kind or "x", payload=payload, run="r", subject="r", occurred=occurred, id="e")
    subject = Subject(noun=name, name=name, parameters=parameters, facts={name: link}, link=link, command=link)
    words = Texts(title="{{ title }} {{ event.payload | json }}", body="{{ event }}\n{{ subject | code }}")

    composed = compose(firing(reason, News(happened, subject), at=occurred), words, "m")

    assert composed.flaw == ""
    assert json.loads(msgspec.json.encode(composed.message))["id"] == "m"

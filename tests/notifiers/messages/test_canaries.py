"""A canary for each way in: none comes out, in no form, with and without templates."""

import msgspec
import pytest

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.messages import Texts, compose, values_of_firing
from segue_notifiers.subject import Subject

CANARY = "canary-7fQ2"

PARAMETERS = {"password": CANARY, "nested": [{"api_key": CANARY}], "database": f"postgresql://ada:{CANARY}@db/x"}
TRACEBACK = "\n".join(
    [
        "Traceback (most recent call last):",
        '  File "etl.py", line 3, in load',
        f"    login('ada', password='{CANARY}')",
        f"    get('https://api.example/day?access_token={CANARY}', headers={{'Authorization': 'Bearer {CANARY}'}})",
        f"    connect('amqp://ada:{CANARY}@queue.example')",
        f"ValueError: token={CANARY} was refused",
    ]
)
WAYS = {
    "parameters": News(
        Event(kind="flow-run.failed", id="e"), Subject(noun="flow run", name="x", parameters=PARAMETERS)
    ),
    "a parameter said again": News(
        Event(kind="flow-run.failed", id="e", payload={"message": f"{CANARY} was refused", "name": CANARY}),
        Subject(
            noun="flow run",
            name=CANARY,
            flow=CANARY,
            deployment=CANARY,
            tags=(CANARY,),
            labels={"x": CANARY},
            facts={"Seen": CANARY},
            parameters={"secret": CANARY},
            command=f"show {CANARY}",
            link=f"https://x.example/{CANARY}",
        ),
    ),
    "message": News(
        Event(kind="flow-run.failed", id="e", payload={"message": f"password: {CANARY}"}),
        Subject(noun="flow run", name="x"),
    ),
    "traceback": News(
        Event(kind="flow-run.failed", id="e", payload={"error": {"message": "x", "traceback": TRACEBACK}}),
        Subject(noun="flow run", name="x"),
    ),
    "payload": News(
        Event(kind="x.y", id="e", payload={"auth": {"a": CANARY}, "url": f"redis://:{CANARY}@cache/0"}),
        Subject(noun="thing", name="x"),
    ),
    "facts": News(
        Event(kind="x.y", id="e"),
        Subject(
            noun="thing",
            name="x",
            facts={"From": f"https://ada:{CANARY}@x.example"},
            command=f"show --token={CANARY}",
            link=f"https://x.example/?token={CANARY}",
        ),
    ),
}
ALL = Texts(
    title="{{ title }} {{ reason }} {{ subject.name }}",
    body="{{ body }} {{ event }} {{ subject }} {{ firing }} {{ event | code }} {{ link }} {{ command }}",
)


@pytest.mark.parametrize("reason", ["matched", "missing", "digest", "recovered", "escalated"])
@pytest.mark.parametrize("words", [Texts(), ALL])
@pytest.mark.parametrize("way", WAYS)
def test_no_canary_leaves(way: str, words: Texts, reason: str) -> None:
    firing = msgspec.convert({"id": "f", "rule": "r", "reason": reason, "at": 0}, Firing)
    told = msgspec.structs.replace(firing, news=(WAYS[way], WAYS[way]), count=2)

    composed = compose(told, words, "m")

    assert composed.flaw == ""
    assert CANARY not in repr(composed)
    assert CANARY not in repr(values_of_firing(told))


def test_no_canary_leaves_by_a_flaw() -> None:
    told = Firing(id="f", rule="r", reason="matched", at=0, news=(WAYS["parameters"],))

    composed = compose(told, Texts(body="{{ subject.parameters.nested | date }}"), "m")

    assert "no date" in composed.flaw
    assert CANARY not in repr(composed)

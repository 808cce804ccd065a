"""What rules do besides telling people, and what is said of it."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from segue_events import Event
from segue_events.testing import FakeClock
from segue_notifiers.actions import Actions, perform, performed
from segue_notifiers.channels.outbound import Outlet, Policy
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.firing import Firing, News
from segue_notifiers.rules.rule import Action, CallFunction, CallWebhook, ChangePool, RunDeployment
from segue_notifiers.subject import Subject
from segue_notifiers.testing import Receiver

CANARY = "c4n4ry-t0ken"

FIRING = Firing(
    id="f1",
    rule="broken",
    reason="matched",
    at=5,
    news=(
        News(
            Event(kind="flow-run.failed", run="r", subject="r"),
            Subject(noun="flow run", name="etl/brave-otter", parameters={"api_key": CANARY}),
        ),
    ),
)

FUNCTIONS = f"""
called = []

def plain(firing):
    called.append(firing.id)

async def awaited(firing):
    called.append(firing.id)

def broken(firing):
    raise ValueError("{CANARY}")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with functions of a user's."""
    (tmp_path / "users_functions.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "users_functions"
    sys.modules.pop("users_functions", None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def outcome(action: Action, *channels: WebhookChannel) -> Event:
    return await perform(Actions(channels, FakeClock()), action, FIRING, 1, now=9)


def hook(receiver: Receiver, name: str = "hook") -> WebhookChannel:
    outlet = Outlet(name=name, policy=Policy(allow=("127.0.0.0/8",)), clock=FakeClock())
    return WebhookChannel(f"http://127.0.0.1:{receiver.port}/{CANARY}", outlet, "s3cret")


@pytest.mark.parametrize("name", ["plain", "awaited"])
async def test_a_function_is_called_with_the_firing(name: str, module: str) -> None:
    event = await outcome(CallFunction(function=f"{module}:{name}"))

    assert sys.modules[module].called == ["f1"]
    assert event.kind == "action.done"
    assert event.payload == {"rule": "broken", "firing": "f1", "action": "call-function"}
    assert (event.id, event.run, event.occurred) == (performed(FIRING, 1), "r", 9)


async def test_what_a_function_raises_is_told_without_its_words(module: str) -> None:
    event = await outcome(CallFunction(function=f"{module}:broken"))

    assert event.kind == "action.failed"
    assert event.payload["reason"] == "It raised ValueError; the notifier's log has the traceback."


@pytest.mark.parametrize("function", ["nowhere:f", "json:nothing", "json", ":", "json:__doc__"])
async def test_a_function_that_is_not_there_is_told(function: str) -> None:
    event = await outcome(CallFunction(function=function))

    assert event.payload["reason"] == f"There is no function '{function}' to import; write package.module:name."


async def test_a_webhook_gets_the_firing_with_its_secrets_masked(receiver: Receiver) -> None:
    event = await outcome(CallWebhook(target="hook"), hook(receiver))

    assert event.kind == "action.done"
    [document] = receiver.documents
    assert document["rule"]["name"] == "broken"
    assert document["firing"]["reason"] == "matched"
    assert CANARY not in str(document)


async def test_a_webhook_gets_what_the_rule_writes(receiver: Receiver) -> None:
    await outcome(CallWebhook(target="hook", body='{"text": {{ flow_run.name | json }}}'), hook(receiver))

    assert [*receiver.documents[0]] == ["text"]


async def test_a_flaw_in_the_body_is_told_and_nothing_is_sent(receiver: Receiver) -> None:
    event = await outcome(CallWebhook(target="hook", body="{{ flow_run.nmae }}"), hook(receiver))

    assert event.kind == "action.failed"
    assert receiver.documents == []


async def test_a_webhook_that_is_not_there_is_told() -> None:
    event = await outcome(CallWebhook(target="hok"))

    assert event.payload["reason"] == "The webhook 'hok' cannot be called: there is no target of that name."


async def test_a_webhook_that_will_never_take_it_is_told_at_once() -> None:
    async with Receiver(status=404) as receiver:
        event = await outcome(CallWebhook(target="hook"), hook(receiver))

    assert event.kind == "action.failed"
    assert len(receiver.documents) == 1
    assert CANARY not in str(event.payload)


@pytest.mark.parametrize("action", [RunDeployment(deployment="x"), ChangePool(to="pause", pool="p")])
async def test_what_cannot_be_done_yet_is_told(action: Action) -> None:
    event = await outcome(action)

    assert event.kind == "action.failed"
    assert "cannot do" in event.payload["reason"]


async def test_who_knows_of_deployments_does_them() -> None:
    done: list[Action] = []

    async def run_deployment(action: Action, firing: Firing) -> None:
        done.append(action)

    actions = Actions([], FakeClock(), {RunDeployment: run_deployment})
    event = await perform(actions, RunDeployment(deployment="x"), FIRING, 0, now=9)

    assert (event.kind, done) == ("action.done", [RunDeployment(deployment="x")])

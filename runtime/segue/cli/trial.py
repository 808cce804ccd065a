"""A trial: a real message to some targets, and what each of them answered."""

from collections.abc import Sequence
from typing import NamedTuple

import anyio

from segue.notify.wiring import channel_for
from segue_events import Clock, new_id
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.message import Message
from segue_notifiers.outbox.route import Route
from segue_notifiers.outbox.sending import attempt
from segue_notifiers.target import Target

__all__ = ("Answer", "try_targets")


class Answer(NamedTuple):
    """What came of a message to one target, after so many µs; `reason` is empty where the target has taken it."""

    target: str
    reason: str
    took: int


async def try_targets(targets: Sequence[Target], policy: Policy, clock: Clock) -> list[Answer]:
    """Send a message to all targets at once; return the answers in the order of the targets."""
    answers: dict[str, Answer] = {}

    async def ask(target: Target) -> None:
        begun = clock.monotonic()
        reason = await _send(target, policy, clock)
        answers[target.name] = Answer(target.name, reason, round((clock.monotonic() - begun) * 1e6))

    async with anyio.create_task_group() as group:
        for target in targets:
            group.start_soon(ask, target)
    return [answers[target.name] for target in targets]


async def _send(target: Target, policy: Policy, clock: Clock) -> str:
    """Return why the target did not take the message; nothing if it did."""
    message = Message(
        id=new_id(),
        title=f"A test of the alerts to {target.name}",
        body=f"`segue notify test` has sent this. What rules have to tell to '{target.name}' will come here too.",
    )
    route = Route(channel=channel_for(target, policy, clock), timeout=target.timeout)
    return (await attempt(message, route)).reason

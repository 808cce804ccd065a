"""Deeds: what rules do to deployments, runs, schedules and pools, beside telling people."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from segue.exceptions import SegueError
from segue.records.work import Deployment, RunRequest
from segue.work.local import LocalWork
from segue_events import JournalError
from segue_notifiers.actions import Act
from segue_notifiers.errors import ActionFailed, InvalidTemplate
from segue_notifiers.firing import Firing
from segue_notifiers.messages.composition import values_of_firing
from segue_notifiers.messages.template import Template
from segue_notifiers.outbox.records import dedupe_key
from segue_notifiers.rules.rule import Action, ChangePool, ChangeRun, ChangeSchedule, RunDeployment

__all__ = ("deeds",)

A = TypeVar("A", bound=Action)

# A rule on failures that retries would go on for ever with a run that cannot succeed.
_MOST_ATTEMPTS = 10


def deeds(work: LocalWork) -> dict[type[Action], Act]:
    """Return how to do each kind of action that is about work."""
    return {
        RunDeployment: _explained(_RunDeployments(work)),
        ChangeRun: _explained(_ChangeRuns(work)),
        ChangeSchedule: _explained(_ChangeSchedules(work)),
        ChangePool: _explained(_ChangePools(work)),
    }


def _explained(deed: Callable[[A, Firing], Awaitable[None]]) -> Callable[[Any, Firing], Awaitable[None]]:
    """Have what is refused told by the sentence that says why."""

    async def do(action: A, firing: Firing) -> None:
        try:
            await deed(action, firing)
        except (SegueError, JournalError) as error:
            raise ActionFailed(str(error)) from error

    return do


class _RunDeployments:
    """Starts a run of a deployment: one for each firing, however often it is tried."""

    def __init__(self, work: LocalWork) -> None:
        self._work = work

    async def __call__(self, action: RunDeployment, firing: Firing) -> None:
        mark = f"rule:{firing.rule}"
        if any(mark in news.subject.tags for news in firing.news):
            raise ActionFailed(
                f"What rule {firing.rule} speaks of was itself started by this rule, and so it would go on for ever; "
                f"leave out what has the tag {mark}."
            )
        parameters = _filled_in(action.parameters, values_of_firing(firing))
        deployment = await self._work.deployment(action.deployment)
        key = dedupe_key("run", firing.id, deployment.id, msgspec.json.encode(parameters, order="sorted").decode())
        await self._work.create_run(
            RunRequest(deployment_id=deployment.id, parameters=parameters, tags=(mark,), key=key)
        )


class _ChangeRuns:
    """Cancels a run, or has it run again."""

    def __init__(self, work: LocalWork) -> None:
        self._work = work

    async def __call__(self, action: ChangeRun, firing: Firing) -> None:
        run = action.run or (firing.news[-1].event.run if firing.news else "")
        if not run:
            raise ActionFailed(f"What rule {firing.rule} speaks of is no flow run; name one in the action's `run`.")
        match action.to:
            case "cancel":
                await self._work.cancel_run(run, f"rule {firing.rule}")
            case "retry":
                if firing.news and firing.news[-1].subject.attempt >= _MOST_ATTEMPTS:
                    raise ActionFailed(f"The run has had {_MOST_ATTEMPTS} attempts; a rule gives it no more.")
                await self._work.retry_run(run)
            case _:
                raise ActionFailed(f"A run that goes on cannot be made to {action.to}; a rule can cancel or retry one.")


class _ChangeSchedules:
    """Pauses or resumes all schedules of a deployment."""

    def __init__(self, work: LocalWork) -> None:
        self._work = work

    async def __call__(self, action: ChangeSchedule, firing: Firing) -> None:
        found: Deployment = await self._work.deployment(action.deployment)
        active = action.to == "resume"
        schedules = tuple(replace(schedule, active=active) for schedule in found.schedules)
        if schedules != found.schedules:
            await self._work.save_deployment(replace(found, schedules=schedules))


class _ChangePools:
    """Pauses or resumes a work pool."""

    def __init__(self, work: LocalWork) -> None:
        self._work = work

    async def __call__(self, action: ChangePool, firing: Firing) -> None:
        found = await self._work.pool(action.pool)
        paused = action.to == "pause"
        if found.paused != paused:
            await self._work.save_pool(replace(found, paused=paused))


def _filled_in(given: Any, values: Mapping[str, Any]) -> Any:
    """Return the value with the templates in its texts filled in."""
    if isinstance(given, Mapping):
        return {name: _filled_in(value, values) for name, value in given.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(given, list | tuple):
        return [_filled_in(value, values) for value in given]  # pyright: ignore[reportUnknownVariableType]
    return _rendered(given, values) if isinstance(given, str) else given


def _rendered(text: str, values: Mapping[str, Any]) -> str:
    try:
        rendered, flaw = Template.parse(text).render(values)
    except InvalidTemplate as error:
        flaw, rendered = str(error), ""
    if flaw:
        raise ActionFailed(f"The template '{text[:80]}' of a parameter: {flaw}")
    return rendered

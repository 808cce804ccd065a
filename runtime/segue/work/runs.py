"""Runs of deployments on a journal: asked for, asked for again, and called off before anybody has begun them."""

from typing import Any

from segue import run_events
from segue.exceptions import CannotRetry, InvalidRun, InvalidWork, UnknownDeployment, UnknownRun
from segue.names import slug
from segue.records import FlowRun
from segue.records.work import Deployment, RunRequest, WorkItem
from segue.states import State, StateDetails, StateType, instant
from segue.work.checks import concurrency_key
from segue.work.ground import Ground
from segue.work.schema import check_parameters
from segue.work_events import key_run_id, run_scheduled, scheduled_run_id
from segue_events import new_id

__all__ = ("Runs",)

AGAIN = "AwaitingRetry"


class Runs:
    """See Work."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def create(self, request: RunRequest) -> FlowRun:
        """See Work."""
        ground = self._ground
        deployment = await self._deployment(request.deployment_id)
        now = ground.clock.now_us()
        run = await self._described(request, deployment, now)
        item = _in_line(run.id, deployment, request, run.parameters, now)
        event = run_scheduled(run, item, now, job_variables=request.job_variables)
        try:
            # Once, however often: who asks again publishes an event that the journal has already.
            await ground.commit([event])
        except InvalidWork as error:
            raise InvalidRun(f"A run of deployment '{deployment.full_name}' cannot be kept. {error}") from None
        try:
            return await ground.records.runs.flow_run(run.id)
        except UnknownRun:
            raise InvalidRun(
                f"The run of deployment '{deployment.full_name}' that was asked for with this key or instant has been "
                "deleted; ask with another one."
            ) from None

    async def _deployment(self, deployment_id: str) -> Deployment:
        found = await self._ground.store.deployment(deployment_id)
        if found is None:
            raise UnknownDeployment(
                f"There is no deployment with the id '{deployment_id}'; `segue deployment ls` lists all."
            )
        return found

    async def _described(self, request: RunRequest, deployment: Deployment, now: int) -> FlowRun:
        """Return the record of the run that is asked for."""
        of_schedule = [one.parameters for one in deployment.schedules if one.id == request.schedule_id]
        parameters = {**deployment.parameters, **(of_schedule[0] if of_schedule else {}), **request.parameters}
        check_parameters(deployment, parameters)
        run_id = _id_of(request, deployment)
        due = now if request.due is None else request.due
        return FlowRun(
            id=run_id,
            name=request.name or slug(self._ground.random),
            flow_name=deployment.flow_name,
            parameters=parameters,
            tags=tuple(dict.fromkeys((*deployment.tags, *request.tags))),
            parent_id=request.parent_id,
            root_id=await self._root(request.parent_id) or run_id,
            entrypoint=deployment.entrypoint,
            state=_waiting("Scheduled", due, now),
            created=now,
        )

    async def _root(self, parent_id: str) -> str:
        """Return the run at the top of what the run or task run is in that asks; "" where it is not known."""
        if not parent_id:
            return ""
        runs = self._ground.records.runs
        try:
            return (await runs.flow_run(parent_id)).root_id
        except UnknownRun:
            pass
        try:
            return (await runs.flow_run((await runs.task_run(parent_id, by_name=False)).flow_run_id)).root_id
        except UnknownRun:
            return ""

    async def retry(self, run_id: str) -> FlowRun:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            run = await ground.records.runs.flow_run(run_id)
            item = await ground.store.item(run.id)
            deployment = None if item is None else await ground.store.deployment(item.deployment_id)
            if not run.state.is_final():
                raise CannotRetry(f"Flow run '{run.name}' is {run.state.name} and has not ended; cancel it first.")
            if item is None or deployment is None:
                raise CannotRetry(
                    f"Flow run '{run.name}' belongs to no deployment that is there; run its flow again instead."
                )
            now = ground.clock.now_us()
            # Of no schedule: whoever asks now is not held back with it, when its deployment is paused.
            request = RunRequest(deployment_id=deployment.id, priority=item.priority, due=now)
            again = _in_line(run.id, deployment, request, run.parameters, now)
            variables = await ground.store.variables(run.id)
            await ground.commit([run_scheduled(run, again, now, job_variables=variables, again=AGAIN)])
            return await ground.records.runs.flow_run(run.id)

    async def call_off(self, run_id: str, by: str, reason: str) -> FlowRun:
        """Ask a run to stop; one that nobody has begun is Cancelled at once. Raises UnknownRun."""
        ground = self._ground
        async with ground.lock:
            run = await ground.records.runs.flow_run(run_id)
            if run.state.is_final():
                return run
            item = await ground.store.item(run.id)
            now = ground.clock.now_us()
            events = [run_events.flow_run_cancel_requested(run.id, by, reason, now)]
            if item is not None and not item.worker_id:
                told = f"{by} cancelled it before it had begun." if by else "It was cancelled before it had begun."
                cancelled: State[Any] = State(StateType.CANCELLED, "Cancelled", reason or told, now)
                events.append(run_events.flow_run_state(run, cancelled))
            await ground.commit(events)
            return await ground.records.runs.flow_run(run.id)


def _id_of(request: RunRequest, deployment: Deployment) -> str:
    if request.key:
        return key_run_id(deployment.id, request.key)
    if request.schedule_id and request.due is not None:
        return scheduled_run_id(deployment.id, request.schedule_id, request.due)
    return new_id()


def _in_line(
    run_id: str, deployment: Deployment, request: RunRequest, parameters: dict[str, Any], now: int
) -> WorkItem:
    return WorkItem(
        run_id=run_id,
        deployment_id=deployment.id,
        schedule_id=request.schedule_id,
        pool=deployment.pool,
        # Without a pool, it waits for the process that serves this deployment.
        queue=deployment.queue if deployment.pool else deployment.id,
        due=now if request.due is None else request.due,
        priority=deployment.priority if request.priority is None else request.priority,
        key=concurrency_key(deployment, parameters),
    )


def _waiting(name: str, due: int, now: int) -> State[Any]:
    return State(StateType.SCHEDULED, name, occurred=now, details=StateDetails(scheduled_time=instant(due)))

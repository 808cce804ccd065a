"""Routes by which something is asked of flow runs: to stop, to go, to run again; of one or of many."""

from typing import Any

from segue.api import types
from segue.exceptions import SegueError
from segue.records import FlowRun
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED, flow_run_cancel_requested, flow_run_deleted
from segue.server.access import Scope
from segue.server.bodies import flow_run_body
from segue.server.problems import Problem, known
from segue.server.routing import Call, Route
from segue.server.wiring import Wiring
from segue.store.events import Part
from segue_events import Event, Filter

__all__ = ("ROUTES",)


async def cancel(call: Call[Any, types.CancelRequest]) -> types.RequestTaken:
    """Ask a flow run to stop."""
    wiring = call.wiring
    run = await wiring.store.runs.flow_run(call.path("flow_run"))
    event = await _asked(call, run, "cancel", call.body.reason)
    if event is not None:
        wiring.bus.publish(event)
        await wiring.bus.flushed()
        return types.RequestTaken(run_id=run.id, event_id=event.id, seq=event.seq)
    asked = Filter(kinds=(FLOW_RUN_CANCEL_REQUESTED,), runs=(run.id,))
    last = (await wiring.store.events.page(asked, Part(newest=True, limit=1))).items[0]
    return types.RequestTaken(run_id=run.id, event_id=last.id, seq=last.seq)


async def retry(call: Call[Any, Any]) -> types.FlowRunBody:
    """Have a flow run that has ended run again, as another attempt."""
    wiring = call.wiring
    found = await wiring.store.runs.flow_run(call.path("flow_run"))
    run = await wiring.work.retry_run(found.id)
    deployments = await wiring.work_store.deployments_of([run.id])
    return flow_run_body(run, {}, await wiring.work.why_waiting(run.id), deployments.get(run.id))


async def bulk(call: Call[Any, types.BulkAction]) -> types.BulkAnswer:
    """Do the same with many flow runs; what cannot be done for one keeps none of the others back."""
    if call.body.action == "delete" and (call.caller.scope or 0) < Scope.ADMIN:
        raise Problem(403, "To delete flow runs takes a key of scope admin.")
    wanted = [await _wished(call, run_id) for run_id in call.body.ids]
    call.wiring.bus.publish_many(one for one in wanted if isinstance(one, Event))
    await call.wiring.bus.flushed()
    return types.BulkAnswer(
        [
            types.BulkOutcome(id=run_id, status=one.status, detail=one.detail)
            if isinstance(one, Problem)
            else types.BulkOutcome(id=run_id, status=202)
            for run_id, one in zip(call.body.ids, wanted, strict=True)
        ]
    )


async def _wished(call: Call[Any, types.BulkAction], run_id: str) -> Event | Problem | None:
    """Return the event that asks it of this run, None where that is done, or why it cannot be asked."""
    try:
        run = await call.wiring.store.runs.flow_run(run_id)
        return await _asked(call, run, call.body.action, call.body.reason)
    except (SegueError, Problem) as error:
        problem = known(error)
        if problem is None:
            raise
        return problem


async def _asked(call: Call[Any, Any], run: FlowRun, action: str, reason: str) -> Event | None:
    """Return the event by which it is asked; None where it is done already, as a decision about what is in line."""
    now = call.wiring.clock.now_us()
    if action == "delete":
        return flow_run_deleted(run.id, now)
    if action == "retry":
        await call.wiring.work.retry_run(run.id)
        return None
    if run.state.is_final():
        raise Problem(409, f"Flow run '{run.name}' is {run.state.name} already; there is nothing left to cancel.")
    if await _is_in_line(call.wiring, run):
        await call.wiring.work.cancel_run(run.id, call.caller.name, reason)
        return None
    return flow_run_cancel_requested(run.id, call.caller.name, reason, now)


async def _is_in_line(wiring: Wiring, run: FlowRun) -> bool:
    item = await wiring.work_store.item(run.id)
    return item is not None and not item.done


BULK, ONE = "/api/flow-runs/bulk", "/api/flow-runs/{flow_run}"
RUN = Scope.RUN

ROUTES = (
    Route("POST", BULK, RUN, bulk, "Cancel, delete or retry many", types.BulkAnswer, body=types.BulkAction),
    Route(
        "POST", f"{ONE}/cancel", RUN, cancel, "Ask it to stop", types.RequestTaken, body=types.CancelRequest, status=202
    ),
    Route("POST", f"{ONE}/retry", RUN, retry, "Run it again, as another attempt", types.FlowRunBody, status=202),
)

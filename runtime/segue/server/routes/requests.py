"""Routes by which something is asked of flow runs: to stop, or to go; of one or of many."""

from typing import Any

from segue.api import types
from segue.exceptions import AmbiguousRun, UnknownRun
from segue.records import FlowRun
from segue.run_events import flow_run_cancel_requested, flow_run_deleted
from segue.server.access import Scope
from segue.server.problems import Problem, known
from segue.server.routing import Call, Route
from segue_events import Event

__all__ = ("ROUTES",)


async def cancel(call: Call[Any, types.CancelRequest]) -> types.RequestTaken:
    """Ask a flow run to stop."""
    run = await call.wiring.store.runs.flow_run(call.path("flow_run"))
    event = _asked(call, run, "cancel", call.body.reason)
    call.wiring.bus.publish(event)
    await call.wiring.bus.flushed()
    return types.RequestTaken(run_id=run.id, event_id=event.id, seq=event.seq)


async def bulk(call: Call[Any, types.BulkAction]) -> types.BulkAnswer:
    """Do the same with many flow runs, in one commit; what cannot be done for one keeps none of the others back."""
    if call.body.action == "delete" and (call.caller.scope or 0) < Scope.ADMIN:
        raise Problem(403, "To delete flow runs takes a key of scope admin.")
    wanted = [await _wished(call, run_id) for run_id in call.body.ids]
    call.wiring.bus.publish_many(one for one in wanted if isinstance(one, Event))
    await call.wiring.bus.flushed()
    return types.BulkAnswer(
        [
            types.BulkOutcome(id=run_id, status=202)
            if isinstance(one, Event)
            else types.BulkOutcome(id=run_id, status=one.status, detail=one.detail)
            for run_id, one in zip(call.body.ids, wanted, strict=True)
        ]
    )


async def _wished(call: Call[Any, types.BulkAction], run_id: str) -> Event | Problem:
    """Return the event that asks it of this run, or why it cannot be asked."""
    try:
        run = await call.wiring.store.runs.flow_run(run_id)
        return _asked(call, run, call.body.action, call.body.reason)
    except (UnknownRun, AmbiguousRun, Problem) as error:
        problem = known(error)
        assert problem is not None
        return problem


def _asked(call: Call[Any, Any], run: FlowRun, action: str, reason: str) -> Event:
    now = call.wiring.clock.now_us()
    if action == "delete":
        return flow_run_deleted(run.id, now)
    if run.state.is_final():
        raise Problem(409, f"Flow run '{run.name}' is {run.state.name} already; there is nothing left to cancel.")
    return flow_run_cancel_requested(run.id, call.caller.name, reason, now)


BULK, CANCEL = "/api/flow-runs/bulk", "/api/flow-runs/{flow_run}/cancel"
RUN = Scope.RUN

ROUTES = (
    Route("POST", BULK, RUN, bulk, "Cancel or delete many", types.BulkAnswer, body=types.BulkAction),
    Route("POST", CANCEL, RUN, cancel, "Ask it to stop", types.RequestTaken, body=types.CancelRequest, status=202),
)

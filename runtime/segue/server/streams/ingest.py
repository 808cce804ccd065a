"""Ingest: what a caller may publish, whichever way it comes."""

from collections.abc import Callable, Sequence

from segue.run_events import FLOW_RUN_DELETED, TASK_RUN_DELETED
from segue.server.access import Caller, Scope
from segue.work_events import DEPLOYMENT_DELETED, LIMIT_DELETED, POOL_DELETED
from segue_events import Bus, Event
from segue_events.stream import WireError
from segue_events.stream.wire import CloseCode

__all__ = ("refusal", "screen_of")

# What the route of the same meaning asks for too; all else that engines tell is theirs to tell.
_ADMIN_KINDS = frozenset({FLOW_RUN_DELETED, TASK_RUN_DELETED, DEPLOYMENT_DELETED, POOL_DELETED, LIMIT_DELETED})


def refusal(caller: Caller, events: Sequence[Event]) -> str | None:
    """Return why this caller may not publish these events; None where they may."""
    needed = Scope.ADMIN if any(event.kind in _ADMIN_KINDS for event in events) else Scope.RUN
    if caller.scope is not None and caller.scope >= needed:
        return None
    return f"The key of {caller.name} may not publish this; use one of scope {needed.name.lower()}."


def screen_of(bus: Bus, caller: Caller) -> Callable[[Sequence[Event]], None]:
    """Return what looks at each batch of a websocket: raises WireError for what this caller may not publish.

    Raises the JournalError of a bus that cannot commit: what it took now would only fill its memory.
    """

    def screen(events: Sequence[Event]) -> None:
        refused = refusal(caller, events)
        if refused is not None:
            raise WireError(refused, CloseCode.UNAUTHORIZED)
        if bus.failure is not None:
            raise bus.failure

    return screen

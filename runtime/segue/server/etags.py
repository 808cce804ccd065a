"""Entity tags: by them a client that has an answer already learns that it still holds, without the work for it."""

from typing import Any

from starlette.requests import Request

from segue.server.routing import Call
from segue.version import __version__
from segue_events.ids import id_at_rest

__all__ = ("by_head", "by_run", "by_waiting", "is_known")


async def by_head(call: Call[Any, Any]) -> str:
    """Return the tag of what may change with any event."""
    return _tag(await call.wiring.store.mark())


async def by_run(call: Call[Any, Any]) -> str | None:
    """Return the tag of what changes with the events of the flow run in the path; None where it is not by whole id."""
    wanted = call.path("flow_run")
    return _tag(await call.wiring.store.mark(wanted)) if isinstance(id_at_rest(wanted), bytes) else None


async def by_waiting(call: Call[Any, Any]) -> str | None:
    """Return the tag of what changes with a flow run's events, and, while it waits in line, with any event."""
    wanted = call.path("flow_run")
    item = await call.wiring.work_store.item(wanted)
    return await by_run(call) if item is None or item.done else await by_head(call)


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has what this tag stands for."""
    given = request.headers.get("if-none-match", "")
    return tag in (one.strip() for one in given.split(",")) or given.strip() == "*"


def _tag(mark: str) -> str:
    # Another version may say the same in other words.
    return f'W/"{__version__}:{mark}"'

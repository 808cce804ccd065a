"""Wire types between engines and the server: events to be committed, and cached results."""

from typing import Annotated, Any

import msgspec

from segue.api.types import Instant

__all__ = ("CacheEntryBody", "EventIn", "EventsIn")

MAX_EVENTS = 5_000

_Text = Annotated[str, msgspec.Meta(max_length=200)]


# Without the garbage collector: it would look through a million of them again and again, and JSON has no cycles.
class EventIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An event for the journal.

    One whose `id` is in the journal already is not stored again; without an id it gets a new one each time it is sent.
    `occurred` is the server's time of arrival where it is left out.
    """

    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    payload: dict[str, Any] = {}
    run: _Text = ""
    subject: _Text = ""
    occurred: Instant | None = None
    id: _Text = ""


class EventsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events to be committed together and in this order, all or none."""

    events: Annotated[list[EventIn], msgspec.Meta(max_length=MAX_EVENTS)]


class CacheEntryBody(msgspec.Struct, frozen=True, kw_only=True):
    """A result under a cache key: as canonical JSON in `result`, or where `stored_result` says.

    `has_result` tells a result that is null from none. `expires` is null where it never does.
    """

    key: str
    task_run_id: str
    flow_run_id: str | None
    has_result: bool
    result: Any
    stored_result: dict[str, Any] | None
    expires: Instant | None

"""States: what a run is at the moment, and what that means for its result."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, NoReturn, TypedDict, TypeVar, Unpack, cast

import msgspec
from msgspec import UNSET

from segue.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    MissingResult,
    PausedRun,
    SegueError,
    UnfinishedRun,
)

R = TypeVar("R")


class StateType(StrEnum):
    """The nine kinds of states; the last four are final, the first four and Cancelling are not."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"


# Reading a member from its class costs as much as making a state; a global costs nothing.
_SCHEDULED, _PENDING, _RUNNING, _PAUSED, _CANCELLING, _COMPLETED, _FAILED, _CRASHED, _CANCELLED = StateType

DEFAULT_NAMES: dict[StateType, str] = {kind: kind.value.capitalize() for kind in StateType}
FINAL_TYPES: frozenset[StateType] = frozenset({_COMPLETED, _FAILED, _CRASHED, _CANCELLED})


class StateDetails(msgspec.Struct, kw_only=True, gc=False):
    """What some states say besides their type, name and message; ids are "" where there is none."""

    flow_run_id: str = ""
    task_run_id: str = ""
    scheduled_time: datetime | None = None
    cache_key: str | None = None
    cache_expiration: datetime | None = None
    retriable: bool | None = None


class State(msgspec.Struct, Generic[R], eq=False):
    """The state of a run.

    `occurred` is in microseconds since the epoch, 0 while nobody has said when. `data` is the value that the run
    returned, or the exception that ended it; UNSET where it was not kept. Two states are equal only if they are
    the same object, so that states of incomparable values can be compared and put into sets.
    """

    type: StateType
    name: str = ""
    message: str = ""
    occurred: int = 0
    data: Any = UNSET
    details: StateDetails | None = None

    def __post_init__(self) -> None:
        if not self.name:
            self.name = DEFAULT_NAMES[self.type]

    @property
    def timestamp(self) -> datetime:
        """When the run came to this state."""
        return instant(self.occurred)

    @property
    def state_details(self) -> StateDetails:
        """The details, empty ones if there are none."""
        return self.details or StateDetails()

    def is_scheduled(self) -> bool:
        """Whether the run waits for its time, or for its next attempt."""
        return self.type is _SCHEDULED

    def is_pending(self) -> bool:
        """Whether the run was asked for but has not begun."""
        return self.type is _PENDING

    def is_running(self) -> bool:
        """Whether the run's function is being called."""
        return self.type is _RUNNING

    def is_paused(self) -> bool:
        """Whether the run waits to be resumed."""
        return self.type is _PAUSED

    def is_cancelling(self) -> bool:
        """Whether the run was asked to stop and has not yet."""
        return self.type is _CANCELLING

    def is_completed(self) -> bool:
        """Whether the run succeeded."""
        return self.type is _COMPLETED

    def is_failed(self) -> bool:
        """Whether the run's own code failed."""
        return self.type is _FAILED

    def is_crashed(self) -> bool:
        """Whether the run was ended from outside."""
        return self.type is _CRASHED

    def is_cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self.type is _CANCELLED

    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.type in FINAL_TYPES

    def result(self, raise_on_failure: bool = True) -> R:
        """Return what the run returned.

        A run that did not succeed raises what ended it, or returns that exception if not `raise_on_failure`.
        Raises UnfinishedRun before the end (PausedRun in a pause), MissingResult if the value was not kept.
        """
        kind = self.type
        if kind not in FINAL_TYPES:
            error = PausedRun if kind is _PAUSED else UnfinishedRun
            why = f": {self.message}" if self.message else "."
            raise error(f"Run is in {kind.value} state, its result is not available{why}")
        if kind is not _COMPLETED:
            if raise_on_failure:
                raise_state_exception(self)
            absent = self.data is UNSET or self.data is None
            return cast("R", get_state_exception(self) if absent else self.data)
        if self.data is UNSET:
            raise MissingResult(
                "State data is missing: the run completed, but its result was not kept. "
                "Set persist_result=True on the flow or task to keep it."
            )
        return self.data

    async def aresult(self, raise_on_failure: bool = True) -> R:
        """Return what the run returned, as `result` does."""
        return self.result(raise_on_failure)

    def __repr__(self) -> str:
        """Return `Failed('why')`, with the type where the name does not tell it: `Cached(type=COMPLETED)`."""
        shown = [repr(self.message)] if self.message else []
        if self.name.lower() != self.type.value.lower():
            shown.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(shown)})"

    __str__ = __repr__


def instant(microseconds: int) -> datetime:
    """Return the UTC time so many microseconds after the epoch, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(at: datetime) -> int:
    """Return how many microseconds after the epoch an aware time is, exactly."""
    return (at - _EPOCH) // _MICROSECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


# --- the exception of a run that did not succeed ---

_WRAPPERS: dict[StateType, tuple[type[SegueError], str]] = {
    _FAILED: (FailedRun, "Run failed."),
    _CRASHED: (CrashedRun, "Run crashed."),
    _CANCELLED: (CancelledRun, "Run cancelled."),
}


def get_state_exception(state: State[Any]) -> BaseException:
    """Return the exception that a failed, crashed or cancelled state stands for.

    That is the one that ended the run where it is at hand, also by way of other states; else FailedRun, CrashedRun
    or CancelledRun with the state's message. Raises ValueError for any other state.
    """
    if state.type not in _WRAPPERS:
        raise ValueError(f"Expected a failed, crashed or cancelled state, got {state!r}.")
    wrapper, default = _WRAPPERS[state.type]
    data = state.data
    if isinstance(data, BaseException):
        return data
    if isinstance(data, str):
        return wrapper(data)
    for inner in _states_in(data):
        if inner.type in _WRAPPERS:
            return get_state_exception(inner)
    return wrapper(state.message or default)


def raise_state_exception(state: State[Any]) -> NoReturn:
    """Raise the exception that a failed, crashed or cancelled state stands for."""
    raise get_state_exception(state)


def _states_in(data: Any) -> list[State[Any]]:
    if isinstance(data, State):
        return [cast("State[Any]", data)]
    if isinstance(data, (list, tuple, set, frozenset)):
        items = cast("list[Any]", data)
        return [cast("State[Any]", item) for item in items if isinstance(item, State)]
    return []


# --- several states as one ---


def aggregate(states: Sequence[State[Any]]) -> State[Any]:
    """Return the state of a run that returned these states: Completed only if all of them are.

    Else Cancelled if any is, else Paused if any is, else Failed; the message counts them.
    """
    total = len(states)
    kinds = [state.type for state in states]
    if kinds.count(_COMPLETED) == total:
        return State(_COMPLETED, "Completed", "All states completed.", data=None)
    if cancelled := kinds.count(_CANCELLED):
        return State(_CANCELLED, "Cancelled", f"{cancelled}/{total} states cancelled.")
    if paused := kinds.count(_PAUSED):
        return State(_PAUSED, "Paused", f"{paused}/{total} states paused.")
    if failed := kinds.count(_FAILED) + kinds.count(_CRASHED):
        return State(_FAILED, "Failed", f"{failed}/{total} states failed.")
    unfinished = sum(kind not in FINAL_TYPES for kind in kinds)
    return State(_FAILED, "Failed", f"{unfinished}/{total} states are not final.")


# --- makers; each is called like the state it makes ---


class StateOptions(TypedDict, total=False):
    """What every maker takes: the fields of State, without its type."""

    name: str
    message: str
    occurred: int
    data: Any
    details: StateDetails | None


def Scheduled(scheduled_time: datetime | None = None, **options: Unpack[StateOptions]) -> State[Any]:
    """Return a state of waiting for `scheduled_time` (aware; None: as soon as possible)."""
    if scheduled_time is not None:
        if scheduled_time.tzinfo is None:
            raise ValueError(f"scheduled_time must have a time zone, and {scheduled_time.isoformat()} has none.")
        details = options.get("details") or StateDetails()
        options["details"] = msgspec.structs.replace(details, scheduled_time=scheduled_time)
    return State(_SCHEDULED, **options)


def Late(scheduled_time: datetime | None = None, **options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that should have begun at `scheduled_time`."""
    options.setdefault("name", "Late")
    return Scheduled(scheduled_time, **options)


def AwaitingRetry(scheduled_time: datetime | None = None, **options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run whose next attempt is due at `scheduled_time`."""
    options.setdefault("name", "AwaitingRetry")
    return Scheduled(scheduled_time, **options)


def Pending(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that was asked for and has not begun."""
    return State(_PENDING, **options)


def Running(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run whose function is being called."""
    return State(_RUNNING, **options)


def Retrying(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run whose function is being called once more."""
    options.setdefault("name", "Retrying")
    return State(_RUNNING, **options)


def Paused(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that waits to be resumed."""
    return State(_PAUSED, **options)


def Cancelling(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that was asked to stop and has not yet."""
    return State(_CANCELLING, **options)


def Completed(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that succeeded; `data` is what it returned, None unless given."""
    options.setdefault("data", None)
    return State(_COMPLETED, **options)


def Failed(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run whose own code failed; `data` is the exception."""
    return State(_FAILED, **options)


def Crashed(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that was ended from outside; `data` is the exception."""
    return State(_CRASHED, **options)


def Cancelled(**options: Unpack[StateOptions]) -> State[Any]:
    """Return the state of a run that was cancelled."""
    return State(_CANCELLED, **options)

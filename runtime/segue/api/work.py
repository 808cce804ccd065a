"""Wire types of work: what is asked of deployments, pools, workers and limits, which themselves go as segue's records.

Unlike those of runs, their instants are numbers: microseconds since the epoch, as in the records.
"""

from typing import Annotated, Any

import msgspec

from segue.api.types import Instant
from segue.records.work import Claim, Lease, Whole
from segue.states import StateType

__all__ = (
    "BeatBody",
    "BeatIn",
    "ClaimIn",
    "Claims",
    "LeaseAnswer",
    "LeaseIn",
    "Renewed",
    "RunIn",
    "SettleIn",
    "Settled",
    "StateIn",
    "Stops",
    "StopsIn",
)

LONGEST_WAIT = 30.0
"""For how many seconds a request may wait for work, or for slots."""

Wait = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)]
Text = Annotated[str, msgspec.Meta(max_length=500)]


class RunIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a deployment is to be run with: see RunRequest; all of it may be left out."""

    parameters: dict[str, Any] = {}
    due: Whole | None = None
    name: Text = ""
    tags: Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)] = ()
    key: Text = ""
    schedule_id: Text = ""
    parent_id: Text = ""
    priority: Whole | None = None
    job_variables: dict[str, Any] = {}


class ClaimIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many runs a worker wants at most, and for how many seconds it waits for the first."""

    most: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    wait: Wait = 0.0


class Claims(msgspec.Struct, frozen=True):
    """The runs that a worker was given."""

    claims: list[Claim]


class BeatIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker's sign of life: the ids of the runs that it holds."""

    held: Annotated[list[Text], msgspec.Meta(max_length=10_000)] = []


class StopsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker asks which of its runs are to stop; it knows of some, and waits up to so many seconds for others."""

    known: Annotated[list[Text], msgspec.Meta(max_length=10_000)] = []
    wait: Wait = 0.0


class Stops(msgspec.Struct, frozen=True, kw_only=True):
    """Which of its runs a worker is to stop."""

    stop: tuple[str, ...]


class BeatBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which of its runs a worker is to stop, and which are no longer its own."""

    stop: tuple[str, ...]
    lost: tuple[str, ...]


class StateIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state that a run came to; now, where no timestamp says when."""

    type: StateType
    name: Text = ""
    message: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    timestamp: Instant | None = None


class SettleIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a run ended that a worker was given; a state that is not final gives it back."""

    claim: Claim
    state: StateIn


class Settled(msgspec.Struct, frozen=True):
    """Whether it was recorded: the run may have said itself how it ended, or no longer be the worker's."""

    recorded: bool


class LeaseIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants how many slots of each of these limits; `strict` refuses names of which there is no limit."""

    names: Annotated[list[Text], msgspec.Meta(max_length=50)]
    holder: Text
    slots: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] = 1
    strict: bool = False
    wait: Wait = 0.0


class LeaseAnswer(msgspec.Struct, frozen=True):
    """The lease; null where the slots were not free."""

    lease: Lease | None


class Renewed(msgspec.Struct, frozen=True):
    """Whether the slots are held still."""

    held: bool

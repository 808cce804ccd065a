"""States on the command line: which ones are asked for, and those a run went through."""

from segue.cli.errors import Usage
from segue.cli.session import Records
from segue.records import FlowRun, TaskRun
from segue.states import DEFAULT_NAMES, StateType
from segue.suggestions import did_you_mean
from segue_events import Event, Filter

__all__ = ("state_filter", "states_of")

# The names that states have besides those of their types.
NAMES = ("AwaitingRetry", "Cached", "Late", "NotReady", "Retrying", "RolledBack", "Suspended", "TimedOut")

MOST_STATES = 1000


def state_filter(wanted: list[str] | None) -> tuple[tuple[StateType, ...], tuple[str, ...]]:
    """Tell the types and names of states that are meant, in whatever letters; one of the two is empty.

    A type stands for all states of it, whatever their names, unless names that are no types are asked for too.
    """
    known = {name.lower(): name for name in (*DEFAULT_NAMES.values(), *NAMES)}
    names: list[str] = []
    for word in wanted or ():
        if word.lower() not in known:
            raise Usage(f"There is no state '{word}'.{did_you_mean(word, known.values())}")
        names.append(known[word.lower()])
    if any(name in NAMES for name in names):
        return (), tuple(names)
    return tuple(StateType[name.upper()] for name in names), ()


async def states_of(records: Records, run: FlowRun | TaskRun) -> list[Event]:
    """Return the events of the states that a run went through."""
    flow_run_id = run.id if isinstance(run, FlowRun) else run.flow_run_id
    kinds = "flow-run.*" if isinstance(run, FlowRun) else "task-run.*"
    first = await records.store.runs.events(flow_run_id, limit=1)
    wanted = Filter(kinds=(kinds, "!*.deleted"), runs=(flow_run_id,), subjects=(run.id,))
    return await records.journal.read(first[0].seq - 1 if first else 0, wanted, MOST_STATES)

"""States on the command line: which ones are asked for."""

from segue.cli.errors import Usage
from segue.states import DEFAULT_NAMES, StateType
from segue.suggestions import did_you_mean

__all__ = ("state_filter",)

# The names that states have besides those of their types.
NAMES = ("AwaitingRetry", "Cached", "Late", "NotReady", "Retrying", "RolledBack", "Suspended", "TimedOut")


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

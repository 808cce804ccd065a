"""Silence: which rules are muted, and the events that mute and acknowledge; notifiers obey them."""

import getpass
from collections.abc import Mapping

from segue_events import Event, Filter, Journal

__all__ = ("FOR_EVER", "acknowledge", "mute", "muted_rules")

# The end of a mute that has none, in µs since 1970: the last second of the year 9999.
FOR_EVER = 253_402_300_799_000_000

PAGE = 1000

# They belong to no run; with that said the journal has an index for them.
MUTED = Filter(kinds=("rule.muted",), runs=("",))


async def muted_rules(journal: Journal, now: int) -> Mapping[str, int]:
    """Return the µs until which each rule that is muted now will be silent."""
    until: dict[str, int] = {}
    after = 0
    while events := await journal.read(after, MUTED, PAGE):
        after = events[-1].seq
        until.update((event.payload["rule"], event.payload["until"]) for event in events)
    return {rule: end for rule, end in until.items() if end > now}


async def mute(journal: Journal, rule: str, until: int) -> None:
    """Let a rule be silent until an instant, in µs since 1970; 0 lets it speak again."""
    await journal.append([Event(kind="rule.muted", payload={"rule": rule, "until": until, "by": _person()})])


async def acknowledge(journal: Journal, rule: str, group: tuple[str, ...] | None) -> None:
    """Say that somebody has taken care of what a rule told, for one of its groups or for all: it escalates no more."""
    about = {} if group is None else {"group": list(group)}
    payload = {"rule": rule, "by": _person(), **about}
    await journal.append([Event(kind="notification.acknowledged", payload=payload)])


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container may give its user no name.
        return ""

"""Limits as the command shows them, and the one that is meant by a name."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields
from segue.cli.text import ago
from segue.records.work import Lease, Limit
from segue.suggestions import did_you_mean

__all__ = ("limit_fields", "limit_json", "limit_row", "the_limit")


def the_limit(limits: Sequence[Limit], name: str, *, tag: bool) -> Limit:
    """Return the limit of this name, a tag's or not; raises CommandFailed where there is none."""
    known = {limit.name: limit for limit in limits if limit.tag == tag}
    if name in known:
        return known[name]
    what = f"The tag '{name}' has no limit." if tag else f"There is no limit '{name}'."
    raise CommandFailed(f"{what}{did_you_mean(name, known)}", ExitCode.RUN_FAILED)


def limit_json(limit: Limit, leases: Sequence[Lease]) -> dict[str, Any]:
    """A limit for programs, with who holds slots of it."""
    of_it = [lease for lease in leases if limit.name in lease.limits]
    return {
        **msgspec.structs.asdict(limit),
        "held": sum(lease.slots for lease in of_it),
        "leases": [msgspec.structs.asdict(lease) for lease in of_it],
    }


def limit_row(limit: Limit, leases: Sequence[Lease]) -> list[Cell | str]:
    """A limit as a row of a list."""
    held = sum(lease.slots for lease in leases if limit.name in lease.limits)
    refill = "" if limit.refill is None else f"{limit.refill:g}"
    return [limit.name, str(limit.slots), str(held), refill, _state(limit)]


def limit_fields(limit: Limit, leases: Sequence[Lease], now: int) -> None:
    """Print a limit for people."""
    held = "\n".join(f"{lease.holder}: {lease.slots}, taken {ago(lease.taken, now)}" for lease in leases)
    fields(
        [
            ("Tag" if limit.tag else "Limit", Cell(limit.name, "bold")),
            ("Slots", str(limit.slots)),
            ("Back", "" if limit.refill is None else f"{limit.refill:g} slots a second"),
            ("State", _state(limit)),
            ("Held by", held or "nobody"),
        ]
    )


def _state(limit: Limit) -> Cell:
    return Cell("active", "green") if limit.active else Cell("off", "yellow")

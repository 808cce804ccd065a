"""Naming: which deployment is meant by a name that is not quite the one it has."""

from collections.abc import Mapping
from typing import NamedTuple

from segue.exceptions import AmbiguousDeployment, UnknownDeployment
from segue.suggestions import did_you_mean

__all__ = ("Named", "alike", "matching")

_SHOWN = 10


class Named(NamedTuple):
    """The two parts of a deployment's name."""

    flow: str
    name: str

    @property
    def full(self) -> str:
        """The name people call it by."""
        return f"{self.flow}/{self.name}"


def alike(name: str) -> str:
    """Return what names have in common that differ in case, blanks, `_` and `-` only."""
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())


def matching(wanted: str, known: Mapping[str, Named]) -> str:
    """Return the id of the deployment that is meant, of those `known` by id.

    In order: an id, the exact name, a name alike, and the deployment's name without its flow's. Raises
    UnknownDeployment with the nearest name, AmbiguousDeployment with the candidates.
    """
    if wanted in known:
        return wanted
    for ids in _candidates(wanted, known):
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise AmbiguousDeployment(_several(wanted, sorted(known[one].full for one in ids)))
    raise UnknownDeployment(_unknown(wanted, [named.full for named in known.values()]))


def _candidates(wanted: str, known: Mapping[str, Named]) -> list[list[str]]:
    """Return who may be meant, the best first; names of flows hold no slash, so the first one ends the flow's."""
    full = [one for one, named in known.items() if named.full == wanted]
    flow, slash, name = wanted.partition("/")
    if slash:
        like = (alike(flow), alike(name))
        return [full, [one for one, named in known.items() if (alike(named.flow), alike(named.name)) == like]]
    exact = [one for one, named in known.items() if named.name == wanted]
    return [exact, [one for one, named in known.items() if alike(named.name) == alike(wanted)]]


def _several(wanted: str, candidates: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in candidates[:_SHOWN])
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    return f"'{wanted}' may be any of {len(candidates)} deployments: {shown}{more}. Give the whole name."


def _unknown(wanted: str, names: list[str]) -> str:
    if not names:
        return f"There is no deployment '{wanted}', nor any other; `segue deploy` makes one."
    hint = did_you_mean(wanted, names) or " `segue deployment ls` lists all."
    return f"There is no deployment '{wanted}'.{hint}"

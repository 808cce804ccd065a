"""Identity: the ids of firings, the same whenever the same firing is reckoned anew."""

import hashlib

import msgspec

_encode = msgspec.json.Encoder().encode


def firing_id(rule: str, reason: str, group: tuple[str, ...], key: tuple[str, ...], level: int = 0) -> str:
    """Return the id of what a rule has to tell a group, for the causes of this key, at a level of its escalation."""
    return hashlib.sha256(_encode((rule, reason, group, key, level))).hexdigest()[:32]

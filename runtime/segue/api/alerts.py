"""Wire types of alerts: who is told, by which rules, and what was told."""

from typing import Any

import msgspec

from segue.api.types import Instant

__all__ = ("DeliveryBody", "Notifications", "RuleBody", "Rules", "TargetBody")


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a target: that it was queued, or what came of an attempt.

    `outcome` is "queued", "sent", "failed" or "dead"; `attempt` counts from 1 and is 0 for what was queued; `next` is
    when it will be tried again, null if it will not.
    """

    at: Instant
    target: str
    rule: str
    title: str
    outcome: str
    attempt: int
    reason: str
    next: Instant | None


class Notifications(msgspec.Struct, frozen=True):
    """What was told, the latest first."""

    items: list[DeliveryBody]


class TargetBody(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told, without the URL; `place` is the file or setting that says so."""

    name: str
    tags: tuple[str, ...]
    place: str


class RuleBody(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: `when` is its condition and `actions` is what it does, both as in the file of rules."""

    name: str
    enabled: bool
    severity: str
    when: dict[str, Any]
    actions: list[dict[str, Any]]
    place: str


class Rules(msgspec.Struct, frozen=True):
    """Who is told and when; `problems` are sentences about what cannot be used."""

    targets: list[TargetBody]
    rules: list[RuleBody]
    problems: list[str]

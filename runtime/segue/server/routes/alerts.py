"""Routes of alerts: what was told, and by which rules to whom."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from segue.api.alerts import DeliveryBody, Notifications, RuleBody, Rules, TargetBody
from segue.api.types import instant_text
from segue.server.access import Scope
from segue.server.etags import by_head
from segue.server.queries import Limit
from segue.server.routing import Call, Route
from segue.settings import Settings
from segue_notifiers.outbox.log import DeliveryLine, DeliveryLog

__all__ = ("ROUTES",)


class NotificationsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: those to a target, and those of a rule."""

    target: str | None = None
    rule: str | None = None
    limit: Limit = 50


async def notifications(call: Call[NotificationsQuery, Any]) -> Notifications:
    """List what was told."""
    query = call.query
    lines = await DeliveryLog.entries(call.wiring.journal, target=query.target, rule=query.rule, limit=query.limit)
    return Notifications([_delivery(line) for line in lines])


async def rules(call: Call[Any, Any]) -> Rules:
    """Tell who is told of what."""
    # In a thread: it reads files.
    return await asyncio.to_thread(_rules, call.wiring.loaded.settings)


def _delivery(line: DeliveryLine) -> DeliveryBody:
    return DeliveryBody(
        at=instant_text(line.at),
        target=line.target,
        rule=line.rule,
        title=line.title,
        outcome=line.outcome,
        attempt=line.attempt,
        reason=line.reason,
        next=instant_text(line.next) if line.next else None,
    )


def _rules(settings: Settings) -> Rules:
    # What reads rules takes as long to import as a third of the server, and not every server is asked for them.
    from segue.notify import configuration  # noqa: PLC0415

    found = configuration.load(settings, Path.cwd())
    return Rules(
        targets=[
            TargetBody(name=it.name, tags=it.tags, place=found.places.get(f"targets.{it.name}", ""))
            for it in found.targets
        ],
        rules=[
            RuleBody(
                name=it.name,
                enabled=it.enabled,
                severity=it.severity,
                when=msgspec.to_builtins(it.when),
                actions=msgspec.to_builtins(it.actions),
                place=found.places.get(f"rules.{it.name}", ""),
            )
            for it in found.rules
        ],
        problems=list(found.problems),
    )


READ = Scope.READ

ROUTES = (
    Route(
        "GET",
        "/api/notifications",
        READ,
        notifications,
        "What was told",
        Notifications,
        NotificationsQuery,
        tag=by_head,
    ),
    Route("GET", "/api/rules", READ, rules, "Who is told of what", Rules),
)

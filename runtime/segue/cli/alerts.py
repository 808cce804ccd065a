"""Targets, rules, deliveries and answers as the command shows them: as tables, and as JSON with names that stay."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from segue.cli.conditions import action_words, condition_words
from segue.cli.output import Cell, say, say_json, say_table
from segue.cli.silence import FOR_EVER
from segue.cli.text import ago, duration, instant, iso
from segue.cli.trial import Answer
from segue.notify.configuration import Configuration
from segue_notifiers.outbox.log import DeliveryLine
from segue_notifiers.rules import Rule
from segue_notifiers.target import Target

__all__ = ("say_answers", "say_configuration", "say_deliveries")

OUTCOMES = {"sent": "green", "failed": "yellow", "dead": "red", "queued": "dim"}


def say_configuration(found: Configuration, muted: Mapping[str, int], output: str) -> None:
    """Print who is told, and when; `muted` has the µs until which a rule is silent. URLs are shown nowhere."""
    places = found.places
    if output == "json":
        targets = [{**_target_json(it), "place": places.get(f"targets.{it.name}")} for it in found.targets]
        rules = [{**_rule_json(it, muted), "place": places.get(f"rules.{it.name}")} for it in found.rules]
        say_json({"targets": targets, "rules": rules, "problems": list(found.problems)})
        return
    if not found.targets:
        say("Nobody is told of anything. `segue notify add NAME URL` says where people are to be told.")
    else:
        say_table(
            ["Target", "Tags", "Rate", "Time limit", "Place"],
            [[*_target_cells(it), Cell(places.get(f"targets.{it.name}", ""), "dim")] for it in found.targets],
            shrink=["Tags", "Place"],
        )
    if found.rules:
        say()
        say_table(
            ["Rule", "When", "Does", "Now", "Place"],
            [[*_rule_cells(it, muted), Cell(places.get(f"rules.{it.name}", ""), "dim")] for it in found.rules],
            shrink=["When", "Does", "Place"],
        )


def say_deliveries(lines: Sequence[DeliveryLine], now: int, output: str) -> None:
    """Print what was sent, and what was not and why."""
    if output == "json":
        say_json([_delivery_json(line) for line in lines])
    elif not lines:
        say("Nobody was told of anything yet.")
    else:
        say_table(
            ["When", "Target", "Rule", "Outcome", "Title", "Why"],
            [[ago(it.at, now), it.target, it.rule, _outcome(it), it.title, _why(it, now)] for it in lines],
            shrink=["Title", "Why"],
        )


def say_answers(answers: Sequence[Answer], output: str) -> None:
    """Print what each target answered."""
    if output == "json":
        say_json(
            [
                {"target": it.target, "delivered": not it.reason, "reason": it.reason or None, "seconds": it.took / 1e6}
                for it in answers
            ]
        )
        return
    for it in answers:
        outcome = Cell(f"not delivered: {it.reason}", "red") if it.reason else Cell("delivered", "green")
        say(Cell(it.target, "bold"), "  ", outcome, Cell(f"  ({duration(it.took)})", "dim"))


def _target_json(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "tags": list(target.tags),
        "rate": {"most": target.rate.most, "per": target.rate.per},
        "timeout": target.timeout,
        "signed": bool(target.secret),
    }


def _rule_json(rule: Rule, muted: Mapping[str, int]) -> dict[str, Any]:
    until = muted.get(rule.name)
    return {**msgspec.to_builtins(rule), "muted_until": iso(until) if until else None}


def _delivery_json(line: DeliveryLine) -> dict[str, Any]:
    return {
        "at": iso(line.at),
        "target": line.target,
        "rule": line.rule,
        "title": line.title,
        "outcome": line.outcome,
        "attempt": line.attempt,
        "reason": line.reason or None,
        "next": iso(line.next) if line.next else None,
    }


def _target_cells(target: Target) -> list[Cell | str]:
    rate = f"{target.rate.most} in {duration(round(target.rate.per * 1e6))}"
    return [Cell(target.name, "bold"), ", ".join(target.tags), rate, f"{target.timeout:g} s"]


def _rule_cells(rule: Rule, muted: Mapping[str, int]) -> list[Cell | str]:
    actions = ", ".join(action_words(action) for action in rule.actions)
    return [Cell(rule.name, "bold"), condition_words(rule.when), actions, _now(rule, muted)]


def _now(rule: Rule, muted: Mapping[str, int]) -> Cell:
    if not rule.enabled:
        return Cell("off", "dim")
    until = muted.get(rule.name, 0)
    if not until:
        return Cell("on", "green")
    return Cell("muted" if until >= FOR_EVER else f"muted until {instant(until)[:16]}", "yellow")


def _outcome(line: DeliveryLine) -> Cell:
    attempt = f", attempt {line.attempt}" if line.attempt > 1 else ""
    return Cell(line.outcome + attempt, OUTCOMES[line.outcome])


def _why(line: DeliveryLine, now: int) -> str:
    again = f"; again in {duration(line.next - now)}" if line.next and line.next > now else ""
    return f"{line.reason}{again}"

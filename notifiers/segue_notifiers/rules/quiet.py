"""Quiet hours: whether something may be told now, and when if not."""

from segue_notifiers.message import Severity
from segue_notifiers.rules.daily import end_of_quiet
from segue_notifiers.rules.rule import Quiet

# From the least to the most severe.
SEVERITIES: tuple[Severity, ...] = ("info", "success", "warning", "failure")


def worse(one: Severity, other: Severity) -> Severity:
    """Return the more severe of the two."""
    return one if SEVERITIES.index(one) >= SEVERITIES.index(other) else other


def quiet_until(quiet: Quiet | None, severity: Severity, now: int) -> int | None:
    """Return until when something of this severity is not to be told; None if it may be (in µs since 1970)."""
    if quiet is None:
        return None
    if quiet.except_for is not None and worse(severity, quiet.except_for) == severity:
        return None
    return end_of_quiet(quiet, now)

"""Spans of time in options: 90s, 15m, 2h, 1d, 1h30m."""

from segue.cli.errors import Usage
from segue.exceptions import SettingsError
from segue.notify.forms import seconds

__all__ = ("span",)


def span(text: str, option: str) -> float:
    """Return the seconds that a text stands for; raises Usage, which names the option."""
    try:
        return seconds(text)
    except SettingsError as error:
        raise Usage(f"{option}: {error}") from error

"""notify_on_failure: a hook that has people told when runs of the flow or task it stands at fail or crash.

The hook itself sends nothing. It leaves word of whom to tell for the notifier, which hears of the failure as of any
other, and starts that if none runs.
"""

import threading
from pathlib import Path
from typing import Any, Literal

from segue.notify.registrations import Alert, Registrations
from segue.records import FlowRun, TaskRun
from segue.settings import get_current_settings
from segue.states import State, StateType

# How long what was left counts as fresh, in µs; the notifier forgets it after twice as long.
FRESH = 3_600_000_000

_ENDINGS: dict[StateType, Literal["failed", "crashed"]] = {StateType.FAILED: "failed", StateType.CRASHED: "crashed"}


class NotifyOnFailure:
    """The hook; nothing of it shows its URLs."""

    def __init__(self, urls: tuple[str, ...], tags: tuple[str, ...]) -> None:
        self.__name__ = "notify_on_failure"
        self._urls = urls
        self._tags = tags
        self._left: dict[tuple[Path, Alert], int] = {}

    def __repr__(self) -> str:
        return f"notify_on_failure({len(self._urls)} urls, tags={self._tags!r})"

    def __call__(self, definition: Any, run: FlowRun | TaskRun, state: State[Any]) -> None:
        """Have people told of this run, and return at once; never raises for what the disk says."""
        ending = _ENDINGS.get(state.type)
        if ending is None:
            return
        # It brings what starts processes, which no flow wants that does not fail.
        from segue.notify.starter import ensure_running, warn_once  # noqa: PLC0415

        noun = "flow" if isinstance(run, FlowRun) else "task"
        alert = Alert(noun=noun, name=definition.name, ending=ending, urls=self._urls, tags=self._tags)
        settings = get_current_settings()
        key = (settings.database, alert)
        if state.occurred - self._left.get(key, 0) > FRESH:
            try:
                Registrations.of(settings.database).leave(alert)
            except OSError as error:
                warn_once(f"Nobody is told of failures of {noun} '{alert.name}': {error.strerror}.")
                return
            self._left[key] = state.occurred
        # A process may have to be started, for which no run waits; but the interpreter does, at its end.
        threading.Thread(target=ensure_running, args=(settings, state.occurred), name="segue-notify").start()


def notify_on_failure(*urls: str, tag: str | tuple[str, ...] | list[str] = ()) -> NotifyOnFailure:
    """Make a hook for `on_failure` and `on_crashed` of flows and tasks: `on_failure=[notify_on_failure("mailto://…")]`.

    Those URLs are told, and the configured targets with one of the tags. Raises ValueError for what can be no URL,
    or if nobody would be told.
    """
    tags = (tag,) if isinstance(tag, str) else tuple(tag)
    if not urls and not tags:
        raise ValueError("notify_on_failure() would tell nobody; give it a URL, or a tag of configured targets.")
    for number, url in enumerate(urls, 1):
        if "://" not in url:
            raise ValueError(
                f"Argument {number} of notify_on_failure() is no URL; it begins like mailto:// or slack://."
            )
    return NotifyOnFailure(urls, tags)


__all__ = ("NotifyOnFailure", "notify_on_failure")

"""Watch: which events call for the notifier's process, as that has left it for those who run flows.

To reckon it from the rules would cost each of their processes the time to read them.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from segue.notify.sources import Sources
from segue.settings import Settings
from segue_events import Filter

FAILURES = ("flow-run.failed", "flow-run.crashed", "task-run.failed", "task-run.crashed")

# Where rules are not known yet: what can be of no rule is left out.
ANYTHING = ("!notification.*",)


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Events of these kinds; `parts` says whether what happened to parts of a run counts too.

    `files` are the marks of the files that hold the rules, at the time when they were read.
    """

    kinds: tuple[str, ...] = FAILURES
    parts: bool = False
    files: dict[str, Any] = {}

    @property
    def filter(self) -> Filter:
        """What to subscribe to."""
        return Filter(kinds=self.kinds)

    def write(self, settings: Settings) -> None:
        """Leave it beside the database; raises OSError."""
        path = _path(settings)
        new = path.with_name(f"{path.name}.new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self))
        new.replace(path)


UNKNOWN = Watch(kinds=ANYTHING, parts=True)


def watch_of(settings: Settings, sources: Sources) -> Watch:
    """What to watch: failures where there are no rules, else what the notifier has left, or anything at first."""
    if not sources.files():
        return Watch()
    try:
        left = msgspec.json.decode(_path(settings).read_bytes(), type=Watch)
    except (OSError, msgspec.MsgspecError):
        return UNKNOWN
    known = all(left.files.get(path, []) == stamp for path, stamp in sources.stamps().items())
    return left if known else UNKNOWN


def _path(settings: Settings) -> Path:
    return Path(f"{settings.database}.notifier.watch")

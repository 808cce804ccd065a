"""Whether a run that is silent can still be expected to say something."""

import os

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.records import FlowRun
from segue_events import Clock

__all__ = ("Vigil",)

# So long after the last event it is asked whether the run's process is still there, in seconds.
SILENCE = 2.0


class Vigil:
    """Waits by a run for its events, and notices when its process has died."""

    def __init__(self, run: FlowRun, clock: Clock, *, is_far: bool) -> None:
        self._run = run
        # The process of a far run may be on any machine; who watches over it there is the server.
        self._is_far = is_far
        self._clock = clock
        self._last = clock.monotonic()

    def heard(self) -> None:
        """An event has come."""
        self._last = self._clock.monotonic()

    def check(self) -> None:
        """Raise CommandFailed when the run is silent because its process is gone."""
        if not self._is_far and self._clock.monotonic() - self._last > SILENCE and _is_gone(self._run.pid):
            raise CommandFailed(
                f"The process {self._run.pid} of flow run '{self._run.name}' is gone, and the run has not ended:"
                " it will not go on by itself.",
                ExitCode.RUN_FAILED,
            )


def _is_gone(pid: int) -> bool:
    """Whether no process of this machine has this number; of 0, which is none's, nothing is known."""
    try:
        # Signal 0 only asks; 0 as a process would be our own group.
        os.kill(pid or os.getpid(), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

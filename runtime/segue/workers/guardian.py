"""The guardian: stands between a worker and one run's process, and sees to it that nothing of the run outlives it.

It is run as a script, by a Python that reads no site-packages, and so uses the standard library only: that is up in
milliseconds. It is the subreaper of all that the run starts: what daemonises becomes its child, and is killed when the
run's own process has ended. Where the system has no subreapers (macOS), only the run's process group is.

The worker holds two pipes to it. By the control pipe it says TERMINATE, KILL, or, every few seconds, ALIVE; when the
pipe ends, or is silent for too long, there is no worker any more, and the run is ended before others take it over. By
the report pipe the guardian says, a line of JSON each, {"pid": N} and at last {"end": {…}}; the run's process may say
something in between. (The JSON is written by hand: to import what writes it takes as long as all the rest.)
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

TERMINATE, KILL, ALIVE = b"t", b"k", b"."

ALIVE_EVERY = 4.0
"""After how many seconds the worker says again that it is there."""

# So often the control pipe has to be silent for so long (seconds) before the worker counts as gone: the silence ends
# before the worker's lease does. In turns, so that a suspended machine does not count.
_TURN, _TURNS = 3.0, 5
# How long a process has to end by itself when its worker is gone, in seconds.
_PARTING = 1.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def guard(control: int, report: int, run: Callable[[], NoReturn]) -> None:
    """Run `run` in a forked process and end when nothing of it is left; to be called in a process of its own.

    `control` and `report` are this end of the worker's pipes.
    """
    os.setsid()
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    own = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(control)
        _become_child(own)
        run()
    _say(report, f'{{"pid": {child}}}')
    _say(report, f'{{"end": {_Watch(control, child).until_end()}}}')


def end_with_parent() -> None:
    """Have this process killed when the thread that has started it ends; what it forks is not concerned."""
    _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _become_child(parent: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.setpgid(0, 0)
    # A run does not go on when nobody guards it any more.
    end_with_parent()
    if os.getppid() != parent:
        os._exit(1)


class _Watch:
    """The life of the run's process, from its start to when nothing of it is left."""

    def __init__(self, control: int, child: int) -> None:
        self._control = control
        self._child = child
        self._cause = ""
        self._deadline: float | None = None
        self._silent = 0
        self._turn_ends = monotonic() + _TURN
        # A byte arrives in the pipe with each SIGCHLD, so that one `select` waits for both.
        self._wakeup, write = os.pipe()
        os.set_blocking(write, False)
        signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(write)

    def until_end(self) -> str:
        """Wait for the end; return as JSON how the process ended: status (a signal is negative), peak memory in bytes,
        how many others were left, and why it was ended, if it was."""
        status, peak = self._wait()
        left = _kill_all(self._child)
        ended = os.waitstatus_to_exitcode(status)
        return f'{{"status": {ended}, "peak": {peak}, "left": {left}, "cause": "{self._cause}"}}'

    def _wait(self) -> tuple[int, int]:
        while True:
            # Also those whose parents have ended, which are this process's children by now.
            pid, status, usage = _collected()
            if pid == self._child:
                return status, usage
            if pid == 0:
                self._listen()

    def _listen(self) -> None:
        """Wait for a word of the worker, the end of a process, or the deadline."""
        watched = [self._wakeup] if self._control < 0 else [self._wakeup, self._control]
        ends = self._turn_ends if self._deadline is None else min(self._deadline, self._turn_ends)
        ready, _, _ = select.select(watched, [], [], max(ends - monotonic(), 0.0))
        if self._wakeup in ready:
            os.read(self._wakeup, 4096)
        if self._control in ready:
            self._heed(os.read(self._control, 4096))
        elif monotonic() >= self._turn_ends:
            # Whatever else was heard: a run whose processes end all the time has to be guarded too.
            self._count_silence()
        if self._deadline is not None and monotonic() >= self._deadline:
            self._kill()

    def _heed(self, words: bytes) -> None:
        self._silent = 0
        self._turn_ends = monotonic() + _TURN
        if not words:
            self._control = -1
            self._part("worker gone")
        if KILL in words:
            self._cause = "killed"
            self._kill()
        elif TERMINATE in words:
            self._cause = "terminated"
            _signal(self._child, signal.SIGTERM)

    def _count_silence(self) -> None:
        self._silent += 1
        self._turn_ends = monotonic() + _TURN
        if self._control >= 0 and self._silent == _TURNS:
            self._part("worker silent")

    def _part(self, cause: str) -> None:
        self._cause = cause
        self._deadline = monotonic() + _PARTING
        _signal(self._child, signal.SIGTERM)

    def _kill(self) -> None:
        self._deadline = None
        _signal(self._child, signal.SIGKILL)


def _wake(number: int, frame: object) -> None:
    """Do nothing: the byte in the pipe is what tells of the signal."""


def _collected() -> tuple[int, int, int]:
    """Collect a child that has ended: its pid (0 if none has), its status, its peak memory in bytes."""
    try:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0, 0
    return pid, status, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _kill_all(group: int) -> int:
    """Kill what the run has left behind until nothing is; return how many processes that were."""
    left: set[int] = set()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    while True:
        # Whoever is killed leaves its own children to this process.
        found = _children()
        for pid in found:
            left.add(pid)
            _signal(pid, signal.SIGKILL)
        try:
            pid, _ = os.waitpid(-1, 0 if found else os.WNOHANG)
        except ChildProcessError:
            return len(left)
        if not (found or pid):
            return len(left)


def _children() -> list[int]:
    own = os.getpid()
    try:
        with open(f"/proc/self/task/{own}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _process_control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _say(report: int, what: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody is there to be told
        os.write(report, f"{what}\n".encode())


def _main(arguments: list[str]) -> None:
    control, report = int(arguments[0]), int(arguments[1])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    guard(control, report, lambda: _become(arguments[2:]))


def _become(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
        sys.stderr.flush()
    os._exit(127)


if __name__ == "__main__":
    _main(sys.argv[1:])

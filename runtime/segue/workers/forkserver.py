"""The fork server: a process that has loaded one deployment's flow, and becomes each of its runs by forking.

Started by a worker: `python -m segue.workers.forkserver --socket FD`. The first message is a claim, by which it loads
the flow, or "engine": then it has loaded what any run needs and nobody's code, and each run loads its flow by itself.
It answers "ready", or why it is not fit to be forked. Each later message brings four open files (the claim,
and the guardian's ends of the pipes), for which it forks a guardian that forks the run, and answers with the guardian's
pid; or with "stale", once what it has loaded has changed.

A process is fit to be forked if no other thread runs in it, whose locks nobody would give back, and if its code has
opened no socket, which runs would share.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from segue.exceptions import SegueError
from segue.flows import Flow
from segue.records.work import Claim
from segue.settings import get_current_settings
from segue.workers import child
from segue.workers.guardian import end_with_parent, guard

__all__ = ("CLAIM", "ENGINE", "READY", "STALE", "main")

CLAIM, ENGINE = b"claim", b"engine"
READY, STALE = b"ready", b"stale"

MAX_MESSAGE = 65_536


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the flow, then fork for each run until the worker closes the socket; a forked run's process returns too."""
    parser = argparse.ArgumentParser(prog="python -m segue.workers.forkserver", description=__doc__)
    parser.add_argument("--socket", type=int, required=True)
    options = parser.parse_args(arguments)
    # It may be in the middle of the user's code, and not look at the socket, when the worker dies.
    end_with_parent()
    with socket.socket(fileno=options.socket) as worker:
        worker.set_inheritable(False)
        asked, fds, _, _ = socket.recv_fds(worker, MAX_MESSAGE, 1)
        if not asked:
            return 0
        answer = _Prepared.of(fds[0] if fds else None)
        if not isinstance(answer, _Prepared):
            worker.sendall(answer.encode()[:MAX_MESSAGE])
            return 0
        worker.sendall(READY)
        return answer.serve(worker)


_Load = Callable[[Claim], Flow[..., Any]]
"""Gives a run its flow."""


class _Prepared:
    """How runs come to their flow here, with what is loaded for them already."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._loaded_from = _times()

    @classmethod
    def of(cls, claim: int | None) -> _Prepared | str:
        """Load the flow of the claim in this file, if there is one; return why it cannot be forked, if it cannot."""
        sockets = _sockets()
        try:
            load = child.load if claim is None else _loaded(claim)
        except SegueError as error:
            return str(error)
        # What every run needs, and would import otherwise.
        import_module("segue.api_backend" if get_current_settings().api_url else "segue.local_backend")
        import_module("asyncio")
        reason = _unfit(sockets)
        if reason:
            return reason
        # Nothing that is here by now is looked through again, which would copy its memory in every run.
        gc.collect()
        gc.freeze()
        return cls(load)

    def serve(self, worker: socket.socket) -> int:
        """Fork for each message, until there are no more."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            _, fds, _, _ = socket.recv_fds(worker, MAX_MESSAGE, 4)
            if len(fds) < 4:
                return 0
            if _times() != self._loaded_from:
                worker.sendall(STALE)
                return 0
            pid = os.fork()
            if pid == 0:
                worker.close()
                _guard(fds, self._load)
            for fd in fds:
                os.close(fd)
            worker.sendall(str(pid).encode())


def _loaded(claim: int) -> _Load:
    flow = child.load(child.read_claim(claim))
    return lambda _: flow


def _guard(fds: Sequence[int], load: _Load) -> NoReturn:
    """Be the guardian of a run, in a process of its own."""
    claim, control, report, output = fds
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    guard(control, report, lambda: _run(claim, report, output, load))
    os._exit(0)


def _run(claim: int, report: int, output: int, load: _Load) -> NoReturn:
    """Be the run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for fd in (1, 2):
        os.dup2(output, fd)
    os.close(output)
    _draw_anew()
    sys.exit(child.perform(child.read_claim(claim), child.Report(report), load))


def _draw_anew() -> None:
    """Let every run draw random numbers of its own; those of Python's own module do that by themselves."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _unfit(sockets: set[str]) -> str:
    """Return why this process cannot be forked, "" if it can; `sockets` are those that it was started with."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        return f"its code has started the thread '{others[0]}'"
    count = len(list(Path("/proc/self/task").glob("*"))) if Path("/proc/self/task").exists() else 1
    if count > 1:
        return f"a library of its has started {count - 1} threads"
    if _sockets() - sockets:
        return "its code has opened a socket"
    return ""


def _sockets() -> set[str]:
    """Return the sockets that are open here; none where the system does not tell."""
    found: set[str] = set()
    for fd in Path("/proc/self/fd").glob("*") if Path("/proc/self/fd").exists() else ():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _times() -> dict[str, int]:
    """Return when what is loaded was changed last: modules by their files, what is installed by its folders."""
    installed = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})
    times = {folder: _time(folder) for folder in installed}
    for module in list(sys.modules.values()):
        file: Any = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(installed):
            times[file] = _time(file)
    return times


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())

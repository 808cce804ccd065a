"""Templates: the fork servers of a worker, one for each version of a deployment that is run again and again.

And one that has loaded the engine only, from which the first run of any is forked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from segue.records.work import Claim
from segue.workers.forkserver import CLAIM, ENGINE, MAX_MESSAGE, READY
from segue.workers.pull import PULL_SECONDS, pulls
from segue_events import Clock

__all__ = ("Start", "Template", "Templates", "engine_key", "engine_template", "flow_template", "version_key")

_LOGGER = logging.getLogger("segue.worker")

# So many are kept; one that is not used for so long (seconds) is let go.
_MOST = 4
_IDLE = 600.0
# How long a fork may take, in seconds, before the run is started in another way.
_PATIENCE = 5.0

Start = Callable[[list[str], int], subprocess.Popen[bytes]]
"""Starts a Python with these arguments, which inherits this file."""


def version_key(claim: Claim, environ: Mapping[str, str], profiles: Path) -> bytes:
    """Return what two runs have in common that may be forked from one process; the profiles' file has settings."""
    variables = {name: claim.job_variables.get(name) for name in ("python", "working_dir", "pull_seconds")}
    return _digest(claim.deployment, variables, sorted(environ.items()), _stamp(profiles))


def engine_key(python: str, environ: Mapping[str, str], profiles: Path) -> bytes:
    """Return what first runs have in common that may be forked from one process."""
    return _digest(python, sorted(environ.items()), _stamp(profiles))


def _digest(*known: Any) -> bytes:
    return hashlib.sha256(msgspec.json.encode(known)).digest()


def _stamp(profiles: Path) -> int:
    return profiles.stat().st_mtime_ns if profiles.exists() else 0


class Template:
    """A fork server, seen from the worker, for `runs`; it is not forked once it is `lasts` seconds old.

    One that stays is not let go when others are wanted.
    """

    def __init__(self, runs: str, lasts: float, clock: Clock, *, stays: bool = False) -> None:
        self.lasts = lasts
        self.stays = stays
        self.made = self.used = clock.monotonic()
        self.ready = False
        self._runs = runs
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = asyncio.Lock()
        self._near, self._far = socket.socketpair()

    async def prepare(self, start: Start, claim: int | None = None) -> bool:
        """Have it load the flow of the claim in this open file, or the engine; return whether it can be forked."""
        arguments = ["-m", "segue.workers.forkserver", f"--socket={self._far.fileno()}"]
        self._process = start(arguments, self._far.fileno())
        self._far.close()
        answer = b""
        # It may end at any time, as by the user's code: then there is none.
        with contextlib.suppress(OSError):
            socket.send_fds(self._near, [ENGINE if claim is None else CLAIM], [] if claim is None else [claim])
            # Without a limit: to load a flow takes what it takes.
            self._near.setblocking(False)
            answer = await asyncio.get_running_loop().sock_recv(self._near, MAX_MESSAGE)
        self.ready = answer == READY
        if not self.ready and answer:
            reason = answer.decode("utf-8", "replace").rstrip(".")
            _LOGGER.info("%s are started cold: %s.", self._runs, reason)
        return self.ready

    async def fork(self, files: list[int]) -> int:
        """Have it fork a run that gets these files; return the guardian's pid, 0 if it cannot be forked any more."""
        async with self._lock:
            if not self.ready:
                return 0
            answer = await asyncio.to_thread(self._forked, files)
            self.ready = answer.isdigit()
            return int(answer) if self.ready else 0

    def _forked(self, files: list[int]) -> bytes:
        with contextlib.suppress(OSError):
            self._near.settimeout(_PATIENCE)
            socket.send_fds(self._near, [b"fork"], files)
            return self._near.recv(MAX_MESSAGE)
        return b""

    async def close(self) -> None:
        """Let go of it; the runs that were forked go on."""
        self.ready = False
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            # It may be in the middle of the user's code.
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._near.close()
        self._far.close()


def flow_template(claim: Claim, clock: Clock) -> Template:
    """Return a template, to be prepared, for further runs of a claimed run's deployment."""
    lasts = float(claim.job_variables.get("pull_seconds", PULL_SECONDS)) if pulls(claim) else math.inf
    return Template(f"Runs of '{claim.deployment.full_name}'", lasts, clock)


def engine_template(clock: Clock) -> Template:
    """Return a template, to be prepared, for first runs."""
    return Template("First runs of deployments", math.inf, clock, stays=True)


class Templates:
    """The templates of a worker by their keys; those that are not used are let go."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[bytes, Template] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def ready_for(self, key: bytes) -> Template | None:
        """Return the template of a key that can be forked now."""
        found = self._known.get(key)
        if found is None or not found.ready or self._clock.monotonic() - found.made > found.lasts:
            return None
        found.used = self._clock.monotonic()
        return found

    def wants(self, key: bytes) -> bool:
        """Whether there is none of this key that is fit, or was found not to be."""
        self.let_go()
        return key not in self._known

    def add(self, key: bytes, template: Template) -> None:
        """Keep a template; the one that was not used for longest has to go for it."""
        self._known[key] = template
        leaving = [one for one, known in self._known.items() if not known.stays]
        if len(leaving) > _MOST:
            self._drop(min(leaving, key=lambda one: self._known[one].used))

    def drop(self, key: bytes) -> None:
        """Let go of a template that is stale."""
        if key in self._known:
            self._drop(key)

    def let_go(self) -> None:
        """Let go of those that were not used for long, and whose code was pulled too long ago."""
        now = self._clock.monotonic()
        for key, one in list(self._known.items()):
            if (now - one.used > _IDLE and not one.stays) or now - one.made > one.lasts:
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        self.later(self._known.pop(key).close())

    def later(self, work: Any) -> None:
        """Do something beside; `close` waits for it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for what is done beside."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self) -> None:
        """Let go of all."""
        for key in list(self._known):
            self._drop(key)
        await self.settled()

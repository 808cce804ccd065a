"""ProcessLauncher: starts each run as a process on this machine, with a guardian around it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from segue.records.work import Claim
from segue.settings import Settings, profiles_path
from segue.workers import guardian
from segue.workers.launcher import Ending, LaunchFailed, Output, seconds_in, text_map
from segue.workers.pull import PULL_SECONDS
from segue.workers.reasons import explained
from segue.workers.templates import (
    Start,
    Template,
    Templates,
    engine_key,
    engine_template,
    flow_template,
    version_key,
)
from segue_events import Clock, SystemClock

__all__ = ("Ends", "GuardedRun", "ProcessLauncher", "claim_file", "environment", "process_launcher")

# What a run gets of the worker's environment: where programs are, how texts are, what time it is, and settings.
_PASSED = ("PATH", "HOME", "LANG", "TZ", "USER", "LOGNAME", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PASSED_PREFIXES = ("LC_", "PYTHON", "SEGUE_")

# How long what a guardian has said last may take through its pipe once it is gone, in seconds.
_LAST_WORDS = 2.0


def environment(variables: Mapping[str, Any], own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return a run's environment: of the worker's what is on the list, and its job variable `env`."""
    passed = {name: value for name, value in own.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}
    return {"PYTHONUNBUFFERED": "1", **passed, **text_map(variables, "env")}


@contextlib.contextmanager
def claim_file(claim: Claim) -> Generator[int]:
    """Open a file without a name that holds the claim; give its descriptor."""
    with tempfile.TemporaryFile() as file:
        file.write(msgspec.json.encode(claim))
        file.seek(0)
        yield file.fileno()


class ProcessLauncher:
    """See Launcher. Job variables: `env`, `working_dir`, `python`, `grace_seconds`, `pull_seconds`, `warm`.

    The first run of a deployment's version is forked from a process that has loaded the engine, where there is one
    with its environment and its Python; by then another is prepared that has loaded its flow, for further ones.
    """

    type = "process"

    def __init__(self, profiles: Path, clock: Clock) -> None:
        self._profiles = profiles
        self._clock = clock
        self._runs: set[GuardedRun] = set()
        self._templates = Templates(clock)
        # Of what first runs are forked from; None before somebody wants that.
        self._engine: bytes | None = None

    def make_ready(self) -> None:
        """See Launcher."""
        environ = environment({})
        key = engine_key(sys.executable, environ, self._profiles)
        if self._engine is not None and key != self._engine:
            self._templates.drop(self._engine)
        self._engine = key
        if self._templates.wants(key):
            template = engine_template(self._clock)
            self._templates.add(key, template)
            self._templates.later(template.prepare(_starter(sys.executable, environ)))

    async def launch(self, claim: Claim, output: Output) -> GuardedRun:
        """See Launcher."""
        environ, python = environment(claim.job_variables), _python(claim.job_variables)
        # Before anything is started: what is found wrong later leaves a process that nobody knows of.
        seconds_in(claim.job_variables, "pull_seconds", PULL_SECONDS)
        run = GuardedRun(output, self._runs.discard)
        with claim_file(claim) as file, run.handed_over() as ends:
            warm = claim.job_variables.get("warm", True)
            key = version_key(claim, environ, self._profiles)
            keys = [key, engine_key(python, environ, self._profiles)] if warm else []
            pid = await self._forked(keys, [file, *ends])
            run.forked = pid != 0
            collect: Callable[[], object] = int
            if not pid:
                process = _start(python, environ, file, ends)
                pid, collect = process.pid, process.wait
        self._runs.add(run)
        run.watch(pid, collect)
        if self._engine is not None:
            # What is installed, or set in the profiles, may have changed.
            self.make_ready()
        if warm and self._templates.wants(key):
            template = flow_template(claim, self._clock)
            self._templates.add(key, template)
            self._templates.later(_prepare(template, claim, run, _starter(python, environ)))
        return run

    async def _forked(self, keys: list[bytes], files: list[int]) -> int:
        """Fork a run from the first template of these that can be forked; return the guardian's pid, 0 for none."""
        for key in keys:
            template = self._templates.ready_for(key)
            if template is None:
                continue
            if pid := await template.fork(files):
                return pid
            self._templates.drop(key)
        return 0

    async def prepared(self) -> None:
        """Wait until what is being prepared for further runs is there."""
        await self._templates.settled()

    def keep_alive(self) -> None:
        """See Launcher."""
        self._templates.let_go()
        for run in list(self._runs):
            run.say(guardian.ALIVE)

    async def close(self) -> None:
        """See Launcher."""
        await self._templates.close()


def process_launcher(settings: Settings) -> ProcessLauncher:
    """Return a launcher of processes."""
    return ProcessLauncher(profiles_path(settings), SystemClock())


async def _prepare(template: Template, claim: Claim, first: GuardedRun, start: Start) -> None:
    """Prepare for further runs once the first has loaded its flow, which takes the same time."""
    if not await first.begun():
        await template.close()
        return
    with claim_file(claim) as file:
        await template.prepare(start, file)


def _starter(python: str, environ: dict[str, str]) -> Start:
    """Return what starts fork servers with this Python, in this environment."""

    def start(arguments: list[str], inherited: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [python, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            pass_fds=(inherited,),
            start_new_session=True,
        )

    return start


def _start(python: str, environ: dict[str, str], claim: int, ends: Ends) -> subprocess.Popen[bytes]:
    command = [python, "-P", "-m", "segue.workers.child", f"--claim={claim}", f"--report={ends.report}"]
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(ends.control), str(ends.report), *command],
            stdin=subprocess.DEVNULL,
            stdout=ends.output,
            stderr=ends.output,
            env=environ,
            pass_fds=(ends.control, ends.report, claim),
        )
    except OSError as error:
        raise LaunchFailed(f"A process cannot be started: {error.strerror}.") from None


def _python(variables: Mapping[str, Any]) -> str:
    given = variables.get("python") or sys.executable
    if not isinstance(given, str):
        raise LaunchFailed(f"The job variable python is {given!r}; it must be the path of a Python.")
    return given


class Ends(NamedTuple):
    """The guardian's ends of the pipes between it and the worker."""

    control: int
    report: int
    output: int


class GuardedRun:
    """A run's process with its guardian, seen from the worker; see Launched. `over` is called with it at its end."""

    def __init__(self, output: Output, over: Callable[[GuardedRun], None]) -> None:
        self._output = output
        self._over = over
        self._words: dict[str, Any] = {}
        self.guardian = 0
        self.forked = False
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._begun = asyncio.Event()
        control, self._control = os.pipe()
        self._report, report = os.pipe()
        self._written, written = os.pipe()
        self._far = Ends(control, report, written)
        # A guardian that is stopped must not stop the worker.
        os.set_blocking(self._control, False)

    @contextlib.contextmanager
    def handed_over(self) -> Generator[Ends]:
        """Give the guardian's ends of the pipes; they are closed here afterwards, and all are if that fails."""
        try:
            yield self._far
        except BaseException:
            for fd in (self._control, self._report, self._written):
                os.close(fd)
            raise
        finally:
            for fd in self._far:
                os.close(fd)

    def watch(self, pid: int, collect: Callable[[], object]) -> None:
        """Begin to listen; `pid` is the guardian's, and `collect` takes note of its end where it is a child of this."""
        self.guardian = pid
        self._task = asyncio.create_task(self._live(collect))

    async def ended(self) -> Ending:
        """See Launched."""
        return await asyncio.shield(self._ended)

    async def begun(self) -> bool:
        """Wait until the run's code was reached, or the run has ended without; return which."""
        waiting = asyncio.ensure_future(self._begun.wait())
        await asyncio.wait([waiting, self._ended], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return self._begun.is_set()

    @property
    def loading(self) -> bool:
        """See Launched."""
        return not self._begun.is_set()

    def terminate(self) -> None:
        """See Launched."""
        self.say(guardian.TERMINATE)

    def kill(self) -> None:
        """See Launched."""
        self.say(guardian.KILL)

    def say(self, word: bytes) -> None:
        """Say one of the guardian's words to it; one that is full of them, or gone, need not hear it."""
        if not self._ended.done():
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                os.write(self._control, word)

    async def _live(self, collect: Callable[[], object]) -> None:
        async with AsyncExitStack() as stack:
            # In this order: the run has ended, for whoever waits, when all this is closed.
            stack.callback(lambda: self._ended.set_result(self._ending()))
            stack.callback(self._over, self)
            stack.callback(os.close, self._control)
            reports, outputs = await _reader(self._report, stack), await _reader(self._written, stack)
            reading = asyncio.create_task(self._read_output(outputs))
            await self._read_to_end(reports, stack)
            await asyncio.to_thread(collect)
            if "end" not in self._words:
                # What is left may hold the pipe open for long.
                self._clear_up()
                reading.cancel()
            await asyncio.wait([reading])

    async def _read_to_end(self, reports: asyncio.StreamReader, stack: AsyncExitStack) -> None:
        """Read what is reported until the end is, or the guardian is gone without."""
        reading = asyncio.create_task(self._read_reports(reports))
        gone = asyncio.create_task(_gone(self.guardian, stack).wait())
        await asyncio.wait([reading, gone], return_when=asyncio.FIRST_COMPLETED)
        # Its last words are in the pipe.
        await asyncio.wait([reading], timeout=_LAST_WORDS)
        for task in (reading, gone):
            task.cancel()

    async def _read_reports(self, reports: asyncio.StreamReader) -> None:
        async for line in reports:
            with contextlib.suppress(msgspec.DecodeError):
                self._words.update(msgspec.json.decode(line, type=dict[str, Any]))
            if "begun" in self._words:
                self._begun.set()
            if "end" in self._words:
                return

    async def _read_output(self, outputs: asyncio.StreamReader) -> None:
        while data := await outputs.read(65_536):
            self._output(data)

    def _clear_up(self) -> None:
        """Kill what a guardian has left that was killed itself."""
        for group in (self.guardian, self._words.get("pid", 0)):
            if group:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)

    def _ending(self) -> Ending:
        return Ending(
            sentence=explained(self._words.get("pid", 0), self._words.get("end")),
            recorded="recorded" in self._words,
            begun="begun" in self._words,
        )


async def _reader(fd: int, stack: AsyncExitStack) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    file = os.fdopen(fd, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    stack.callback(transport.close)
    return reader


def _gone(pid: int, stack: AsyncExitStack) -> asyncio.Event:
    """Return what is set when the process has ended; where the system cannot tell, it never is."""
    gone = asyncio.Event()
    if sys.platform == "linux":
        loop = asyncio.get_running_loop()
        fd = os.pidfd_open(pid)
        stack.callback(os.close, fd)
        loop.add_reader(fd, gone.set)
        stack.callback(loop.remove_reader, fd)
    return gone

"""Processes: commands that steps run, whose output is shown while they run and kept."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import NamedTuple

import anyio
from anyio.abc import ByteReceiveStream

from segue.exceptions import StepFailed

__all__ = ("Ended", "run_command")

# So much of what a command prints is kept for later steps; the rest is only shown.
KEPT = 1_048_576


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """The last line that it complained with, or its exit code."""
        lines = (self.stderr or self.stdout).strip().splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


async def run_command(
    command: Sequence[str], *, folder: Path, environ: Mapping[str, str | None] | None = None, show: bool = False
) -> Ended:
    """Run a program in a folder, with `environ` over this process's environment, and nothing to read.

    A variable that is None there is taken away. What it prints is shown if asked for, and kept. Raises StepFailed if
    there is no such program.
    """
    merged = {name: value for name, value in {**os.environ, **(environ or {})}.items() if value is not None}
    try:
        process = await anyio.open_process(command, stdin=DEVNULL, cwd=folder, env=merged)
    except OSError as error:
        raise StepFailed(f"{command[0]} cannot be started in {folder}: {error.strerror}; is it installed?") from None
    kept: dict[str, str] = {}

    async def read(stream: ByteReceiveStream | None, name: str) -> None:
        kept[name] = await _read(stream, show) if stream is not None else ""

    async with process, anyio.create_task_group() as reading:
        reading.start_soon(read, process.stdout, "stdout")
        reading.start_soon(read, process.stderr, "stderr")
        await process.wait()
    return Ended(process.returncode or 0, kept["stdout"], kept["stderr"])


async def _read(stream: ByteReceiveStream, show: bool) -> str:
    kept = bytearray()
    async for chunk in stream:
        kept += chunk[: KEPT - len(kept)]
        if show:
            sys.stdout.write(chunk.decode(errors="replace"))
            sys.stdout.flush()
    return kept.decode(errors="replace").strip()

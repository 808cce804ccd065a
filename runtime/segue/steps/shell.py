"""run_shell_script: a step that runs a script in the shell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.exceptions import StepFailed
from segue.steps.folders import folder_inside
from segue.steps.processes import run_command

__all__ = ("run_shell_script",)


async def run_shell_script(
    script: str, *, directory: str = ".", env: Mapping[str, Any] | None = None, stream_output: bool = True
) -> dict[str, str]:
    """Run a script in the shell until its first command that fails, and put out `stdout` and `stderr`.

    `env` is added to the environment. What it prints is shown unless `stream_output` is off. Raises StepFailed if a
    command fails, or the folder is not there.
    """
    folder = folder_inside(Path.cwd(), directory, "run_shell_script")

    ended = await run_command(
        ["/bin/sh", "-e", "-c", "--", script],
        folder=folder,
        environ={name: str(value) for name, value in (env or {}).items()},
        show=stream_output,
    )
    if ended.code:
        raise StepFailed(f"The script ended with exit code {ended.code} in {folder}: {ended.reason}")
    return {"stdout": ended.stdout, "stderr": ended.stderr}

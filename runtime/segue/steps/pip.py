"""pip_install_requirements: a step that installs the packages that a project asks for."""

import sys
from pathlib import Path

from segue.exceptions import StepFailed
from segue.steps.folders import folder_inside, inside
from segue.steps.processes import run_command

__all__ = ("pip_install_requirements",)


async def pip_install_requirements(
    *, directory: str = ".", requirements_file: str = "requirements.txt", stream_output: bool = True
) -> dict[str, str]:
    """Install a requirements file of a folder into this interpreter's environment, and put out `stdout` and `stderr`.

    Raises StepFailed if the file is not there, or pip fails.
    """
    folder = folder_inside(Path.cwd(), directory, "pip_install_requirements")
    path = inside(folder, requirements_file, "pip_install_requirements")
    if not path.is_file():
        raise StepFailed(f"There is no {requirements_file} in {folder} to install; correct `requirements_file`.")
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(path)]
    ended = await run_command(command, folder=folder, show=stream_output)
    if ended.code:
        raise StepFailed(f"pip could not install {path}: {ended.reason}")
    return {"stdout": ended.stdout, "stderr": ended.stderr}

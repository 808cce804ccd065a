"""Folders: steps that go to the code of a project, or bring it here from another folder."""

import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anyio.to_thread

from segue.exceptions import StepFailed
from segue.steps.ignoring import Ignored

__all__ = ("folder_inside", "inside", "pull_from_remote_storage", "set_working_directory")


def set_working_directory(directory: str) -> dict[str, str]:
    """Make this folder the current one, for the steps after it and for the flow, and put it out as `directory`.

    A relative one is below the current folder. Raises StepFailed if it is not there, or lies outside.
    """
    folder = folder_inside(Path.cwd(), directory, "set_working_directory")
    os.chdir(folder)
    return {"directory": str(folder)}


async def pull_from_remote_storage(url: str) -> dict[str, str]:
    """Copy a folder, given by its path or as file://…, into the current one, and put its copy out as `directory`.

    What its `.segueignore` names stays behind. Raises StepFailed for a URL of another kind, and for a folder that is
    not there, or has links that lead out of it.
    """
    source = _folder_of(url)
    target = Path.cwd() / source.name
    if target == source or source in target.parents:
        raise StepFailed(f"{source} cannot be copied into itself; go to another folder first.")
    try:
        await anyio.to_thread.run_sync(_copy, source, target)
    except OSError as error:
        raise StepFailed(f"{source} cannot be copied to {target}: {error.strerror or error}.") from error
    return {"directory": str(target)}


def folder_inside(base: Path, directory: str, step: str) -> Path:
    """Return a folder as a whole path: an absolute one as it is, a relative one below `base`.

    Raises StepFailed, naming the step, if it is not there, or leads out of `base` by `..`.
    """
    path = Path(directory) if Path(directory).is_absolute() else inside(base, directory, step)
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "is not there"
        raise StepFailed(f"The folder {path} of {step} {what}; correct `directory`.")
    return path.resolve()


def inside(base: Path, relative: str, step: str) -> Path:
    """Return a path below `base`; raises StepFailed, naming the step, for one that is absolute or leads out of it."""
    path = (base / relative).resolve()
    if Path(relative).is_absolute() or not path.is_relative_to(base.resolve()) or "\0" in relative:
        raise StepFailed(f"'{relative}' of {step} leads out of {base}; write a path below it, without '..'.")
    return path


def _folder_of(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(unquote(parts.path))
    elif parts.scheme and len(parts.scheme) > 1:
        raise StepFailed(
            f"pull_from_remote_storage reads folders and file:// URLs, and nothing from {parts.scheme}://; for that,"
            " name a step that does, such as git_clone."
        )
    else:
        path = Path(url).expanduser()
    if not path.is_dir():
        raise StepFailed(f"There is no folder {path} to pull from; correct `url`.")
    return path.resolve()


def _copy(source: Path, target: Path) -> None:
    ignored = Ignored.of(source)

    def left_out(folder: str, names: list[str]) -> list[str]:
        beyond = Path(folder).relative_to(source)
        left: list[str] = []
        for name in names:
            path = source / beyond / name
            if ignored((beyond / name).as_posix(), path.is_dir()):
                left.append(name)
            elif path.is_symlink() and not path.resolve().is_relative_to(source):
                raise StepFailed(f"{path} is a link that leads out of {source}; remove it, or name it in .segueignore.")
        return left

    # Links within the folder stay links, so that nothing is copied twice or without end.
    shutil.copytree(source, target, symlinks=True, ignore=left_out, dirs_exist_ok=True)

"""Manifest: what `segue.yaml` and `deployment.yaml` of a folder say, with the place of each mistake."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from msgspec import UNSET

from segue.deploying.entries import DeploymentEntry, LimitEntry, PoolEntry, ProjectEntry, ScheduleEntry
from segue.document import MAX_BYTES, place_of, read_yaml
from segue.exceptions import InvalidProject, SettingsError
from segue.steps.templates import Sources, fill
from segue.suggestions import did_you_mean

__all__ = ("DEPLOYMENT_FILE", "PROJECT_FILE", "Declared", "Manifest", "Source", "read_manifest")

PROJECT_FILE = "segue.yaml"
DEPLOYMENT_FILE = "deployment.yaml"

_STEPS = ("build", "push", "pull")

# One step of a path as msgspec tells it: ".work_pool", "[...]" of a mapping, or "[0]".
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)

# What other tools have in such a file.
_ELSEWHERE: dict[str, str] = dict.fromkeys(("triggers", "sla"), "such a rule is made by `segue notify add-rule`")

_KEYS = [
    field.encode_name
    for kind in (DeploymentEntry, ProjectEntry, PoolEntry, ScheduleEntry, LimitEntry)
    for field in msgspec.structs.fields(kind)
]

T = TypeVar("T", DeploymentEntry, ProjectEntry)


class Source(NamedTuple):
    """A file that was read: what it is called, and its text."""

    name: str
    text: str


class Declared(NamedTuple):
    """A deployment that a file declares, as it is written there. `name` is "" for a template that nobody has named."""

    name: str
    written: Mapping[str, Any]
    source: Source
    number: int

    @property
    def place(self) -> str:
        """Which one it is, as errors say it."""
        what = f"the deployment '{self.name}'" if self.name else f"deployment {self.number}"
        return f"{self.source.name}: {what}"

    def entry(self, environ: Mapping[str, str]) -> DeploymentEntry:
        """Read it, with what the environment has for its templates, but for those of its steps.

        Raises InvalidProject with the line and the column of what cannot be.
        """
        path = ("deployments", self.number - 1)
        written = {
            key: value if key in _STEPS else fill(value, Sources(environ=environ), f"{self.place}: {key}")
            for key, value in self.written.items()
        }
        return _converted(written, DeploymentEntry, self.source, path)


class Manifest(NamedTuple):
    """A project: its folder, what holds for all of its deployments, and the deployments."""

    folder: Path
    project: ProjectEntry
    declared: tuple[Declared, ...]


def read_manifest(folder: Path, file: Path | None = None) -> Manifest:
    """Read the files of a project, or only this one; without any, it declares nothing.

    What holds for all deployments is said by `segue.yaml`, else by `deployment.yaml`. Raises InvalidProject.
    """
    if file is not None and not file.is_file():
        raise InvalidProject(f"There is no file {file}; correct its path.")
    paths = [file] if file else [path for name in (PROJECT_FILE, DEPLOYMENT_FILE) if (path := folder / name).is_file()]
    project, declared = ProjectEntry(), list[Declared]()
    for path in reversed(paths):
        source = Source(path.name, _text(path))
        document = _document(source)
        declared[:0] = _declared(document.pop("deployments", None), source)
        read = _converted(document, ProjectEntry, source, ())
        said = {key: getattr(read, key) for key in read.__struct_fields__ if getattr(read, key) not in (None, UNSET)}
        project = msgspec.structs.replace(project, **said)
    return Manifest(folder, project, tuple(declared))


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_BYTES + 1)
    except UnicodeDecodeError:
        raise InvalidProject(f"{path} is not text in UTF-8; save it as such.") from None
    except OSError as error:
        raise InvalidProject(f"{path} cannot be read: {error.strerror}.") from None


def _document(source: Source) -> dict[str, Any]:
    try:
        return _plain(read_yaml(source.text, source.name))
    except SettingsError as error:
        raise InvalidProject(str(error)) from None


def _plain(value: Any) -> Any:
    """Return the value with dates as the text that they are in JSON."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[Any]", value)]
    return value


def _declared(written: Any, source: Source) -> list[Declared]:
    if written is None:
        return []
    if not isinstance(written, list):
        raise _mistake(source, ("deployments",), "`deployments:` is no list; begin each deployment with `- name: …`")
    declared: list[Declared] = []
    for index, one in enumerate(cast("list[Any]", written)):
        if not isinstance(one, dict):
            raise _mistake(
                source, ("deployments", index), "a deployment is no mapping; write `name: …` and so on in it"
            )
        pairs = cast("dict[str, Any]", one)
        declared.append(Declared(str(pairs.get("name") or ""), pairs, source, index + 1))
    return declared


def _converted(written: Mapping[str, Any], kind: type[T], source: Source, path: Sequence[str | int]) -> T:
    try:
        # Not strictly, since what the environment has is always text: "5" is a number where one is wanted.
        return msgspec.convert(written, kind, strict=False)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        full = [*path, *(int(index) if index else key for key, index in _STEP.findall(where))]
        unknown = _UNKNOWN.match(problem)
        if unknown:
            problem = _unknown(unknown[1])
            full.append(unknown[1])
        raise _mistake(source, full, problem) from None


def _unknown(key: str) -> str:
    hint = _ELSEWHERE.get(key)
    return f"`{key}` means nothing here{f'; {hint}' if hint else ''}.{did_you_mean(key, _KEYS)}".rstrip(".")


def _mistake(source: Source, path: Sequence[str | int], problem: str) -> InvalidProject:
    place = place_of(source.text, path)
    where = f"{source.name}, {place}" if place else source.name
    within = ".".join(str(step) if isinstance(step, str) else f"{step + 1}" for step in path)
    end = "" if problem.endswith("?") else "."
    return InvalidProject(f"{where}{f' ({within})' if within else ''}: {problem}{end}")

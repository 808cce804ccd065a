"""Ignoring: the files of a project that are not copied with it, as `.segueignore` says in git's way."""

import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ("IGNORE_FILE", "Ignored")

IGNORE_FILE = ".segueignore"


class Ignored:
    """The patterns of an ignore file, of which the last that fits a path decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [pattern for line in lines if (pattern := _pattern(line))]

    @classmethod
    def of(cls, folder: Path) -> "Ignored":
        """Read the ignore file of a folder; without one, nothing is ignored."""
        path = folder / IGNORE_FILE
        return cls(path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ())

    def __call__(self, path: str, is_folder: bool) -> bool:
        """Whether a path, with `/` and seen from the project's folder, is left out.

        What is in a folder that is left out need not be asked for.
        """
        ignored = False
        for pattern, keep, folders_only in self._patterns:
            if (is_folder or not folders_only) and pattern.fullmatch(path):
                ignored = not keep
        return ignored


def _pattern(line: str) -> tuple[re.Pattern[str], bool, bool] | None:
    """Return the pattern of a line, whether it keeps what fits, and whether it is for folders only."""
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    keep = text.startswith("!")
    text = text[keep:].removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    regex = "".join(_translated(text.lstrip("/")))
    return re.compile(regex if anchored else f"(?:.*/)?{regex}", re.DOTALL), keep, folders_only


# A glob in pieces: "**/" at a beginning, "/**" at the end, then what stands for one or several characters.
_PIECES = re.compile(r"(?:(?<=/)|^)\*\*/|(?<=/)\*\*$|\*+|\?|\[[!^]?\]?[^\]/]*\]|\\.|.", re.DOTALL)


def _translated(glob: str) -> Iterable[str]:
    for piece in _PIECES.findall(glob):
        if piece == "**/":
            yield "(?:.*/)?"
        elif piece.startswith("**") and glob.endswith("/**"):
            yield ".+"
        elif piece.startswith("*"):
            yield "[^/]*"
        elif piece == "?":
            yield "[^/]"
        elif piece.startswith("[") and len(piece) > 2:
            yield _character_set(piece)
        else:
            yield re.escape(piece[-1])


def _character_set(piece: str) -> str:
    negated = piece[1] in "!^"
    members = piece[1 + negated : -1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    members = f"\\{members}" if members.startswith("^") else members
    return f"(?!/)[{'^' if negated else ''}{members}]"

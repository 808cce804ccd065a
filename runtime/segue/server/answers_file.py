"""Answers file: what was answered under Idempotency-Keys, for the server that comes after this one."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

__all__ = ("AnswersFile", "KeptAnswer")


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: to whom, at which path, under which key, to which request; kept until an instant in µs."""

    caller: str
    path: str
    key: str
    digest: bytes
    until: int
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def place(self) -> tuple[str, str, str]:
        """Whose key it is under."""
        return self.caller, self.path, self.key


class AnswersFile:
    """The file "<database>.answers", a line for each answer; for one user at a time.

    What is added outlives the process as soon as `add` returns; a loss of power may take the last ones. Every method
    raises OSError where the file cannot be used.
    """

    def __init__(self, database: Path, most: int) -> None:
        self.path = database.with_name(f"{database.name}.answers")
        self._most = most
        self._size = 0

    @property
    def is_too_large(self) -> bool:
        """Whether it has grown beyond what is to be kept, so that it should be replaced."""
        return self._size > 2 * self._most

    def read(self) -> list[KeptAnswer]:
        """Return what it holds, in the order in which that was answered; without a line that was not finished."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        self._size = len(content)
        return list(_decoded(content.split(b"\n")))

    def add(self, answer: KeptAnswer) -> None:
        """Keep one more."""
        self._size += _append(self.path, [answer], os.O_APPEND)

    def replace(self, answers: Iterable[KeptAnswer]) -> None:
        """Hold these, and nothing else."""
        new = self.path.with_name(f"{self.path.name}.new")
        self._size = _append(new, answers, os.O_TRUNC)
        new.replace(self.path)


def _append(path: Path, answers: Iterable[KeptAnswer], how: int) -> int:
    # What stands before the first one may be half a line, which a process that was killed has left.
    content = b"".join(b"\n" + msgspec.json.encode(answer) for answer in answers) + b"\n"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb") as file:
        file.write(content)
    return len(content)


def _decoded(lines: Iterable[bytes]) -> Iterator[KeptAnswer]:
    decoder = msgspec.json.Decoder(KeptAnswer)
    for line in lines:
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError:
            continue

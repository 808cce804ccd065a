"""git_clone: a step that brings the code of a repository here."""

import base64
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec

from segue.exceptions import StepFailed
from segue.steps.processes import run_command

__all__ = ("git_clone",)

_REF = re.compile(r"(?!.*(\.\.|@\{|//))[\w][\w./+@#-]*")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_BELOW = re.compile(r"(?!.*(^|/)\.\.?(/|$))[\w.][\w./ +-]*")
_FOLDER = re.compile(r"[\w][\w.+-]*")

# What `user@host:path` looks like, git's short form for ssh.
_SHORT = re.compile(r"[\w.+-]+@[\w][\w.-]*:[^:].*")

# Who a token stands for, by a part of the host's name.
_USERS = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Nothing may ask a question, since nobody would answer; no address may name a program to run; and where this is called
# from git itself, as by a hook, it is not to work on the repository there.
_ENVIRON: dict[str, str | None] = {
    **dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")),
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
}


class CloneOptions(TypedDict, total=False):
    """What besides a repository's address `git_clone` takes."""

    branch: str | None
    commit_sha: str | None
    include_submodules: bool
    access_token: str | None
    credentials: dict[str, Any] | None
    directories: list[str] | None
    clone_directory_name: str | None


async def git_clone(repository: str, **options: Unpack[CloneOptions]) -> dict[str, str]:
    """Bring a branch, tag or commit of a repository into a folder here, and put the folder out as `directory`.

    The folder is named after repository and branch, unless told; if it has that repository already, it is brought up
    to date. Of `directories` only these are brought. A token, or `credentials` with `username` and `token`, is shown
    to the server over https, and never stands in an argument. Raises StepFailed, with what git said.
    """
    wanted = _wanted(options)
    address = _address(repository, wanted)
    target = Path.cwd() / (wanted.clone_directory_name or _name_of(address.url, wanted.branch))
    if target.exists():
        await _check_same(target, address)
        await _bring(target, address, wanted)
    else:
        # Under another name until it is whole, so that a clone that failed is not taken for one.
        with tempfile.TemporaryDirectory(prefix=".clone-", dir=Path.cwd()) as made:
            fresh = Path(made) / "clone"
            fresh.mkdir()
            await _git(fresh, address, "init", "--quiet")
            await _git(fresh, address, "remote", "add", "--", "origin", address.url)
            await _bring(fresh, address, wanted)
            fresh.rename(target)
    return {"directory": str(target)}


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    branch: str | None = None
    commit_sha: str | None = None
    include_submodules: bool = False
    access_token: str | None = None
    credentials: dict[str, Any] | None = None
    directories: list[str] | None = None
    clone_directory_name: str | None = None


def _wanted(options: CloneOptions) -> _Wanted:
    try:
        wanted = msgspec.convert(options, _Wanted, strict=False)
    except msgspec.ValidationError as error:
        raise StepFailed(f"git_clone cannot take its arguments: {error}; correct that.") from None
    if wanted.branch and wanted.commit_sha:
        raise StepFailed("git_clone was given a branch and a commit; give one of them.")
    _check(wanted.branch, _REF, "branch")
    _check(wanted.commit_sha, _COMMIT, "commit_sha")
    _check(wanted.clone_directory_name, _FOLDER, "clone_directory_name")
    for directory in wanted.directories or ():
        _check(directory, _BELOW, "directories")
    return wanted


class _Address(NamedTuple):
    """Where a repository is, without secrets; and the environment that lets git in."""

    url: str
    environ: Mapping[str, str]


def _address(repository: str, wanted: _Wanted) -> _Address:
    parts = SplitResult("ssh", "", "", "", "") if _SHORT.fullmatch(repository) else _parts(repository)
    secret = _secret(wanted) or unquote(parts.password or "")
    if parts.scheme not in ("http", "https"):
        if secret:
            raise StepFailed(f"git_clone shows a token over https only; {parts.scheme or 'a path'} has no use for one.")
        return _Address(repository, {})
    host = parts.hostname or ""
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    if not secret:
        return _Address(urlunsplit(bare), {})
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise StepFailed(f"git_clone shows no token to {host} over http, where others can read it; write https://.")
    usual = next((user for name, user in _USERS.items() if name in host), "x-access-token")
    user = (wanted.credentials or {}).get("username") or unquote(parts.username or "") or usual
    # By the environment, which only the same user can read; arguments everybody can.
    shown = base64.b64encode(f"{user}:{secret}".encode()).decode()
    root = urlunsplit(bare._replace(path="/", query="", fragment=""))
    header = {"GIT_CONFIG_KEY_0": f"http.{root}.extraHeader", "GIT_CONFIG_VALUE_0": f"Authorization: Basic {shown}"}
    return _Address(urlunsplit(bare), {"GIT_CONFIG_COUNT": "1", **header})


def _parts(repository: str) -> SplitResult:
    # "::" names a program that git would run.
    if repository and repository.isprintable() and not repository.startswith("-") and "::" not in repository:
        with suppress(ValueError):
            return urlsplit(repository)
    raise StepFailed("git_clone was given a repository that is no address; write https://host/owner/name.git.")


def _secret(wanted: _Wanted) -> str:
    named = (wanted.credentials or {}).get
    return str(wanted.access_token or named("access_token") or named("token") or named("password") or "")


def _check(value: str | None, pattern: re.Pattern[str], name: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise StepFailed(f"git_clone cannot take {value[:60]!r} as `{name}`; correct it.")


def _name_of(url: str, branch: str | None) -> str:
    last = re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git")
    name = re.sub(r"[^\w.+-]", "-", last).lstrip(".+-") or "repository"
    return f"{name}-{branch.replace('/', '-')}" if branch else name


async def _check_same(target: Path, address: _Address) -> None:
    """Raise StepFailed unless the folder is a clone of this repository."""
    if not (target / ".git").is_dir() or await _git(target, address, "remote", "get-url", "origin") != address.url:
        raise StepFailed(
            f"{target} is there already, and no clone of {address.url}; remove it, or say `clone_directory_name`."
        )


async def _bring(folder: Path, address: _Address, wanted: _Wanted) -> None:
    """Have what is wanted in a folder that is a repository, with nothing of its history."""
    if wanted.directories:
        await _git(folder, address, "sparse-checkout", "set", "--cone", *wanted.directories)
    ref = wanted.branch or wanted.commit_sha or "HEAD"
    await _git(folder, address, "fetch", "--quiet", "--depth", "1", "origin", ref)
    place = ["-B", wanted.branch] if wanted.branch else ["--detach"]
    await _git(folder, address, "checkout", "--quiet", *place, "FETCH_HEAD", "--")
    if wanted.include_submodules:
        # A repository of somebody else's must not have files of this machine brought as its submodules.
        far = address._replace(environ={**address.environ, "GIT_ALLOW_PROTOCOL": "http:https:ssh"})
        await _git(folder, far, "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")


async def _git(folder: Path, address: _Address, *arguments: str) -> str:
    ended = await run_command(["git", *arguments], folder=folder, environ={**_ENVIRON, **address.environ})
    if ended.code:
        raise StepFailed(f"git could not {arguments[0]} {address.url}: {ended.reason}")
    return ended.stdout

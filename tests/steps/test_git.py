"""git_clone: what it brings, what it refuses, and that a token stands nowhere but in what the server is shown."""

import base64
import os
import subprocess
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from segue.exceptions import StepFailed
from segue.steps import git_clone

from .conftest import git_in

TOKEN = "c4n4ry"


class Guarded(BaseHTTPRequestHandler):
    """Git's own server behind a password: a repository over HTTP, for who shows the token."""

    folder: Path
    shown: list[str]

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.shown.append(self.headers.get("Authorization", ""))
        if self.shown[-1] != "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode():
            self.send_error(401)
            return
        path, _, query = self.path.partition("?")
        environ = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def served(origin: Path) -> Generator[tuple[str, list[str]]]:
    """The address of a guarded server of the repository, and what it has been shown."""
    shown: list[str] = []
    handler = type("Handler", (Guarded,), {"folder": origin.parent, "shown": shown})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/origin", shown
        server.shutdown()
        thread.join()


async def test_a_repository_is_brought_into_a_folder_of_its_name(here: Path, origin: Path) -> None:
    assert await git_clone(str(origin)) == {"directory": str(here / "origin")}

    assert (here / "origin/flows/hello.py").read_text() == "new"
    assert os.listdir(here) == ["origin"]


async def test_a_branch_has_a_folder_of_its_own(here: Path, origin: Path) -> None:
    made = await git_clone(f"file://{origin}", branch="old/one")

    assert made == {"directory": str(here / "origin-old-one")}
    assert (here / "origin-old-one/flows/hello.py").read_text() == "old"


async def test_a_commit_is_brought_by_its_hash(here: Path, origin: Path) -> None:
    await git_clone(str(origin), commit_sha=git_in(origin)("rev-parse", "main~1"), clone_directory_name="there")

    assert (here / "there/flows/hello.py").read_text() == "old"


async def test_only_some_folders_are_brought(here: Path, origin: Path) -> None:
    await git_clone(str(origin), directories=["flows"])

    assert [path.name for path in (here / "origin").iterdir() if path.name != ".git"] == ["flows"]


async def test_what_is_there_already_is_brought_up_to_date(here: Path, origin: Path) -> None:
    await git_clone(str(origin), branch="main")
    (origin / "flows/hello.py").write_text("newer")
    git_in(origin)("commit", "--quiet", "-am", "Third")

    await git_clone(str(origin), branch="main")

    assert (here / "origin-main/flows/hello.py").read_text() == "newer"


async def test_a_folder_that_is_something_else_is_left_alone(here: Path, origin: Path) -> None:
    (here / "origin").mkdir()
    (here / "origin/mine").write_text("mine")

    with pytest.raises(StepFailed, match=r"is there already, and no clone of .*; remove it, or say"):
        await git_clone(str(origin))

    assert (here / "origin/mine").read_text() == "mine"


async def test_a_clone_that_fails_leaves_nothing(here: Path, origin: Path) -> None:
    with pytest.raises(StepFailed, match=r"git could not fetch .*origin: .*no-such-branch"):
        await git_clone(str(origin), branch="no-such-branch")

    assert os.listdir(here) == []


@pytest.mark.parametrize("place", ["token", "address", "credentials"])
async def test_a_token_is_shown_to_the_server_and_left_nowhere(
    here: Path, served: tuple[str, list[str]], place: str
) -> None:
    url, shown = served
    if place == "token":
        await git_clone(url, access_token=TOKEN)
    elif place == "address":
        await git_clone(url.replace("//", f"//x-access-token:{TOKEN}@"))
    else:
        await git_clone(url, credentials={"token": TOKEN})

    assert (here / "origin/flows/hello.py").read_text() == "new"
    assert TOKEN not in (here / "origin/.git/config").read_text()
    assert "" not in shown


async def test_a_server_that_refuses_is_told_without_the_token(here: Path, served: tuple[str, list[str]]) -> None:
    with pytest.raises(StepFailed, match="git could not fetch") as raised:
        await git_clone(served[0], access_token="wr0ng")

    assert "wr0ng" not in str(raised.value)


async def test_submodules_come_from_the_same_server_with_the_same_token(
    here: Path, origin: Path, served: tuple[str, list[str]]
) -> None:
    submodule(origin, "../lib")

    await git_clone(served[0], access_token=TOKEN, include_submodules=True)

    assert (here / "origin/lib/code.py").read_text() == "code"


async def test_a_submodule_cannot_be_a_folder_of_this_machine(here: Path, origin: Path) -> None:
    submodule(origin, str(origin.parent / "lib"))

    with pytest.raises(StepFailed, match="git could not submodule"):
        await git_clone(str(origin), include_submodules=True)

    assert os.listdir(here) == []


async def test_where_git_itself_calls_it_its_repository_is_left_alone(
    here: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = git_in(origin)("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(origin / ".git"))

    await git_clone(str(origin), branch="old/one")

    monkeypatch.delenv("GIT_DIR")
    assert (here / "origin-old-one/flows/hello.py").read_text() == "old"
    assert git_in(origin)("rev-parse", "HEAD") == before


def submodule(origin: Path, url: str) -> None:
    """Give the repository a submodule, `lib`, which is beside it and is said to be at this address."""
    lib = origin.parent / "lib"
    lib.mkdir()
    git = git_in(lib)
    git("init", "--quiet", "-b", "main")
    (lib / "code.py").write_text("code")
    git("add", ".")
    git("commit", "--quiet", "-m", "First")
    git = git_in(origin)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "lib")
    git("config", "-f", ".gitmodules", "submodule.lib.url", url)
    git("commit", "--quiet", "-am", "Third")


@pytest.mark.parametrize(
    ("repository", "options"),
    [
        ("--upload-pack=touch pwned", {}),
        ("ext::sh -c 'touch pwned'", {}),
        ("fd::17", {}),
        ("", {}),
        ("x\ny", {}),
        ("{origin}", {"branch": "--upload-pack=touch pwned"}),
        ("{origin}", {"branch": "main:refs/heads/other"}),
        ("{origin}", {"branch": "main other"}),
        ("{origin}", {"commit_sha": "--help"}),
        ("{origin}", {"commit_sha": "main"}),
        ("{origin}", {"commit_sha": "abcdef0", "branch": "main"}),
        ("{origin}", {"clone_directory_name": "../elsewhere"}),
        ("{origin}", {"clone_directory_name": ".."}),
        ("{origin}", {"clone_directory_name": "-x"}),
        ("{origin}", {"directories": ["../.."]}),
        ("{origin}", {"directories": ["/etc"]}),
        ("{origin}", {"directories": ["--stdin"]}),
        ("{origin}", {"branch": ["main"]}),
        ("{origin}", {"access_token": TOKEN}),
        ("git@git.example.com:x", {"access_token": TOKEN}),
        ("http://git.example.com/x", {"access_token": TOKEN}),
        ("ssh://git@[", {}),
    ],
)
async def test_what_could_be_an_option_or_lead_elsewhere_is_refused(
    here: Path, origin: Path, repository: str, options: dict[str, Any]
) -> None:
    with pytest.raises(StepFailed, match="git_clone") as raised:
        await git_clone(repository.replace("{origin}", str(origin)), **options)

    assert TOKEN not in str(raised.value)
    assert os.listdir(here) == []

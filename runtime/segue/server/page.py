"""Page: the files of the built page, held in memory and served under a policy that lets nothing foreign run."""

import gzip
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ("FOLDER", "POLICY", "Page")

FOLDER = Path(__file__).with_name("page")
"""Where the build puts the page, and where the wheel has it."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
"""The Content Security Policy of every file of the page."""

_ABSENT = (
    "The page was not built here, so there is only the API, at /api; /api/openapi.json tells what it has. "
    "To have the page, run `make ui` in the source, and start the server again.\n"
)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
# The build names files here by what is in them: under the same name it is always the same.
_UNCHANGING = "/assets/"


class _File(NamedTuple):
    """A file in both forms it is sent in, with the headers and the tag of each."""

    plain: bytes
    packed: bytes
    headers: dict[str, str]
    tag: str


class Page:
    """The page as an ASGI app; `files` are the contents by path, and without "/index.html" it says what is missing."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {path: _file(path, content) for path, content in files.items()}
        if index := self._files.get("/index.html"):
            self._files["/"] = index

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Page":
        """Read what the build has put into the folder; nothing that is not there at this moment is ever served."""
        found = (path for path in folder.rglob("*") if path.suffix in _TYPES and path.is_file())
        return cls({f"/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in found})

    @property
    def is_built(self) -> bool:
        """Whether there is a page to be shown."""
        return "/" in self._files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return _said("The page takes GET and HEAD only.\n", HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        if not self.is_built:
            return _said(_ABSENT, HTTPStatus.NOT_FOUND)
        file = self._files.get(scope["path"].removeprefix(scope.get("root_path", "")))
        if file is None:
            return _said("The page has no such file; it begins at /.\n", HTTPStatus.NOT_FOUND)
        return _sent(file, Headers(scope=scope))


def _sent(file: _File, given: Headers) -> Response:
    is_packed = _takes_gzip(given.get("accept-encoding", "")) and len(file.packed) < len(file.plain)
    tag = f'"{file.tag}{"-gzip" if is_packed else ""}"'
    headers = {**file.headers, "ETag": tag}
    known = [one.strip().removeprefix("W/") for one in given.get("if-none-match", "").split(",")]
    if tag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if is_packed else file.plain, headers=headers)


def _said(sentence: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(sentence, status, {**_ALWAYS, **(headers or {})})


def _file(path: str, content: bytes) -> _File:
    keep = "public, max-age=31536000, immutable" if path.startswith(_UNCHANGING) else "no-cache"
    headers = {**_ALWAYS, "Content-Type": _TYPES[Path(path).suffix], "Cache-Control": keep}
    # Without a time in it: the same content makes the same bytes.
    return _File(content, gzip.compress(content, 9, mtime=0), headers, hashlib.sha256(content).hexdigest()[:20])


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

"""Problems: what a request comes to that cannot be answered as it wished, in the form of RFC 9457."""

import http
import logging
import re
from collections.abc import Mapping, Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from segue.api.types import ProblemBody, WrongField
from segue.exceptions import (
    AmbiguousDeployment,
    AmbiguousRun,
    CannotRetry,
    InvalidRun,
    SegueError,
    UnknownArtifact,
    UnknownDeployment,
    UnknownLimit,
    UnknownPool,
    UnknownRun,
    WorkError,
)
from segue_events import BusClosed, CursorError, CursorReset, JournalError, JournalFull, PayloadError

__all__ = ("Problem", "known", "problem_response", "unforeseen", "wrong")

_LOGGER = logging.getLogger("segue.server")

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that cannot be answered as it wished; raised anywhere below a route, it becomes the answer.

    `status` is the HTTP status, `detail` a sentence: what, which value, what to do. `errors` names wrong fields. `kind`
    is what clients tell problems of one status apart by; by default the words of the status.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        errors: Sequence[WrongField] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def wrong(path: str, message: str) -> Problem:
    """Return the problem of one wrong field: 422, with its path ("query.limit") and a sentence."""
    return Problem(422, f"{path} cannot be used: {message}", errors=[WrongField(path, message)])


def known(error: Exception) -> Problem | None:
    """Return what an error of the layers below means to who asked; None for one that nobody has foreseen."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return Problem(400, "The connection ended before the request did.")
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            kind = _slug(type(error)) if isinstance(error, SegueError) else ""
            return Problem(status, str(error), kind=kind, errors=_wrong_parameters(error))
    return None


def _wrong_parameters(error: Exception) -> list[WrongField]:
    faults = error.faults if isinstance(error, InvalidRun) else ()
    return [WrongField(".".join(filter(None, ("body.parameters", place))), message) for place, message in faults]


# The first that fits.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (UnknownRun, 404),
    (AmbiguousRun, 409),
    (UnknownArtifact, 404),
    (UnknownDeployment, 404),
    (UnknownPool, 404),
    (UnknownLimit, 404),
    (AmbiguousDeployment, 409),
    (CannotRetry, 409),
    (WorkError, 422),
    (CursorReset, 410),
    (CursorError, 422),
    (PayloadError, 422),
    (JournalFull, 507),
    (JournalError, 503),
    (BusClosed, 503),
)


def unforeseen(request: Request, error: Exception) -> Problem:
    """Log an error that nobody has foreseen, and return what is said of it: that it happened, and where to read why."""
    _LOGGER.error("%s %s failed.", request.method, request.url.path, exc_info=error)
    return Problem(500, "The server met an error that it did not foresee; its log has the details.")


def problem_response(problem: Problem) -> Response:
    """Return a problem as a response."""
    title = _phrase(problem.status)
    body = ProblemBody(
        type=f"urn:segue:problem:{problem.kind or title.lower().replace(' ', '-')}",
        title=title,
        status=problem.status,
        detail=problem.detail,
        errors=problem.errors,
    )
    return Response(msgspec.json.encode(body), problem.status, problem.headers, MEDIA_TYPE)


def _slug(kind: type[Exception]) -> str:
    """Return the name of an error's class as a problem's type has it: UnknownRun is unknown-run."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"

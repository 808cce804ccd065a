"""What can go wrong with a server that is asked something.

ApiError (a ServerError)
├── ServerAway         it cannot be reached, or cannot answer at present
└── RequestRefused     it answered that it will not, and why
"""

from collections.abc import Sequence

from segue.api.types import ProblemBody, WrongField
from segue.exceptions import ServerError

__all__ = ("ApiError", "RequestRefused", "ServerAway")


class ApiError(ServerError):
    """A request to a server came to nothing."""


class ServerAway(ApiError):
    """The server cannot be reached, or says that it cannot answer at present."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"The server at {url} does not answer: {reason.rstrip('.')}. "
            "Start it with `segue server start`, or correct SEGUE_API_URL."
        )
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.url, self.reason)


class RequestRefused(ApiError):
    """The server refused a request; `status` is the HTTP status, `errors` are the fields that do not fit."""

    def __init__(self, url: str, problem: ProblemBody) -> None:
        super().__init__(f"The server at {url} refused ({problem.status} {problem.title}): {problem.detail}")
        self.url = url
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.problem.status

    @property
    def kind(self) -> str:
        """Which problem it is: "unknown-run", or the words of the status: "not-found"."""
        return self.problem.type.rpartition(":")[2]

    @property
    def errors(self) -> Sequence[WrongField]:
        """The wrong fields of the request; empty where it is not about fields."""
        return self.problem.errors

    def __reduce__(self) -> tuple[type, tuple[str, ProblemBody]]:
        return type(self), (self.url, self.problem)

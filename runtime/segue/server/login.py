"""The login of the page: the cookie of a session, and the value that shows that a request comes from the page."""

import hmac

from starlette.requests import HTTPConnection
from starlette.responses import Response

from segue.server.keys import SESSION_US, Given, given_session

__all__ = ("CSRF_HEADER", "csrf_of", "forget", "remember", "session_in", "shows_csrf")

# A name with this prefix is taken by browsers only from this very host, for all paths, and never without `Secure`.
_COOKIE = "__Host-segue"
CSRF_HEADER = "x-segue-csrf"


def session_in(connection: HTTPConnection) -> Given | None:
    """Return the session that a request's cookie shows; None without such a cookie."""
    text = connection.cookies.get(_COOKIE)
    return None if text is None else given_session(text) or Given("", "")


def csrf_of(session: Given) -> str:
    """Return what a request by this session has to show if it changes something: a page elsewhere cannot know it."""
    return hmac.digest(session.secret.encode(errors="replace"), b"csrf", "sha256").hex()


def shows_csrf(connection: HTTPConnection, session: Given) -> bool:
    """Whether a request shows that value."""
    shown = connection.headers.get(CSRF_HEADER, "")
    return hmac.compare_digest(shown.encode(errors="replace"), csrf_of(session).encode())


def remember(response: Response, text: str) -> None:
    """Let the browser keep a session, out of the reach of scripts, and send it only from our own pages."""
    _set(response, text, SESSION_US // 1_000_000)


def forget(response: Response) -> None:
    """Let the browser forget the session."""
    _set(response, "", 0)


def _set(response: Response, text: str, seconds: int) -> None:
    response.set_cookie(_COOKIE, text, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")

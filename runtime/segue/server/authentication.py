"""Authentication: who calls, by an API key or by the session of the page, and whether they may do what they ask for."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from starlette.requests import HTTPConnection

from segue.server.access import Caller, Scope
from segue.server.keys import Given, Key, KeysError, KeysFile, given_key
from segue.server.login import session_in, shows_csrf
from segue.server.problems import Problem
from segue.server.rates import Rates
from segue_events import Clock

__all__ = ("ADMITTED", "Authentication", "Known")

ADMITTED = "segue.admitted"
"""What the ASGI scope of a request holds that came in, and would not have without a right to."""

_ANYBODY = Caller("anybody", Scope.ADMIN)
_NOBODY = Caller("nobody", None)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="segue"'}

# Wrong keys of one address: ten at once, then one every six seconds. Who shows a right one is never held up.
_WRONG_PER_SECOND, _WRONG_BURST = 1 / 6, 10.0


class Known(NamedTuple):
    """A caller who has shown a key, or a session begun with one."""

    key: Key
    session: Given | None

    def caller(self) -> Caller:
        """Return who that is to the routes."""
        return Caller(self.key.name, Scope[self.key.scope.upper()])


class Authentication:
    """The Access of a server: the one place that decides who may come in.

    Keys are asked for if `required`, and without that as soon as a file of keys exists: one whose last key was revoked
    lets nobody in. `per_second` bounds the requests of each caller, 0 for any number.
    """

    def __init__(
        self, keys: KeysFile, clock: Clock, *, required: bool = False, off: bool = False, per_second: float = 0.0
    ) -> None:
        self.keys = keys
        self._clock = clock
        self._required = required
        self._off = off
        self._rates = Rates(per_second, 2 * per_second) if per_second else None
        self._wrong = Rates(_WRONG_PER_SECOND, _WRONG_BURST)
        self._uses: dict[str, int] = {}

    @property
    def is_required(self) -> bool:
        """Whether callers have to show a key."""
        with _closed_when_broken():
            return not self._off and (self._required or self.keys.stamp is not None)

    # --- whoever calls ---

    async def admit(self, connection: HTTPConnection, needed: Scope | None) -> Caller:
        """See Access."""
        try:
            caller = self._caller(connection)
        except Problem:
            if needed is not None:
                raise
            caller = _NOBODY
        self._count(connection, caller)
        if needed is None:
            return caller
        if caller.scope is None or caller.scope < needed:
            raise Problem(403, f"The key '{caller.name}' may not do this; it needs one of scope {needed.name.lower()}.")
        _refuse_foreign_pages(connection)
        connection.scope[ADMITTED] = True
        return caller

    def known(self, connection: HTTPConnection) -> Known | None:
        """Return who calls, by what they show; None if they show nothing. Raises Problem if it is wrong."""
        headers = connection.headers.getlist("authorization")
        session = session_in(connection)
        if headers:
            return self._by_header(connection, headers)
        return None if session is None else self._by_session(connection, session)

    def is_let_in(self, connection: HTTPConnection) -> bool:
        """Whether who came in once would be let in still: keys are revoked and expire, and people log out."""
        try:
            self._caller(connection)
        except Problem:
            return False
        return True

    # --- the page ---

    async def login(self, connection: HTTPConnection, text: str) -> str:
        """Begin a session with the key of this text; return the session's text. Raises Problem if it is no key."""
        given = given_key(text)
        key = None if given is None else self._looked_up(given)
        if key is None:
            raise self._refusal(connection, "This is no key, or no longer one; `segue api-key create NAME` makes one.")
        with _closed_when_broken():
            return await asyncio.to_thread(self.keys.begin, key, self._clock.now_us())

    async def logout(self, connection: HTTPConnection) -> None:
        """End the session by which somebody calls; nothing if they call by a key."""
        known = None if self._off else self.known(connection)
        if known is not None and known.session is not None:
            with _closed_when_broken():
                await asyncio.to_thread(self.keys.end, known.session.id)

    # --- housekeeping ---

    def uses(self) -> dict[str, int]:
        """Return when keys were last used since this was last asked, by their ids."""
        uses, self._uses = self._uses, {}
        return uses

    def _caller(self, connection: HTTPConnection) -> Caller:
        if self._off:
            return _ANYBODY
        known = self.known(connection)
        if known is not None:
            return known.caller()
        if self.is_required:
            # Not counted as wrong: a page that is opened before the login is no attack.
            raise Problem(401, "This server asks for a key: send `Authorization: Bearer sgk_…`.", headers=_CHALLENGE)
        return _ANYBODY

    def _by_header(self, connection: HTTPConnection, headers: list[str]) -> Known:
        scheme, _, text = headers[0].partition(" ")
        given = given_key(text.strip()) if len(headers) == 1 and scheme.lower() == "bearer" else None
        key = None if given is None else self._looked_up(given)
        if key is None:
            raise self._refusal(connection, "What the header Authorization shows is no key, or no longer one.")
        self._uses[key.id] = self._clock.now_us()
        return Known(key, None)

    def _by_session(self, connection: HTTPConnection, session: Given) -> Known:
        with _closed_when_broken():
            key = self.keys.session(session, self._clock.now_us())
        if key is None:
            raise self._refusal(connection, "Your session has ended; log in again.")
        method = connection.scope.get("method", "GET")
        if method not in _SAFE and not shows_csrf(connection, session):
            raise Problem(403, "The header X-Segue-Csrf does not have the value that GET /api/me gives.")
        if connection.scope["type"] == "websocket" and "origin" not in connection.headers:
            raise Problem(403, "A websocket that is opened by a session comes from a page, with its Origin.")
        self._uses[key.id] = self._clock.now_us()
        return Known(key, session)

    def _looked_up(self, given: Given) -> Key | None:
        with _closed_when_broken():
            return self.keys.key(given, self._clock.now_us())

    def _refusal(self, connection: HTTPConnection, sentence: str) -> Problem:
        wait = self._wrong.spend(_address(connection), self._clock.monotonic())
        if wait:
            return _too_many("Too many wrong keys came from your address", wait)
        return Problem(401, sentence, headers=_CHALLENGE)

    def _count(self, connection: HTTPConnection, caller: Caller) -> None:
        if self._rates is None:
            return
        who = caller.name if caller not in (_ANYBODY, _NOBODY) else f"@{_address(connection)}"
        wait = self._rates.spend(who, self._clock.monotonic())
        if wait:
            raise _too_many("You ask more often than this server answers", wait)


@contextmanager
def _closed_when_broken() -> Generator[None]:
    """Let nobody in by a file of keys that cannot be used."""
    try:
        yield
    except KeysError as error:
        raise Problem(503, str(error)) from error


def _refuse_foreign_pages(connection: HTTPConnection) -> None:
    """Refuse what a page of another site makes the browser fetch; links that somebody follows are welcome.

    The Guard has looked at the Origin, which browsers leave out of some requests that only read.
    """
    site, mode = connection.headers.get("sec-fetch-site"), connection.headers.get("sec-fetch-mode")
    if site in ("cross-site", "same-site") and mode != "navigate" and "origin" not in connection.headers:
        raise Problem(403, "A page of another site may not make your browser ask this.")


def _address(connection: HTTPConnection) -> str:
    return "" if connection.client is None else connection.client.host


def _too_many(sentence: str, wait: float) -> Problem:
    seconds = max(1, round(wait + 0.5))
    return Problem(429, f"{sentence}; ask again in {seconds} s.", headers={"Retry-After": str(seconds)})

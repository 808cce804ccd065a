"""Idempotency: a request that is repeated under the same key is done once, and gets the same answer again."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from segue.server.access import Caller
from segue.server.problems import Problem
from segue_events import Clock

__all__ = ("Answers",)

HEADER = "idempotency-key"

_KEPT_US = 24 * 3600 * 1_000_000
_MAX_KEY = 200
_MAX_ANSWERS = 5_000
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class _Answer:
    """What was answered, until when that is kept (in µs since the epoch), and to which request."""

    digest: bytes
    until: int
    done: asyncio.Future[Response]
    size: int = 0


class Answers:
    """The answers given under keys: for 24 hours, as long as the server runs and there is room for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str, str], _Answer] = OrderedDict()
        self._bytes = 0

    async def once(self, request: Request, caller: Caller, work: Callable[[], Awaitable[Response]]) -> Response:
        """Return what the work answers, or what it has answered before under the same key of the same caller.

        Raises Problem if the key was used for another request. A request without a key is always done.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return await work()
        if not key or len(key) > _MAX_KEY:
            raise Problem(422, f"The header Idempotency-Key has {len(key)} characters; give 1 to {_MAX_KEY}.")
        place = (caller.name, request.url.path, key)
        digest = hashlib.sha256(request.url.query.encode() + b"\0" + await request.body()).digest()
        self._forget()
        kept = self._answers.get(place)
        if kept is None:
            return await self._first(place, digest, work)
        if kept.digest != digest:
            raise Problem(409, "This Idempotency-Key was used for another request; take a new one for each.")
        # The first one may still be under way, and if it is given up, this one is not.
        return _copy(await asyncio.shield(kept.done))

    async def _first(
        self, place: tuple[str, str, str], digest: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        answer = _Answer(digest, self._clock.now_us() + _KEPT_US, asyncio.get_running_loop().create_future())
        self._answers[place] = answer
        try:
            response = await work()
        except BaseException as error:
            # Nothing is kept of what failed: it may be tried again.
            del self._answers[place]
            answer.done.set_exception(error if isinstance(error, Exception) else Problem(503, "It was given up."))
            answer.done.exception()
            raise
        answer.size = len(response.body)
        self._bytes += answer.size
        answer.done.set_result(response)
        return _copy(response)

    def _forget(self) -> None:
        """Let go of what is too old, and of the oldest while there is too much."""
        now = self._clock.now_us()
        while self._answers:
            place, oldest = next(iter(self._answers.items()))
            too_many = len(self._answers) >= _MAX_ANSWERS or self._bytes > _MAX_BYTES
            if not oldest.done.done() or (oldest.until > now and not too_many):
                return
            del self._answers[place]
            self._bytes -= oldest.size


def _copy(response: Response) -> Response:
    """A response of its own: what is on the way out adds headers to it."""
    copied = Response(response.body, response.status_code)
    copied.raw_headers = list(response.raw_headers)
    return copied

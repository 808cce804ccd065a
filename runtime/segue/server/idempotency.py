"""Idempotency: a request that is repeated under the same key is done once, and gets the same answer again."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from segue.server.access import Caller
from segue.server.answers_file import AnswersFile, KeptAnswer
from segue.server.problems import Problem
from segue_events import Clock

__all__ = ("Answers",)

_LOGGER = logging.getLogger("segue.server")

HEADER = "idempotency-key"

_KEPT_US = 24 * 3600 * 1_000_000
_MAX_KEY = 200
_MAX_ANSWERS = 5_000
_MAX_BYTES = 16 * 1024 * 1024

_Place = tuple[str, str, str]


@dataclass(slots=True)
class _Answer:
    """What was answered, until when that is kept (in µs since the epoch), and to which request.

    `filed` says whether it is to be known after a restart too.
    """

    digest: bytes
    until: int
    filed: bool
    done: asyncio.Future[Response]
    size: int = 0


class Answers:
    """The answers given under keys: for 24 hours, over restarts, as long as there is room for them.

    To be made in the loop of the server. Where the file cannot be used, the log says so, and they are kept in memory.
    """

    def __init__(self, clock: Clock, database: Path) -> None:
        self._clock = clock
        self._file = AnswersFile(database, _MAX_BYTES)
        self._answers: OrderedDict[_Place, _Answer] = OrderedDict()
        self._bytes = 0
        self._writing = asyncio.Lock()
        self._recall()

    async def once(
        self, request: Request, caller: Caller, work: Callable[[], Awaitable[Response]], *, filed: bool = True
    ) -> Response:
        """Return what the work answers, or what it has answered before under the same key of the same caller.

        A request without a key is always done. `filed` says whether the answer may be written to the disk. Raises
        Problem if the key was used for another request.
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
            until = self._clock.now_us() + _KEPT_US
            return await self._first(place, _Answer(digest, until, filed, _unanswered()), work)
        if kept.digest != digest:
            raise Problem(409, "This Idempotency-Key was used for another request; take a new one for each.")
        # The first one may still be under way, and if it is given up, this one is not.
        return _copy(await asyncio.shield(kept.done))

    async def _first(self, place: _Place, answer: _Answer, work: Callable[[], Awaitable[Response]]) -> Response:
        self._answers[place] = answer
        try:
            response = await work()
        except BaseException as error:
            # Nothing is kept of what failed: it may be tried again.
            del self._answers[place]
            answer.done.set_exception(error if isinstance(error, Exception) else Problem(503, "It was given up."))
            answer.done.exception()
            raise
        self._keep(answer, response)
        if answer.filed:
            await self._write(place, answer)
        return _copy(response)

    def _keep(self, answer: _Answer, response: Response) -> None:
        answer.size = len(response.body)
        self._bytes += answer.size
        answer.done.set_result(response)

    def _recall(self) -> None:
        """Know again what an earlier server has answered; forget from the file what is too old."""
        try:
            written = self._file.read()
            for kept in {kept.place: kept for kept in written}.values():
                answer = _Answer(kept.digest, kept.until, True, _unanswered())
                response = Response(kept.body, kept.status)
                response.raw_headers = list(kept.headers)
                self._answers[kept.place] = answer
                self._keep(answer, response)
            self._forget()
            if len(self._answers) < len(written):
                self._file.replace(self._filed())
        except OSError as error:
            _LOGGER.warning("What was answered under Idempotency-Keys cannot be read: %s.", error)

    async def _write(self, place: _Place, answer: _Answer) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(self._file.add, _kept(place, answer))
                if self._file.is_too_large:
                    await asyncio.to_thread(self._file.replace, self._filed())
            except OSError as error:
                # It is done, and its client is to hear so.
                _LOGGER.warning("An answer under an Idempotency-Key will not outlive this server: %s.", error)

    def _filed(self) -> list[KeptAnswer]:
        return [_kept(place, answer) for place, answer in self._answers.items() if answer.filed and answer.done.done()]

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


def _unanswered() -> asyncio.Future[Response]:
    return asyncio.get_running_loop().create_future()


def _kept(place: _Place, answer: _Answer) -> KeptAnswer:
    caller, path, key = place
    response = answer.done.result()
    return KeptAnswer(
        caller=caller,
        path=path,
        key=key,
        digest=answer.digest,
        until=answer.until,
        status=response.status_code,
        headers=tuple(response.raw_headers),
        body=bytes(response.body),
    )


def _copy(response: Response) -> Response:
    """A response of its own: what is on the way out adds headers to it."""
    copied = Response(response.body, response.status_code)
    copied.raw_headers = list(response.raw_headers)
    return copied

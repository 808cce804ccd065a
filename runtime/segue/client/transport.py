"""Transports: one request over HTTP, asynchronous and plain; the one file of the runtime that imports httpx2."""

from types import TracebackType
from typing import Self, TypedDict

import httpx2

from segue.client.exchange import HttpRequest, HttpResponse
from segue.client.failures import ServerAway
from segue_events.stream.guard import is_loopback

__all__ = ("AsyncTransport", "Transport")

# A long-poll is answered after half a minute at the latest; a commit on a slow disk takes seconds.
_TIMEOUT = httpx2.Timeout(40.0, connect=5.0)


class AsyncTransport:
    """Sends requests in the present loop; connections are kept until it is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(timeout=_TIMEOUT, **_how(url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response; raises ServerAway when there is none."""
        try:
            response = await self._client.request(
                request.method, request.url, params=request.query, headers=request.headers, content=request.content
            )
        except httpx2.HTTPError as error:
            raise ServerAway(self._url, _said(error)) from error
        return _taken(response)


class Transport:
    """Sends requests in plain code; connections are kept until it is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx2.Client(timeout=_TIMEOUT, **_how(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response; raises ServerAway when there is none."""
        try:
            response = self._client.request(
                request.method, request.url, params=request.query, headers=request.headers, content=request.content
            )
        except httpx2.HTTPError as error:
            raise ServerAway(self._url, _said(error)) from error
        return _taken(response)


def _taken(response: httpx2.Response) -> HttpResponse:
    return HttpResponse(response.status_code, response.headers.get("retry-after"), response.content)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


class _How(TypedDict):
    trust_env: bool
    verify: bool


def _how(url: str) -> _How:
    return {
        # A proxy of the environment cannot reach this machine's own addresses.
        "trust_env": not is_loopback(httpx2.URL(url).host),
        # To read the certificates takes 30 ms, and without TLS nobody asks for them.
        "verify": url.startswith("https:"),
    }

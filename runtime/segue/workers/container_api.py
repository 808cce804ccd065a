"""ContainerApi: HTTP to whoever starts containers; the one file of the workers that imports httpx2."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import msgspec

from segue.workers.launcher import LaunchFailed

__all__ = ("ContainerApi",)

# A container may run for days without a word.
_PATIENT = httpx2.Timeout(30.0, read=None)


class ContainerApi:
    """An API at a base URL, or at a socket of this machine; `name` is what errors call it.

    The token in `token_file` is shown, read each time anew: those of clusters change. All methods raise LaunchFailed,
    with what the API says.
    """

    def __init__(
        self, name: str, url: str, *, uds: str | None = None, ca: str | None = None, token_file: str | None = None
    ) -> None:
        self._name = name
        self._url = url
        self._token_file = token_file
        transport = httpx2.AsyncHTTPTransport(uds=uds, verify=_verified(ca) if url.startswith("https:") else False)
        self._client = httpx2.AsyncClient(base_url=url, transport=transport, timeout=_PATIENT, trust_env=False)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | None = None,
        accepted: tuple[int, ...] = (),
    ) -> Any:
        """Return the JSON of the answer, None where it has none; what is not a success, nor accepted, is an error."""
        headers = self._headers("application/x-tar" if content is not None else "application/json")
        sent = content if content is not None else None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._client.request(method, path, params=query, content=sent, headers=headers)
        except httpx2.HTTPError as error:
            raise self._away(error) from None
        if answer.status_code >= 400 and answer.status_code not in accepted:
            raise self._refused(method, path, answer.status_code, answer.content)
        return _decoded(answer.content)

    @asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """Give what the API sends, as it comes."""

        async def chunks(answer: httpx2.Response) -> AsyncGenerator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            except httpx2.HTTPError as error:
                raise self._away(error) from None

        try:
            async with self._client.stream("GET", path, params=query, headers=self._headers("*/*")) as answer:
                if answer.status_code >= 400:
                    raise self._refused("GET", path, answer.status_code, await answer.aread())
                yield chunks(answer)
        except httpx2.HTTPError as error:
            raise self._away(error) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _headers(self, kind: str) -> dict[str, str]:
        headers = {"Content-Type": kind}
        if self._token_file is not None:
            with open(self._token_file, encoding="utf-8") as file:
                headers["Authorization"] = f"Bearer {file.read().strip()}"
        return headers

    def _away(self, error: Exception) -> LaunchFailed:
        return LaunchFailed(f"{self._name} at {self._url} cannot be reached: {str(error) or type(error).__name__}.")

    def _refused(self, method: str, path: str, status: int, content: bytes) -> LaunchFailed:
        said = _decoded(content)
        message = cast("dict[str, Any]", said).get("message") if isinstance(said, dict) else None
        return LaunchFailed(
            f"{self._name} refuses {method} {path} with status {status}: {message or 'without a word'}."
        )


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None


def _verified(ca: str | None) -> Any:
    return httpx2.create_ssl_context(verify=ca or True)

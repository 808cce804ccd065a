"""Probe: asks a server, over HTTP, whether it is ready."""

import http.client
import json
from typing import NamedTuple, cast
from urllib.parse import urlsplit

__all__ = ("Answer", "ask")

_SECONDS = 5.0


class Answer(NamedTuple):
    """What a server said: `reason` is why it is not ready, "" if it is."""

    url: str = ""
    version: str = ""
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether the server does its work."""
        return not self.reason


def ask(api_url: str) -> Answer:
    """Ask the server whose API is at this URL; anybody may, so no key is shown."""
    try:
        status, ready = _get(f"{api_url.rstrip('/')}/ready")
        _, version = _get(f"{api_url.rstrip('/')}/version")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(api_url, reason=f"The server at {api_url} cannot be reached: {error or type(error).__name__}.")
    reason = "" if status == 200 else str(ready.get("detail") or f"it answers {status}")
    return Answer(
        api_url, str(version.get("version", "")), reason and f"The server at {api_url} is not ready: {reason}"
    )


def _get(url: str) -> tuple[int, dict[str, object]]:
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or parts.hostname is None:
        raise ValueError("it is no http:// or https:// URL")
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(65_536))
        return response.status, cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    finally:
        connection.close()

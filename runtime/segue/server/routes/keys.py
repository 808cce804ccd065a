"""Routes of API keys: list, create, revoke."""

import asyncio
from typing import Any

from segue.api.admission import KeyBody, KeyMade, KeyRequest, Keys
from segue.api.types import instant_text
from segue.server.access import Scope
from segue.server.bodies import instant_or_none
from segue.server.keys import Key, KeysError, given_key
from segue.server.problems import Problem
from segue.server.routing import Call, Route

__all__ = ("ROUTES",)


async def keys(call: Call[Any, Any]) -> Keys:
    """List all keys, without their secrets."""
    return Keys([_body(key) for key in call.wiring.authentication.keys.keys])


async def create(call: Call[Any, KeyRequest]) -> KeyMade:
    """Make a key."""
    asked, now = call.body, call.wiring.clock.now_us()
    expires = None if asked.expires_in_seconds is None else now + round(asked.expires_in_seconds * 1e6)
    file = call.wiring.authentication.keys
    try:
        text = await asyncio.to_thread(file.create, asked.name, asked.scope, now, expires)
    except KeysError as error:
        raise Problem(409, str(error)) from error
    given = given_key(text)
    return KeyMade(id="" if given is None else given.id, key=text)


async def revoke(call: Call[Any, Any]) -> None:
    """Revoke a key by its id or name, and end all sessions begun with it."""
    try:
        await asyncio.to_thread(call.wiring.authentication.keys.revoke, call.path("key"))
    except KeysError as error:
        raise Problem(404, str(error)) from error


def _body(key: Key) -> KeyBody:
    return KeyBody(
        id=key.id,
        name=key.name,
        scope=key.scope,
        created=instant_text(key.created),
        expires=instant_or_none(key.expires),
        last_used=instant_or_none(key.last_used),
    )


ADMIN = Scope.ADMIN

ROUTES = (
    Route("GET", "/api/keys", ADMIN, keys, "API keys", Keys),
    Route("POST", "/api/keys", ADMIN, create, "Make an API key", KeyMade, body=KeyRequest, status=201, filed=False),
    Route("DELETE", "/api/keys/{key}", ADMIN, revoke, "Revoke an API key", status=204),
)

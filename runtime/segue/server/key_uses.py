"""Key uses: writes down, now and then, when keys were last used; not at each request, which would cost it a commit."""

import asyncio

from segue.server.authentication import Authentication

__all__ = ("KeyUses",)

_EVERY = 15.0


class KeyUses:
    """A service that brings the uses of keys into their file."""

    name = "key-uses"

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def step(self, now: int) -> float:
        """See Service."""
        uses = self._authentication.uses()
        if uses:
            await asyncio.to_thread(self._authentication.keys.used, uses)
        return _EVERY

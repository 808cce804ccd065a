"""Access: who calls, what they may do, and the protocol of whoever decides it."""

from enum import IntEnum
from typing import Protocol

import msgspec
from starlette.requests import HTTPConnection

__all__ = ("Access", "Caller", "OpenAccess", "Scope")


class Scope(IntEnum):
    """What a caller may do; who may do more may do all that is less."""

    READ = 1
    RUN = 2
    ADMIN = 3


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a name to write down, and the most they may do."""

    name: str
    scope: Scope | None


class Access(Protocol):
    """Decides who may come in; asked once for each request and websocket, before its route does anything."""

    async def admit(self, connection: HTTPConnection, needed: Scope | None) -> Caller:
        """Return who calls; raises Problem if they may not do what needs this scope. None: anybody may."""
        ...


class OpenAccess:
    """Lets everybody do everything: for a server that only this machine's user can reach."""

    async def admit(self, connection: HTTPConnection, needed: Scope | None) -> Caller:
        """See Access."""
        return Caller("anybody", Scope.ADMIN)

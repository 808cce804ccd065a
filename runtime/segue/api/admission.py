"""Wire types of who may use a server: keys, the login of the page, and who one is."""

from typing import Annotated, Literal

import msgspec

from segue.api.types import Instant

__all__ = ("KeyBody", "KeyMade", "KeyRequest", "Keys", "Login", "Me", "ScopeName")

ScopeName = Literal["read", "run", "admin"]


class KeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret; `expires` and `last_used` are null for never."""

    id: str
    name: str
    scope: ScopeName
    created: Instant
    expires: Instant | None
    last_used: Instant | None


class Keys(msgspec.Struct, frozen=True):
    """All keys, in the order of their making."""

    items: list[KeyBody]


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a key; without `expires_in_seconds` it is valid until it is revoked."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scope: ScopeName = "run"
    expires_in_seconds: Annotated[float, msgspec.Meta(gt=0, le=3.2e9)] | None = None


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; its text is told this once."""

    id: str
    key: str


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log in with a key."""

    key: Annotated[str, msgspec.Meta(max_length=200)]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who one is to the server.

    `csrf` is what the header X-Segue-Csrf has to hold in requests of a session that change something, null without a
    session. `login` is whether the server asks for keys at all.
    """

    name: str
    scope: ScopeName
    csrf: str | None
    login: bool

"""Target: where messages can go, as people configure it."""

import msgspec


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `most` messages in `per` seconds."""

    most: int = 30
    per: float = 60.0


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A URL under a name.

    `name` is shown everywhere, `url` nowhere: it holds tokens. Rules pick targets by `tags`. Within `timeout`
    seconds an attempt has to be done. `secret` signs what is posted to a webhook.
    """

    name: str
    url: str
    tags: tuple[str, ...] = ()
    rate: Rate = Rate()
    timeout: float = 30.0
    secret: str = ""

    def __repr__(self) -> str:
        return f"Target({self.name!r})"

"""Who may open a connection at all: checks of the Host and Origin headers, before anything is sent.

Host is checked against DNS rebinding (a hostile name that resolves to 127.0.0.1), Origin against pages of other sites,
which browsers let open websockets to anywhere.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ("Guard", "is_loopback")

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

# A host name or IPv4 address, or an IPv6 address in brackets; then perhaps a port. Nothing else is a Host.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z._-]{1,253}))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Guard:
    """The hosts and origins let in, besides this machine's own names and pages served under them at the same port.

    `hosts` are names without a port ("segue.example.org"); `origins` are whole ("https://segue.example.org").
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> str | None:
        """Judge a request by all its Host and all its Origin headers; None when it may come in, else the reason."""
        if len(hosts) != 1:
            return f"A request has one Host header; this one has {len(hosts)}."
        if _name(hosts[0]) not in LOOPBACK_NAMES.union(host.lower() for host in self.hosts):
            return "This Host is not served here; name it in `hosts` if it should be."
        if len(origins) > 1 or not all(self._admits(origin, hosts[0]) for origin in origins):
            return "Pages of this Origin may not connect; name it in `origins` if they should."
        return None

    def _admits(self, origin: str, host: str) -> bool:
        if origin in self.origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def is_loopback(host: str) -> bool:
    """Whether a server bound to this host is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str | None:
    """The name in a Host header, without its port, in lower case; None when it is none."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else None

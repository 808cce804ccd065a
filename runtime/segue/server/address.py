"""Address: where a server listens, who may reach it there, and under which names."""

import socket
from typing import Any, NamedTuple

from segue.server.refusal import CannotServe
from segue.settings import Settings
from segue_events.stream.guard import Guard, is_loopback

__all__ = ("Address", "guard_of", "listen")

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_BACKLOG = 2048


class Address(NamedTuple):
    """Where a server listens: the host as it was asked for, the IP address that stands for it, and the port."""

    host: str
    ip: str
    port: int

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.ip)

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all addresses of this machine."""
        return self.ip in _WILDCARDS

    @property
    def url(self) -> str:
        """Where the server is found from this machine."""
        host = _WILDCARDS[self.ip] if self.is_wildcard else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def listen(host: str, port: int) -> tuple[socket.socket, Address]:
    """Listen at a host (a name or an IP address) and port, 0 for any; raises CannotServe if that cannot be."""
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE, proto=socket.IPPROTO_TCP
        )[0]
        listener = _listening(family, (place[0], place[1]))
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotServe(
            f"The server cannot listen at {host[:200]}, port {port}: {reason}. Set another by --host and --port."
        ) from error
    ip, taken = listener.getsockname()[:2]
    return listener, Address(host, ip, taken)


def _listening(family: socket.AddressFamily, place: tuple[Any, Any]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # The port of a server that has just ended can be taken again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Or the body of each answer would wait for the client to acknowledge its head, 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def guard_of(settings: Settings, address: Address) -> Guard:
    """Return the guard that lets in what this server is called, and the pages it is told of."""
    own = () if address.is_wildcard else (address.host, address.ip)
    return Guard(hosts=(*settings.server_hosts, *own), origins=settings.server_origins)

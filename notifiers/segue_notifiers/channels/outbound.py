"""Policy: where messages may go, decided on the very address that is connected to; Outlet: one target's way there."""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from segue_events import Clock, SystemClock
from segue_notifiers.channels.addresses import address_of, networks_of, objection_to
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import Forbidden, NotDelivered

# What these do happens on this machine: they show something, write a file or start a program.
LOCAL_SCHEMES = frozenset(
    {
        *("blink1", "dbus", "exec", "file", "gio", "glib", "gnome"),
        *("kde", "macosx", "qt", "script", "sendmail", "syslog", "windows"),
    }
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Which schemes and addresses messages may go to.

    Without `schemes`, all but those that act on this machine. `allow` are networks ("10.0.0.0/8", "127.0.0.1") that
    are permitted although they are not of the public internet. Raises InvalidChannel if one cannot be read.
    """

    schemes: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        networks_of(self.allow)

    def check_scheme(self, scheme: str, name: str) -> None:
        """Raise Forbidden if the target `name` may not have a URL that begins with this scheme.

        A list that names "webhook" permits webhook+http and webhook+https.
        """
        known = {scheme, scheme.partition("+")[0]}
        if known & set(self.schemes) if self.schemes else not known & LOCAL_SCHEMES:
            return
        why = "is not among those that are allowed" if self.schemes else "acts on this machine itself"
        raise Forbidden(
            f"{name} may not use {scheme}://, which {why}; add {scheme} to the setting notify_allow_schemes,"
            " next to all others that are in use, if it is meant."
        )

    def check(self, address: str, name: str = "The target") -> None:
        """Raise Forbidden if no message of the target `name` may go to this IP address."""
        if (what := self._objection(address)) is not None:
            raise _forbidden(name, what)

    async def resolve(self, host: str, port: int, name: str = "The target") -> list[str]:
        """The addresses of a host that messages may go to, in the resolver's order.

        Raises NotDelivered where the host has no address now, Forbidden where it has none that is permitted.
        """
        # Not the event loop's resolver: it has a few threads for all, which hosts that do not resolve keep busy.
        try:
            found = await asyncio.wrap_future(call_in_daemon_thread(lambda: look_up(host, port), "segue-resolve"))
        except OSError as error:
            reason = f"The host of {name} cannot be resolved ({error.strerror})."
        else:
            return self.permitted(found, name)
        # Outside of the handler, so that what the resolver says of the host does not follow the error about.
        raise NotDelivered(reason)

    def permitted(self, addresses: Iterable[str], name: str = "The target") -> list[str]:
        """Those of a host's addresses that messages may go to; raises Forbidden if there is none."""
        objections = [(address, self._objection(address)) for address in addresses]
        allowed = [address for address, objection in objections if objection is None]
        if not allowed:
            raise _forbidden(name, next((what for _, what in objections if what), "no address"))
        return allowed

    def _objection(self, address: str) -> str | None:
        return objection_to(address_of(address), networks_of(self.allow))


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """What every channel has: the target's `name`, the policy, the seconds for an attempt, and a clock."""

    name: str
    policy: Policy = Policy()
    timeout: float = 30.0
    clock: Clock = msgspec.field(default_factory=SystemClock)


class Place(NamedTuple):
    """A host, by name or address, and a port."""

    host: str
    port: int


def check_literal(place: Place, outlet: Outlet) -> None:
    """Raise Forbidden at once where the host is an address and no message may go there."""
    try:
        ip_address(place.host)
    except ValueError:
        return
    outlet.policy.check(place.host, outlet.name)


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, by the machine's resolver; blocks, and raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(0, "the name cannot be written in DNS") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _forbidden(name: str, what: str) -> Forbidden:
    return Forbidden(
        f"{name} leads to {what}, where messages may not go; add its network to the setting notify_allow_networks"
        " if it is meant."
    )

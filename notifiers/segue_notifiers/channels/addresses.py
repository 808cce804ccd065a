"""IP addresses: which of them are of the public internet, and what the others are."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from segue_notifiers.errors import InvalidChannel

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where clouds tell their machines about themselves, secrets included; the second one looks public.
_METADATA = frozenset({ip_address("169.254.169.254"), ip_address("168.63.129.16"), ip_address("fd00:ec2::254")})

# Where IPv6 wraps an IPv4 address in its last 32 bits: NAT64, mapped, translated, compatible.
_WRAPPING = tuple(
    IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0/96", "::ffff:0:0:0/96", "::/96")
)


def objection_to(address: Address, allowed: Sequence[Network]) -> str | None:
    """What an address is, in words, if it is neither of the public internet nor in an allowed network; else None."""
    forms = [address, *_wrapped(address)]
    if any(form in network for form in forms for network in allowed):
        return None
    return next((kind for form in reversed(forms) if (kind := _kind(form))), None)


def address_of(text: str) -> Address:
    """An IP address from its text."""
    # A scope ("fe80::1%eth0") says which wire, not where to.
    return ip_address(text.partition("%")[0])


@lru_cache(maxsize=16)
def networks_of(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Networks from their texts; raises InvalidChannel that names the one which cannot be read."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip(), strict=False))
        except ValueError:
            raise InvalidChannel(
                f"The setting notify_allow_networks has {text!r}, which is no network; write it like 10.0.0.0/8."
            ) from None
    return tuple(networks)


def _wrapped(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end up at."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.sixtofour, *(address.teredo or ())]
    # "::" and "::1" lie in ::/96 and are not wrappings of anything.
    if int(address) > 1 and any(address in network for network in _WRAPPING):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _kind(address: Address) -> str | None:
    """What an address is that is not of the public internet, in words; None for one that is."""
    if address in _METADATA:
        return "an address of the cloud's own (metadata)"
    tests = (
        (address.is_unspecified, "the address of no host"),
        (address.is_loopback, "this machine (a loopback address)"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
    )
    for holds, what in tests:
        if holds:
            return what
    if _is_wrapping(address):
        return None
    if not address.is_global or address.is_reserved or (isinstance(address, IPv6Address) and address.is_site_local):
        return "a private or reserved address"
    return None


def _is_wrapping(address: Address) -> bool:
    # Judged by the IPv4 address inside.
    return isinstance(address, IPv6Address) and bool(_wrapped(address))

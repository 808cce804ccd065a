"""Messages go to the public internet, and elsewhere only where a setting permits it."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers import InvalidChannel
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import Forbidden, NotDelivered

NOT_PUBLIC = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.1.1"),
    *("168.63.129.16", "0.0.0.0", "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254"),
    *("ff02::1", "2001:db8::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_forbidden(address: str) -> None:
    with pytest.raises(Forbidden, match=r"ops leads to .*; add its network to the setting notify_allow_networks"):
        Policy().check(address, "ops")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public_is_permitted(address: str) -> None:
    Policy().check(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: IPv4Address) -> None:
    """Mapped into IPv6, by NAT64 or 6to4, it leads to where it led."""

    def permitted(text: str) -> bool:
        try:
            Policy().check(text)
        except Forbidden:
            return False
        return True

    number = int(address)
    sixtofour = IPv6Address((0x2002 << 112) | (number << 80))
    plain = permitted(str(address))
    assert permitted(f"::ffff:{address}") == plain
    assert permitted(str(IPv6Address((0x64FF9B << 96) | number))) == plain
    assert permitted(str(sixtofour)) == plain


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("10.0.0.5", "10.0.0.5"),
        ("fd00::/8", "fd00::1"),
        ("10.0.0.0/8", "::ffff:10.1.1.1"),
    ],
)
def test_a_network_that_is_allowed(network: str, address: str) -> None:
    Policy(allow=(network,)).check(address)


def test_other_networks_stay_forbidden() -> None:
    with pytest.raises(Forbidden):
        Policy(allow=("127.0.0.0/8",)).check("10.0.0.1")


def test_what_is_no_network_is_told_at_once() -> None:
    with pytest.raises(InvalidChannel, match=r"notify_allow_networks has '10.0.0/8x', which is no network"):
        Policy(allow=("10.0.0/8x",))


@pytest.mark.parametrize("scheme", ["syslog", "dbus", "gnome", "macosx", "windows", "exec"])
def test_what_acts_on_this_machine_needs_a_permission(scheme: str) -> None:
    with pytest.raises(Forbidden, match=f"desk may not use {scheme}://, .* add {scheme} to .* notify_allow_schemes"):
        Policy().check_scheme(scheme, "desk")
    Policy(schemes=(scheme,)).check_scheme(scheme, "desk")


def test_a_list_of_schemes_permits_nothing_else() -> None:
    policy = Policy(schemes=("slack", "webhook"))
    policy.check_scheme("slack", "ops")
    policy.check_scheme("webhook+https", "ops")
    with pytest.raises(Forbidden):
        policy.check_scheme("mailto", "ops")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "::1"])
async def test_a_host_is_judged_by_its_addresses(host: str) -> None:
    """Also where its name is another way to write an address."""
    with pytest.raises(Forbidden, match="this machine"):
        await Policy().resolve(host, 80)


async def test_an_allowed_host_is_resolved_to_what_is_connected_to() -> None:
    assert await Policy(allow=("127.0.0.0/8",)).resolve("localhost", 80) == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["a" * 64, "a" * 300])
async def test_a_host_without_an_address_may_have_one_later(host: str) -> None:
    with pytest.raises(NotDelivered, match="The host of ops cannot be resolved") as failed:
        await Policy().resolve(host, 80, "ops")

    assert host not in str(failed.value)
    assert not failed.value.final
    assert failed.value.__context__ is None

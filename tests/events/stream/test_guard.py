"""Which Host and Origin headers are let in."""

import pytest

from segue_events.stream.guard import Guard, is_loopback

GUARD = Guard(hosts=("Segue.example.org",), origins=("https://segue.example.org",))


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("127.0.0.1:4200", []),
        ("LOCALHOST", []),
        ("[::1]:4200", []),
        ("segue.example.org:443", []),
        ("segue.example.org", ["https://segue.example.org"]),
        ("localhost:4200", ["http://localhost:4200"]),
    ],
)
def test_own_names_are_let_in(host: str, origins: list[str]) -> None:
    assert GUARD.refusal([host], origins) is None


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example"],
        ["127.0.0.1.evil.example"],
        ["127.0.0.1@evil.example"],
        ["127.0.0.1:x"],
        ["127.0.0.1", "127.0.0.1"],
        ["127.0.0.1\t"],
        ["[::1"],
        ["[::1]evil.example"],
        ["ⓛocalhost"],
        ["2130706433"],
    ],
)
def test_other_hosts_are_refused(hosts: list[str]) -> None:
    assert GUARD.refusal(hosts, [])


@pytest.mark.parametrize(
    "origins",
    [
        [""],
        ["null"],
        ["https://evil.example"],
        ["http://localhost:3000"],
        ["http://localhost:4200.evil.example"],
        ["file://localhost:4200"],
        ["https://segue.example.org:8443"],
        ["http://[::1"],
        ["http://localhost:4200", "https://evil.example"],
    ],
)
def test_pages_of_other_origins_are_refused(origins: list[str]) -> None:
    assert GUARD.refusal(["localhost:4200"], origins)


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("", False),
        ("::", False),
    ],
)
def test_loopback_addresses_are_told_from_others(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here

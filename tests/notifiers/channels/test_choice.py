"""Which channel a URL means, and what is told at once of those that mean none."""

from typing import Any

import pytest

from segue_notifiers import AppriseChannel, InvalidChannel, LogChannel
from segue_notifiers.channels.choice import channel_of, check
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.channels.terminal_channel import TerminalChannel
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.errors import Forbidden
from segue_notifiers.target import Rate, Target

CANARY = "c4n4ry-t0ken"
LOOPBACK = Policy(allow=("127.0.0.0/8",))


def target(url: str, secret: str = "") -> Target:
    return Target(name="ops", url=url, secret=secret)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("log://", LogChannel),
        ("terminal://", TerminalChannel),
        ("webhook+https://example.com/x", WebhookChannel),
        ("WEBHOOK+HTTP://example.com/x", WebhookChannel),
        ("json://example.com/x", AppriseChannel),
        ("mailto://me:pass@example.com", AppriseChannel),
    ],
)
def test_the_channel_of_a_url(url: str, kind: type) -> None:
    channel = channel_of(target(url), Policy())

    assert isinstance(channel, kind)
    assert channel.name == "ops"


@pytest.mark.parametrize("url", ["", CANARY, f"://{CANARY}", f"{CANARY}:/x"])
def test_a_url_without_a_scheme_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidChannel) as invalid:
        channel_of(target(url), Policy())

    assert str(invalid.value) == "The URL of ops does not begin like mailto:// or slack://; correct it."


def test_a_scheme_that_acts_on_this_machine_is_forbidden() -> None:
    with pytest.raises(Forbidden, match="ops may not use syslog://"):
        channel_of(target("syslog://"), Policy())


def test_a_secret_that_would_sign_nothing_is_an_error() -> None:
    with pytest.raises(InvalidChannel, match="ops has a secret, which only signs"):
        channel_of(target("log://", CANARY), Policy())


@pytest.mark.parametrize("url", ["webhook+http://127.0.0.1/", "webhook+http://localhost/", "webhook+http://127.1/"])
def test_saving_a_target_whose_host_is_forbidden(url: str) -> None:
    check(target(url), LOOPBACK)
    with pytest.raises(Forbidden, match="ops leads to this machine"):
        check(target(url), Policy())


def test_saving_a_target_whose_host_cannot_be_looked_up_now() -> None:
    check(target(f"webhook+https://{'a' * 64}.invalid"), Policy())


def test_saving_a_url_that_apprise_does_not_know() -> None:
    with pytest.raises(InvalidChannel, match="Apprise knows no slak://") as invalid:
        check(target(f"slak://{CANARY}"), Policy())

    assert CANARY not in str(invalid.value)


def test_a_list_of_schemes_counts_for_a_services_own_page_too() -> None:
    page = target("https://hooks.slack.com/services/T1/B1/X1")

    channel_of(page, Policy(schemes=("slack",)))
    with pytest.raises(Forbidden, match="ops may not use slack://"):
        channel_of(page, Policy(schemes=("https",)))


def test_a_list_of_schemes_counts_for_what_apprise_makes_of_a_page() -> None:
    page = target("https://webhook.site/00000000-0000")

    with pytest.raises(InvalidChannel, match="webhook\\+https://"):
        check(page, Policy(schemes=("slack",)))


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1/", "mailto://me:pass@localhost:25/?to=a@x.test", "ntfys://127.0.0.1/x"]
)
def test_saving_what_apprise_would_connect_to_a_forbidden_host(url: str) -> None:
    check(target(url), LOOPBACK)
    with pytest.raises(Forbidden, match="ops leads to this machine"):
        check(target(url), Policy())


def test_a_token_is_not_taken_for_a_host() -> None:
    """It would be asked for in DNS."""
    channel = channel_of(target("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"), Policy())

    assert isinstance(channel, AppriseChannel)
    assert channel.load() == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"timeout": 0}, "0 seconds, so that each would fail"),
        ({"timeout": -1}, "-1 seconds"),
        ({"timeout": float("nan")}, "nan seconds"),
        ({"rate": Rate(most=0)}, "a rate of 0 messages in 60 seconds"),
        ({"rate": Rate(per=-1)}, "30 messages in -1 seconds"),
    ],
)
def test_limits_under_which_nothing_can_be_sent_are_refused(limits: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidChannel, match=words):
        channel_of(Target(name="ops", url="log://", **limits), Policy())

"""The choice of a channel: which one a target's URL means."""

import re
from collections.abc import Callable, Mapping

from segue_events import Clock, SystemClock
from segue_notifiers.channel import Channel
from segue_notifiers.channels.apprise_channel import AppriseChannel
from segue_notifiers.channels.discord_channel import HOOKS as DISCORD_HOOKS
from segue_notifiers.channels.discord_channel import discord_of
from segue_notifiers.channels.email_channel import EmailChannel
from segue_notifiers.channels.log_channel import LogChannel
from segue_notifiers.channels.outbound import Outlet, Place, Policy, look_up
from segue_notifiers.channels.slack_channel import HOOKS as SLACK_HOOKS
from segue_notifiers.channels.slack_channel import slack_of
from segue_notifiers.channels.teams_channel import teams_of
from segue_notifiers.channels.terminal_channel import TerminalChannel
from segue_notifiers.channels.url import scheme_of
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.target import Target

Maker = Callable[[Target, Outlet], Channel | None]
"""Makes a channel of a target; None where the URL asks for what only Apprise can do."""

SYSTEM_CLOCK = SystemClock()


def channel_of(target: Target, policy: Policy, clock: Clock = SYSTEM_CLOCK) -> Channel:
    """The channel for a target: one of our own where there is one for its URL, Apprise's otherwise.

    Nothing is sent, looked up or imported yet. Raises InvalidChannel, or Forbidden, where it can be known by now
    that no message will ever go there.
    """
    _check_limits(target)
    scheme = scheme_of(target.url)
    if not scheme:
        raise InvalidChannel(f"The URL of {target.name} does not begin like mailto:// or slack://; correct it.")
    # A service's own https:// URL is its service's; which one the others are for, only Apprise knows.
    service = next((name for page, name in _PAGES if page.match(target.url)), scheme)
    if service not in ("http", "https"):
        policy.check_scheme(service, target.name)
    outlet = Outlet(name=target.name, policy=policy, timeout=target.timeout, clock=clock)
    maker = _MAKERS.get(service)
    channel = None if maker is None else maker(target, outlet)
    if channel is None:
        channel = AppriseChannel(target.url, target.name, policy)
    if target.secret and not isinstance(channel, WebhookChannel):
        raise InvalidChannel(
            f"{target.name} has a secret, which only signs what is posted to webhook+https:// URLs; leave it out."
        )
    return channel


def check(target: Target, policy: Policy) -> None:
    """What saving a target has to try: raises InvalidChannel or Forbidden for one that can never be sent to.

    May import Apprise, and looks up the host; one that cannot be looked up now is not held against the target.
    """
    channel = channel_of(target, policy)
    places = channel.load() if isinstance(channel, AppriseChannel) else [_place_of(channel)]
    for place in places:
        if place is None:
            continue
        try:
            addresses = look_up(*place)
        except OSError:
            continue
        policy.permitted(addresses, target.name)


def _check_limits(target: Target) -> None:
    if not target.timeout > 0:
        raise InvalidChannel(f"{target.name} gives an attempt {target.timeout:g} seconds, so that each would fail.")
    if target.rate.most < 1 or not target.rate.per > 0:
        raise InvalidChannel(
            f"{target.name} has a rate of {target.rate.most} messages in {target.rate.per:g} seconds; write at least 1"
            " for `most`, and a time above 0 for `per`."
        )


def _place_of(channel: Channel) -> Place | None:
    place = getattr(channel, "place", None)
    return place if isinstance(place, Place) else None


def _webhook(target: Target, outlet: Outlet) -> Channel:
    return WebhookChannel(target.url.partition("+")[2], outlet, target.secret)


def _email(target: Target, outlet: Outlet) -> Channel:
    return EmailChannel(target.url, outlet)


def _log(target: Target, outlet: Outlet) -> Channel:
    return LogChannel(target.name)


def _terminal(target: Target, outlet: Outlet) -> Channel:
    return TerminalChannel(target.name)


_MAKERS: Mapping[str, Maker] = {
    "discord": discord_of,
    "discord+http": discord_of,
    "discord+https": discord_of,
    "log": _log,
    "slack": slack_of,
    "slack+http": slack_of,
    "slack+https": slack_of,
    "smtp": _email,
    "smtps": _email,
    "teams+http": teams_of,
    "teams+https": teams_of,
    "terminal": _terminal,
    "webhook+http": _webhook,
    "webhook+https": _webhook,
    "workflow": teams_of,
    "workflows": teams_of,
}

# The URLs that these services themselves give out.
_PAGES = (
    (re.compile(re.escape(SLACK_HOOKS), re.IGNORECASE), "slack"),
    (re.compile(re.escape(DISCORD_HOOKS), re.IGNORECASE), "discord"),
    (re.compile(r"https://[a-z0-9.-]+\.(logic\.azure|api\.powerplatform)\.com(:443)?/", re.IGNORECASE), "workflow"),
)

"""The choice of a channel: which one a target's URL means."""

from collections.abc import Callable, Mapping

from segue_events import Clock, SystemClock
from segue_notifiers.channel import Channel
from segue_notifiers.channels.apprise_channel import AppriseChannel
from segue_notifiers.channels.log_channel import LogChannel
from segue_notifiers.channels.outbound import Outlet, Place, Policy, look_up
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
    scheme = scheme_of(target.url)
    if not scheme:
        raise InvalidChannel(f"The URL of {target.name} does not begin like mailto:// or slack://; correct it.")
    policy.check_scheme(scheme, target.name)
    outlet = Outlet(name=target.name, policy=policy, timeout=target.timeout, clock=clock)
    maker = _MAKERS.get(scheme)
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
    places = channel.load_places() if isinstance(channel, AppriseChannel) else [_place_of(channel)]
    for place in places:
        if place is None:
            continue
        try:
            addresses = look_up(*place)
        except OSError:
            continue
        policy.permitted(addresses, target.name)


def _place_of(channel: Channel) -> Place | None:
    place = getattr(channel, "place", None)
    return place if isinstance(place, Place) else None


def _webhook(target: Target, outlet: Outlet) -> Channel:
    return WebhookChannel(target.url.partition("+")[2], outlet, target.secret)


def _log(target: Target, outlet: Outlet) -> Channel:
    return LogChannel(target.name)


def _terminal(target: Target, outlet: Outlet) -> Channel:
    return TerminalChannel(target.name)


_MAKERS: Mapping[str, Maker] = {
    "log": _log,
    "terminal": _terminal,
    "webhook+http": _webhook,
    "webhook+https": _webhook,
}

"""The channel for Slack: an incoming webhook, or a bot's token and a channel."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import msgspec

from segue_notifiers.channels.chat_text import MARKS, cut, last_lines
from segue_notifiers.channels.outbound import Outlet
from segue_notifiers.channels.posting_channel import PostingChannel
from segue_notifiers.channels.url import Entries, inner_url, scheme_of
from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.message import Message
from segue_notifiers.target import Target

MOST_TEXT = 3_000
MOST_LINES = 800
HOOKS = "https://hooks.slack.com/services/"

_BOTS = "https://slack.com/api/chat.postMessage"
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_ROOM = re.compile(r"#?[A-Za-z0-9_-]+")

# What Slack says in a 200 when it is about the moment and not about the message.
_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"}) | {
    "request_timeout"
}


class SlackChannel(PostingChannel):
    """Tells a Slack channel: by the webhook that is made for it, or as a bot by its `token` in the channel `room`."""

    def __init__(self, url: str, outlet: Outlet, *, token: str = "", room: str = "") -> None:
        super().__init__(url, outlet, token)
        self._token = token
        self._room = room

    async def send(self, message: Message) -> None:
        """Post the message; raises NotDelivered, also where Slack says no in an answer that looks like a yes."""
        document: dict[str, Any] = {"text": text_of(message), "unfurl_links": False}
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self._room:
            document["channel"] = self._room
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        complain(await self.post_document(msgspec.json.encode(document), headers))


def text_of(message: Message) -> str:
    """The message in Slack's own marks."""
    title = _escaped(message.title)
    if message.link:
        title = f"<{_escaped(message.link)}|{title}>"
    lines = _escaped(last_lines(message, MOST_LINES)).replace("```", "'''")
    log = f"\n```{lines}```" if lines else ""
    return f"{MARKS[message.severity]} *{title}*\n{_escaped(cut(message.body, MOST_TEXT))}{log}"


def complain(answer: str) -> None:
    """Raise NotDelivered if Slack's answer is {"ok": false, …}."""
    try:
        said = msgspec.json.decode(answer, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        # A webhook's answer: the word ok.
        return
    if said.get("ok") is not False:
        return
    error = str(said.get("error", ""))
    # Its errors are words of its own; what is not like one could be anything, such as our token.
    known = error if re.fullmatch(r"[a-z_]{1,60}", error) else "no reason"
    raise NotDelivered(f"Slack answers ok: false, {known}.", final=known not in _PASSING)


def slack_of(target: Target, outlet: Outlet) -> SlackChannel | None:
    """The channel for slack://A/B/C, slack://xoxb-…/room, a webhook's https:// URL, or slack+https:// with one.

    In the last form, user or password is a bot's token and `?to=` its room. None for what else Apprise reads.
    """
    if scheme_of(target.url) == "slack":
        return _by_tokens(Entries.of(target.url), outlet)
    if scheme_of(target.url) == "https":
        return SlackChannel(target.url, outlet)
    try:
        parts = urlsplit(inner_url(target.url))
    except ValueError:
        return SlackChannel(inner_url(target.url), outlet)
    login, _, host = parts.netloc.rpartition("@")
    token = unquote(login.rpartition(":")[2] or login.partition(":")[0])
    room = parse_qs(parts.query).get("to", [""])[0]
    if bool(token) != bool(room):
        raise InvalidChannel(f"The URL of {target.name} has a bot's token without ?to=room, or the other way round.")
    return SlackChannel(urlunsplit((parts.scheme, host, parts.path, "", "")), outlet, token=token, room=room)


def _by_tokens(entries: Entries, outlet: Outlet) -> SlackChannel | None:
    match entries:
        case Entries((a, b, c), "") if all(_TOKEN.fullmatch(token) for token in (a, b, c)):
            return SlackChannel(f"{HOOKS}{a}/{b}/{c}", outlet)
        case Entries((token, room), "") if token.startswith("xox") and _ROOM.fullmatch(room):
            return SlackChannel(_BOTS, outlet, token=token, room=room)
        case _:
            return None


def _escaped(text: str) -> str:
    # So that no body calls the whole channel together.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

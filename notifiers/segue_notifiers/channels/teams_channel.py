"""The channel for Microsoft Teams: an adaptive card, posted to a workflow's webhook."""

import re
from typing import Any

import msgspec

from segue_notifiers.channels.chat_text import cut, escaped_markdown, last_lines
from segue_notifiers.channels.http import Answer, refusal
from segue_notifiers.channels.outbound import Outlet
from segue_notifiers.channels.posting_channel import PostingChannel
from segue_notifiers.channels.url import Entries, inner_url, scheme_of
from segue_notifiers.message import Message, Severity
from segue_notifiers.redaction import Redactor
from segue_notifiers.target import Target

# Teams takes 28 kB in all, counted after the text has become JSON.
MOST_TEXT = 6_000
MOST_LINES = 2_000

_COLORS: dict[Severity, str] = {"info": "Accent", "success": "Good", "warning": "Warning", "failure": "Attention"}
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_REFUSED = re.compile(r"returned HTTP error (\d{3})")


class TeamsChannel(PostingChannel):
    """Tells a Teams channel by the webhook of a workflow that is made for it."""

    def __init__(self, url: str, outlet: Outlet) -> None:
        super().__init__(url, outlet)
        self._outlet = outlet
        self._redact = Redactor(url)

    async def send(self, message: Message) -> None:
        """Post the message; raises NotDelivered, also where Teams says no in an answer that looks like a yes."""
        body = msgspec.json.encode(card_of(message))
        answer = await self.post_document(body, {"Content-Type": "application/json"})
        if "delivery failed" in answer.lower():
            status = _REFUSED.search(answer)
            said = Answer(status=int(status[1]) if status else 500, text=answer)
            raise refusal(said, self._redact, self._outlet.clock)


def card_of(message: Message) -> dict[str, Any]:
    """The message as an adaptive card."""
    title = {"type": "TextBlock", "text": escaped_markdown(message.title), "weight": "Bolder", "size": "Medium"}
    body: list[dict[str, Any]] = [{**title, "color": _COLORS[message.severity], "wrap": True}]
    if message.body:
        body.append(_block(cut(message.body, MOST_TEXT)))
    if lines := last_lines(message, MOST_LINES):
        body.append({**_block(lines), "fontType": "Monospace", "separator": True})
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "full"},
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def teams_of(target: Target, outlet: Outlet) -> TeamsChannel | None:
    """The channel for workflow://host/workflow/signature, a webhook's https:// URL, or teams+https:// with one.

    None for what else Apprise reads.
    """
    if scheme_of(target.url) == "https":
        return TeamsChannel(target.url, outlet)
    if scheme_of(target.url) not in ("workflow", "workflows"):
        return TeamsChannel(inner_url(target.url), outlet)
    match Entries.of(target.url):
        case Entries((host, workflow, signature), "") if _TOKEN.fullmatch(workflow) and _TOKEN.fullmatch(signature):
            path = f"workflows/{workflow}/triggers/manual/paths/invoke"
            query = f"api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={signature}"
            return TeamsChannel(f"https://{host}/{path}?{query}", outlet)
        case _:
            return None


def _block(text: str) -> dict[str, Any]:
    # One line break of Markdown is none; two are one.
    return {"type": "TextBlock", "text": escaped_markdown(text).replace("\n", "\n\n"), "wrap": True}

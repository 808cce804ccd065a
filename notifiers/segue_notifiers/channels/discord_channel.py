"""The channel for Discord: a webhook, with the attachments as files."""

import hashlib
import re
from typing import Any

import msgspec

from segue_notifiers.channels.chat_text import COLORS, cut, escaped_markdown
from segue_notifiers.channels.outbound import Outlet
from segue_notifiers.channels.posting_channel import PostingChannel
from segue_notifiers.channels.url import Entries, inner_url, scheme_of
from segue_notifiers.message import Attachment, Message
from segue_notifiers.target import Target

MOST_TITLE = 256
MOST_TEXT = 4_000
# What Discord takes in all, with room for the rest of the request.
MOST_FILES = 9_000_000
HOOKS = "https://discord.com/api/webhooks/"

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[^A-Za-z0-9._-]")


class DiscordChannel(PostingChannel):
    """Tells a Discord channel by the webhook that is made for it."""

    def __init__(self, url: str, outlet: Outlet) -> None:
        # Without it, Discord says yes before it knows whether the message can be kept.
        joint = "&" if "?" in url else "?"
        super().__init__(f"{url}{joint}wait=true", outlet, url)

    async def send(self, message: Message) -> None:
        """Post the message; raises NotDelivered, with the rest that Discord asks for."""
        document = msgspec.json.encode(document_of(message))
        files = _fitting(message.attachments)
        if not files:
            await self.post_document(document, {"Content-Type": "application/json"})
            return
        boundary = f"segue-{hashlib.sha256(document).hexdigest()[:32]}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        await self.post_document(form_of(document, files, boundary), headers)


def document_of(message: Message) -> dict[str, Any]:
    """The message as an embed, which calls nobody by name."""
    embed = {
        "title": cut(" ".join(message.title.split()), MOST_TITLE),
        "description": cut(message.markdown or escaped_markdown(message.body), MOST_TEXT),
        "color": COLORS[message.severity],
    }
    if message.link:
        embed["url"] = message.link
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def form_of(document: bytes, files: tuple[Attachment, ...], boundary: str) -> bytes:
    """A form of the document and files, as browsers send it."""
    parts = [
        b'Content-Disposition: form-data; name="payload_json"\r\nContent-Type: application/json\r\n\r\n' + document
    ]
    for number, file in enumerate(files):
        name = _NAME.sub("_", file.name)
        named = f'Content-Disposition: form-data; name="files[{number}]"; filename="{name}"\r\n\r\n'
        parts.append(named.encode() + file.content)
    line = f"--{boundary}".encode()
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def discord_of(target: Target, outlet: Outlet) -> DiscordChannel | None:
    """The channel for discord://id/token, a webhook's https:// URL, or discord+https:// with one.

    None for what else Apprise reads.
    """
    if scheme_of(target.url) == "https":
        return DiscordChannel(target.url, outlet)
    if scheme_of(target.url) != "discord":
        return DiscordChannel(inner_url(target.url), outlet)
    match Entries.of(target.url):
        case Entries((number, token), "") if number.isdecimal() and _TOKEN.fullmatch(token):
            return DiscordChannel(f"{HOOKS}{number}/{token}", outlet)
        case _:
            return None


def _fitting(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    # A message without its log is better than none; what is too large is left out.
    room = MOST_FILES
    fitting: list[Attachment] = []
    for file in files[:10]:
        if len(file.content) <= room:
            room -= len(file.content)
            fitting.append(file)
    return tuple(fitting)

"""PostingChannel: what all channels have in common that post to one URL."""

from segue_notifiers.channels.http import Document, HttpPost
from segue_notifiers.channels.outbound import Outlet, Place


class PostingChannel:
    """A channel that posts to an http(s) URL, which nothing of this object shows; `secrets` are hidden besides.

    Raises InvalidChannel or Forbidden for a URL that cannot be meant so.
    """

    def __init__(self, url: str, outlet: Outlet, *secrets: str) -> None:
        self.name = outlet.name
        self._way = HttpPost(url, outlet, *secrets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def place(self) -> Place:
        """Where it connects to."""
        return self._way.place

    async def open(self) -> None:
        """Make ready to send."""
        await self._way.open()

    async def post_document(self, body: bytes, headers: dict[str, str]) -> str:
        """Post it, and return what a target that took it says; raises NotDelivered or Forbidden."""
        return await self._way.post(Document(body=body, headers={"User-Agent": "segue", **headers}))

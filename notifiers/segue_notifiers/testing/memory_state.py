"""MemoryState: what a notifier keeps over restarts, for as long as the object lasts."""

from segue_notifiers.outbox.state import NOTHING, Kept


class MemoryState:
    """A state that is not written anywhere."""

    def __init__(self) -> None:
        self.kept = NOTHING

    async def get(self) -> Kept:
        """What was put last."""
        return self.kept

    async def put(self, kept: Kept) -> None:
        """Keep it."""
        self.kept = kept

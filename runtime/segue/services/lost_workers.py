"""Lost workers: takes the runs of workers that give no sign of life, and forgets slots that nobody renews."""

from segue.work.local import LocalWork

__all__ = ("LostWorkers",)

# Seconds between two looks: with the lease, what is lost is known within 35 s.
_EVERY = 5.0
# Who has not looked for so many seconds was stopped or asleep meanwhile.
_AWAY = 15.0


class LostWorkers:
    """A service that has lost workers let go of their runs: what had begun has Crashed, what had not waits again.

    Workers may give signs of life to this process only, as to a server: then nobody is lost before it has been there
    for `patience` seconds, since they could not say anything while it was away.
    """

    name = "workers"

    def __init__(self, work: LocalWork, patience: float = 0.0) -> None:
        self._work = work
        self._patience = round(patience * 1e6)
        self._back = self._looked = 0

    async def step(self, now: int) -> float:
        """See Service."""
        if not 0 <= now - self._looked <= _AWAY * 1e6:
            self._back = now
        self._looked = now
        if now - self._back >= self._patience:
            await self._work.sweep(now)
        return _EVERY

"""Lost workers: takes the runs of workers that give no sign of life, and forgets slots that nobody renews."""

from segue.work.local import LocalWork

__all__ = ("LostWorkers",)

# Seconds between two looks: with the lease, what is lost is known within 35 s.
_EVERY = 5.0


class LostWorkers:
    """A service that has lost workers let go of their runs: what had begun has Crashed, what had not waits again."""

    name = "workers"

    def __init__(self, work: LocalWork) -> None:
        self._work = work

    async def step(self, now: int) -> float:
        """See Service."""
        await self._work.sweep(now)
        return _EVERY

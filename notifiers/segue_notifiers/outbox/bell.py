"""Bell: lets a coroutine wait for news or for an instant, whichever comes first."""

import anyio

from segue_events import Clock


class Bell:
    """Rung by whoever has news, for the one that waits for it. A ring is kept until somebody waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Wake the one that waits."""
        self._rung.set()

    async def wait(self, seconds: float | None) -> None:
        """Wait until the next ring, but no longer than so many seconds; None for however long it takes."""
        if seconds is None:
            await self._rung.wait()
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(self._until, seconds, group.cancel_scope)
                await self._rung.wait()
                group.cancel_scope.cancel()
        self._rung = anyio.Event() if self._rung.is_set() else self._rung

    async def _until(self, seconds: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(seconds)
        scope.cancel()

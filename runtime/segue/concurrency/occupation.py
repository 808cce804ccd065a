"""Occupation: slots that a block of code holds while it runs, in plain code and in coroutines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from logging import Logger
from typing import Any

from segue.context import RunContext, current_run
from segue.engine.shielding import shielded
from segue.engine.world import world_of
from segue.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    BlockingInLoopError,
    ConcurrencySlotAcquisitionError,
    InvalidWork,
    SlotsLost,
    UnknownLimit,
)
from segue.futures import running_loop
from segue.logging import RunLogger, get_logger, run_logger
from segue.records.work import Limit
from segue.slots import Held, Slots, Wanted

__all__ = ("TRY_SECONDS", "Occupation")

TRY_SECONDS = 5.0
"""How long each further try waits for slots, where they are counted."""

_INSTEAD = "`async with concurrency(…)` or `await rate_limit(…)` of segue.concurrency.asyncio"


class Occupation:
    """A `with` and `async with` inside of which slots are held.

    Entered, it waits for them up to `patience` seconds; None: as long as it takes.
    Raises ConcurrencySlotAcquisitionError where they cannot be had, AcquireConcurrencySlotTimeoutError where they
    were not in time, and with `raises_when_lost` SlotsLost at the end of a block whose slots others have got; a
    coroutine is cancelled for that reason.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        patience: float | None = None,
        raises_when_lost: bool = False,
    ) -> None:
        self._context: RunContext | None = current_run.get()
        self._wanted = wanted
        self._patience = patience
        self._raises = raises_when_lost
        self._slots: Slots = world_of(self._context).backend.slots
        self._held: Held | None = None
        self._process = os.getpid()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    # --- in plain code ---

    def take(self) -> Held:
        """Wait for the slots and return them."""
        with _explained():
            held = self._slots.take(self._wanted, 0.0).wait()
            if held is None and self._patience != 0:
                if running_loop() is not None:
                    raise BlockingInLoopError(f"slots of {_quoted(self._wanted.names)}", _INSTEAD)
                self._say_why(self._slots.why_not(self._wanted).result())
                held = self._slots.take(self._wanted, self._patience).wait()
        if not self._bound(held).lease.limits:
            self._warn_of_unknown(self._slots.look(anew=True).result())
        return self._bound(held)

    def __enter__(self) -> None:
        self._held = self.take()

    def __exit__(self, *_: object) -> None:
        # A forked process may leave a block that is its parent's.
        if self._held is not None and self._process == os.getpid():
            self._held.release().exception()
            self._tell_of_loss(self._held)

    # --- in coroutines ---

    async def take_async(self) -> Held:
        """Do in a coroutine what `take` does in plain code."""
        with _explained():
            held = await self._slots.take(self._wanted, 0.0).wait_async()
            if held is None and self._patience != 0:
                self._say_why(await asyncio.wrap_future(self._slots.why_not(self._wanted)))
                held = await self._slots.take(self._wanted, self._patience).wait_async()
        if not self._bound(held).lease.limits:
            self._warn_of_unknown(await asyncio.wrap_future(self._slots.look(anew=True)))
        return self._bound(held)

    async def __aenter__(self) -> None:
        self._held = await self.take_async()
        if self._raises:
            self._task = asyncio.current_task()
            loop = asyncio.get_running_loop()
            self._held.when_lost(lambda: loop.call_soon_threadsafe(self._cancel))

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if self._held is None or self._process != os.getpid():
            return
        released = asyncio.wrap_future(self._held.release())
        with shielded():
            await asyncio.wait([released])
        released.exception()
        if self._cancelled and task is not None:
            task.uncancel()
        self._tell_of_loss(self._held)

    def _cancel(self) -> None:
        if self._task is not None:
            self._cancelled = True
            self._task.cancel()

    # --- what is said of it ---

    def _bound(self, held: Held | None) -> Held:
        if held is None:
            raise AcquireConcurrencySlotTimeoutError(
                f"Slots of {_quoted(self._wanted.names)} were not free within {self._patience or 0:g} seconds. "
                "Allow more time, or raise the limit."
            )
        return held

    def _tell_of_loss(self, held: Held) -> None:
        if not held.lost:
            return
        lost = f"The slots of {_quoted(held.lease.limits)} could not be kept to the end, and others may have had them."
        if self._raises:
            raise SlotsLost(lost)
        self._logger().warning(lost)

    def _say_why(self, reason: str) -> None:
        self._logger().info(reason)

    def _warn_of_unknown(self, known: Mapping[str, Limit]) -> None:
        unknown = [name for name in self._wanted.names if name not in known]
        if unknown:
            text = "There is no limit %s, so nothing is limited by it. Create it, or have strict=True refuse this."
            self._logger().warning(text, _quoted(unknown))

    def _logger(self) -> Logger | RunLogger:
        return get_logger("concurrency") if self._context is None else run_logger(self._context)


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except (InvalidWork, UnknownLimit) as error:
        raise ConcurrencySlotAcquisitionError(str(error)) from error


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)

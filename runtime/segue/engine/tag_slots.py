"""The slots that a task run holds of the limits on its tags: taken before it runs, given back when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from segue.context import RunContext, TaskRunContext
from segue.lifecycle import WARNING
from segue.logging import RunLogger
from segue.slots import Asking, Held, Slots, Wanted
from segue.states import State, StateType

_HOLDS = frozenset({StateType.PENDING, StateType.RUNNING})


def tag_slots(context: TaskRunContext, logger: Callable[[], RunLogger]) -> TagSlots | None:
    """Return the slots of a run that has tags; None if it was looked up within a second that no limit is on them."""
    limited = context.world.backend.slots.tag_limits()
    if limited is not None and limited.isdisjoint(context.task_run.tags):
        return None
    return TagSlots(context, logger)


class TagSlots:
    """The slots of one task run, on whose tags there are limits, or may be."""

    __slots__ = ("_asking", "_context", "_held", "_logger", "_over", "_slots")

    def __init__(self, context: TaskRunContext, logger: Callable[[], RunLogger]) -> None:
        self._context = context
        self._logger = logger
        self._slots: Slots = context.world.backend.slots
        self._asking: Asking | None = None
        self._held: Held | None = None
        self._over = False

    def take(self, wait: bool) -> str | None:
        """Take the slots; return what they are waited for if they are not free, and not to be waited for."""
        if self._slots.tag_limits() is None:
            self._slots.look().result()
        wanted = self._wanted()
        if wanted is None:
            return None
        self._asking = self._slots.take(wanted, None if wait else 0.0)
        if self._got(wanted, self._asking.wait()) or wait:
            return None
        return self._slots.why_not(wanted).result()

    async def take_async(self, wait: bool) -> str | None:
        """Do in a coroutine what `take` does in plain code."""
        if self._slots.tag_limits() is None:
            await asyncio.wrap_future(self._slots.look())
        wanted = self._wanted()
        if wanted is None:
            return None
        self._asking = self._slots.take(wanted, None if wait else 0.0)
        if self._got(wanted, await self._asking.wait_async()) or wait:
            return None
        return await asyncio.wrap_future(self._slots.why_not(wanted))

    def entered(self, state: State[Any]) -> None:
        """Give the slots back if the run does not need them in this state."""
        if state.type in _HOLDS:
            return
        if state.is_final():
            # First this, then the rest: what another thread is given just now, it gives back itself.
            self._over = True
            if self._asking is not None:
                self._asking.give_up()
        self._give_back()

    def _wanted(self) -> Wanted | None:
        """Return what the run has to take: one slot of each limit on its tags that no run around it holds for it."""
        run = self._context.task_run
        limited = self._slots.tag_limits()
        if self._held is not None or not limited or limited.isdisjoint(run.tags):
            return None
        names = limited.intersection(run.tags) - _held_around(self._context.parent)
        return Wanted(tuple(sorted(names)), 1, run.flow_run_id or run.id) if names else None

    def _got(self, wanted: Wanted, held: Held | None) -> bool:
        if held is None:
            return False
        self._asking = None
        held.when_lost(self._lost)
        self._held, self._context.limits = held, frozenset(wanted.names)
        if self._over:
            self._give_back()
        return True

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._context.limits = frozenset()
            held.release()

    def _lost(self) -> None:
        names = ", ".join(f"'{name}'" for name in self._context.limits)
        text = "The run's slots of %s could not be kept, and others may have them now; the run goes on."
        self._logger().log(WARNING, text, names)


def _held_around(context: RunContext | None) -> frozenset[str]:
    """Return the limits of which the runs around hold slots: one that waited for these again would wait for itself."""
    held: frozenset[str] = frozenset()
    while context is not None:
        if isinstance(context, TaskRunContext):
            held |= context.limits
        elif context.parent is None and context.deployment is not None:
            # A worker was given the run once it had slots of all limits on its tags.
            held |= frozenset(context.flow_run.tags)
        context = context.parent
    return held

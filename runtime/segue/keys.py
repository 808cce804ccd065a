"""Step keys: which step of its run a task call is, the same in every life of the run."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from typing import Any

from segue_events.forking import fork_safe_lock

_lock = fork_safe_lock()


class Scope:
    """A path of spawned asyncio tasks within one run: the root is "", the n-th task started from it "~n".

    Two calls of a step with equal inputs are told apart by their ordinal within one scope. A scope is what
    makes these ordinals independent of how concurrent branches happen to interleave.
    """

    __slots__ = ("_children", "_ordinals", "path")

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._children = 0
        # By the digest's hash, which is a third of its size: a run of 100,000 steps keeps them all.
        self._ordinals: dict[int, int] = {}

    def child(self) -> Scope:
        """Return the scope of the next asyncio task that is spawned from this one."""
        with _lock:
            self._children += 1
            return Scope(f"{self.path}~{self._children}")

    def ordinal(self, digest: str) -> int:
        """Count the call with this digest of name and inputs: 0 for the first one in this scope."""
        key = hash(digest)
        with _lock:
            count = self._ordinals.get(key, 0)
            self._ordinals[key] = count + 1
        return count


current_scope: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("segue_scope", default=None)


def install_scopes(loop: asyncio.AbstractEventLoop) -> None:
    """Give each asyncio task spawned within a run a scope of its own.

    A loop that has a task factory of somebody else is left alone: its tasks share their spawner's scope,
    and the inputs' hash alone tells the steps apart.
    """
    if loop.get_task_factory() is None:
        loop.set_task_factory(_scoped_task)


def _scoped_task(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    *,
    context: contextvars.Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    scope = current_scope.get() if context is None else context.get(current_scope)
    if scope is not None:
        context = contextvars.copy_context() if context is None else context
        context.run(current_scope.set, scope.child())
    return asyncio.Task(coro, loop=loop, context=context, **options)  # pyright: ignore[reportArgumentType]

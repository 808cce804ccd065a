"""Chains: a sequence at work; events that come in an order."""

import msgspec

from segue_notifiers.firing import News
from segue_notifiers.rules.cause import KEPT, Cause, instant, microseconds
from segue_notifiers.rules.match import CompiledMatch
from segue_notifiers.rules.rule import Sequence


class ChainMemory(msgspec.Struct, tag="chains"):
    """For each number of steps the best chain of events that has come so far: the one that began last."""

    chains: list[list[News]] = []


class Chains:
    """Follows the steps of a sequence, and begins anew once all were taken."""

    def __init__(self, condition: Sequence) -> None:
        self._steps = [CompiledMatch(step) for step in condition.steps]
        self._within = microseconds(condition.within)

    def fresh(self) -> ChainMemory:
        return ChainMemory(chains=[[] for _ in self._steps])

    def see(self, memory: ChainMemory, news: News, now: int) -> list[Cause]:
        at = instant(news, now)
        # Backwards, so that an event takes one step of a chain and no more.
        for taken in reversed(range(len(self._steps))):
            if self._steps[taken].matches(news):
                self._extend(memory, taken, news, at)
        if not memory.chains[-1]:
            return []
        chain = memory.chains[-1]
        memory.chains = self.fresh().chains
        key = tuple(one.event.id for one in chain)
        return [Cause(at=at, key=key, news=tuple(chain[-KEPT:]), count=len(chain))]

    def due(self, memory: ChainMemory, now: int) -> list[Cause]:
        return []

    def next_due(self, memory: ChainMemory) -> int | None:
        return None

    def is_idle(self, memory: ChainMemory, newest: int) -> bool:
        return all(not chain or chain[0].event.occurred + self._within < newest for chain in memory.chains)

    def _extend(self, memory: ChainMemory, taken: int, news: News, at: int) -> None:
        """Let the news be the step number `taken` of the chain before it, if that is better than what is there."""
        before = memory.chains[taken - 1] if taken else []
        if taken and (not before or at - before[0].event.occurred > self._within):
            return
        chain = [*before, news]
        there = memory.chains[taken]
        if not there or chain[0].event.occurred >= there[0].event.occurred:
            memory.chains[taken] = chain

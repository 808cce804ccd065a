"""Worker: takes runs of a pool as they fall due, has them launched, and says how they ended."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.lowlevel

from segue import states
from segue.exceptions import InvalidWork, SegueError
from segue.logging import get_logger
from segue.records.work import LEASE_SECONDS, Claim, WorkerInfo
from segue.states import State
from segue.workers.guardian import ALIVE_EVERY
from segue.workers.launcher import GRACE_SECONDS, Ending, Launched, Launcher, Output, grace_seconds
from segue_events import Clock, EventsError

if TYPE_CHECKING:
    from segue.work.protocol import Work

__all__ = ("Options", "RunSink", "Worker")

T = TypeVar("T")

# A claim waits for so long (seconds) before it is made again; and after a failure, so long at first and at last.
_WAIT = 20.0
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 15.0
_NOT_BEGUN = "It was cancelled before it had begun."
# So long runs that are terminated have to end by themselves.
_PARTING = 10.0

RunSink = Callable[[Claim], tuple[Output, Callable[[], None]]]
"""Makes what takes the output of a claimed run, and what is called at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a worker works: `limit` runs at a time; `run_once` takes what is due now and ends.

    `grace` is how many seconds runs have to come to their end once the worker is asked to end, `beat_every` how many
    pass between two signs of life. `sent` waits until all that ended runs have told of themselves has arrived.
    """

    limit: int
    run_once: bool = False
    grace: float = math.inf
    beat_every: float = LEASE_SECONDS / 3
    sent: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint


class _Held:
    """A run that the worker holds."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.launched: Launched | None = None
        self.grace = GRACE_SECONDS
        # Somebody wants it stopped; or it is another's by now.
        self.stopping = False
        self.lost = False

    def kill(self) -> None:
        if self.launched is not None:
            self.launched.kill()


class Worker:
    """Serves a pool in the present loop until it is asked to end."""

    def __init__(
        self, work: Work, launcher: Launcher, info: WorkerInfo, clock: Clock, sink: RunSink, options: Options
    ) -> None:
        self._work = work
        self._launcher = launcher
        self.info = info
        self._clock = clock
        self._sink = sink
        self._options = options
        # A run may be here twice: as what it was before a retry, whose process has not ended yet, and as what it is.
        self._held: list[_Held] = []
        # As was heard last; a run may be among them before this worker knows that it holds it.
        self._to_stop: set[str] = set()
        self._taking = anyio.CancelScope()
        self._draining = anyio.Event()
        self._hurried = anyio.Event()
        self._fewer = anyio.Event()
        self._log = get_logger("worker")

    @property
    def held(self) -> list[str]:
        """The ids of the runs that it holds."""
        return list(dict.fromkeys(held.claim.run_id for held in self._held))

    def drain(self) -> None:
        """Take no more runs, and end when those that are held have ended; called again, end them now."""
        if self._draining.is_set():
            self._hurried.set()
        self._draining.set()
        self._taking.cancel()

    async def run(self) -> None:
        """Take runs until asked to end; raises what `join` does."""
        self.info = await self._work.join(self.info)
        pool = f"of pool '{self.info.pool}'" if self.info.pool else "of what is served here"
        self._log.info("Worker '%s' takes runs %s, %d at a time.", self.info.name, pool, self._options.limit)
        try:
            if not self._options.run_once:
                self._launcher.make_ready()
            async with anyio.create_task_group() as self._keeping:
                for keeping in (self._beat, self._listen, self._keep_alive, self._hurry):
                    self._keeping.start_soon(keeping)
                async with anyio.create_task_group() as runs:
                    with self._taking:
                        await self._take(runs)
                self._keeping.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._part()

    async def _part(self) -> None:
        await self._launcher.close()
        try:
            await self._work.leave(self.info.id)
        except (SegueError, EventsError) as error:
            self._log.warning("Worker '%s' could not say that it leaves. %s", self.info.name, error)
        self._log.info("Worker '%s' has ended.", self.info.name)

    # --- taking runs ---

    async def _take(self, runs: anyio.abc.TaskGroup) -> None:
        wait = 0.0 if self._options.run_once else _WAIT
        while True:
            room = await self._room()
            claims = await self._persistently(partial(self._claim, room, wait), "take runs")
            for claim in claims:
                held = _Held(claim)
                self._held.append(held)
                if claim.run_id in self._to_stop:
                    self._stop(claim.run_id)
                runs.start_soon(self._hold, held)
            if self._options.run_once:
                return

    async def _claim(self, room: int, wait: float) -> list[Claim]:
        try:
            return await self._work.claim(self.info.id, room, wait)
        except InvalidWork:
            # Whoever keeps the records has forgotten this worker.
            self.info = await self._work.join(self.info)
            return []

    async def _room(self) -> int:
        """Wait until another run may be held; return how many may."""
        while len(self._held) >= self._options.limit:
            self._fewer = anyio.Event()
            await self._fewer.wait()
        return self._options.limit - len(self._held)

    async def _hold(self, held: _Held) -> None:
        claim = held.claim
        try:
            output, end = self._sink(claim)
            if held.stopping:
                await self._settle(claim, states.Cancelled(message=_NOT_BEGUN))
                return
            try:
                held.grace = grace_seconds(claim.job_variables)
                held.launched = await self._launcher.launch(claim, output)
            except SegueError as error:
                await self._settle(claim, states.Crashed(message=str(error)))
                return
            if held.lost or held.stopping or self._hurried.is_set():
                held.kill()
            ending = await held.launched.ended()
            end()
            await self._conclude(held, ending)
        except Exception as error:
            # Nothing that one run brings about ends the worker, and with it the other runs.
            self._log.exception("Run '%s' could not be seen to its end.", claim.run_name)
            held.kill()
            await self._settle(claim, states.Crashed(message=f"Its worker failed: {type(error).__name__}: {error}."))
        finally:
            self._held.remove(held)
            self._to_stop.discard(claim.run_id)
            self._fewer.set()

    async def _conclude(self, held: _Held, ending: Ending) -> None:
        claim = held.claim
        if ending.recorded:
            self._log.info("Run '%s' of '%s' has ended.", claim.run_name, claim.deployment.full_name)
            return
        self._log.warning("Run '%s' of '%s': %s", claim.run_name, claim.deployment.full_name, ending.sentence)
        if not held.lost:
            # Or what the run has told last would come after its end.
            await self._options.sent()
            await self._settle(claim, self._last_state(held, ending))

    def _last_state(self, held: _Held, ending: Ending) -> State[Any]:
        if held.stopping and not ending.begun:
            return states.Cancelled(message=_NOT_BEGUN)
        if held.stopping:
            told = f"It was asked to stop, and did not within {held.grace:g} s."
            return states.Cancelled(message=f"{told} {ending.sentence}")
        if self._hurried.is_set() and not ending.begun:
            return states.Scheduled(message="The worker that was to run it has ended.")
        return states.Crashed(message=ending.sentence)

    async def _settle(self, claim: Claim, state: State[Any]) -> None:
        state.occurred = self._clock.now_us()
        settle = partial(self._work.settle, self.info.id, claim, state)
        await self._persistently(settle, f"say how run '{claim.run_name}' ended")

    # --- being there ---

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._options.beat_every)
            beat = await self._persistently(lambda: self._work.beat(self.info.id, self.held), "give a sign of life")
            for run_id in beat.lost:
                self._lose(run_id)
            for run_id in beat.stop:
                self._stop(run_id)

    async def _listen(self) -> None:
        """Hear which runs are to stop as soon as somebody asks for it."""
        while True:
            listen = partial(self._heard, sorted(self._to_stop))
            self._to_stop = set(await self._persistently(listen, "hear which runs are to stop"))
            for run_id in self._to_stop:
                self._stop(run_id)

    async def _heard(self, known: list[str]) -> list[str]:
        return await self._work.stops(self.info.id, known, _WAIT)

    def _lose(self, run_id: str) -> None:
        for held in self._of(run_id):
            if not held.lost:
                self._log.warning("Run '%s' is no longer this worker's, and is ended here.", held.claim.run_name)
                held.lost = True
                held.kill()

    def _stop(self, run_id: str) -> None:
        """Kill a run that was asked to stop if it does not by itself, as it should, in the time it has for that.

        One that has not begun does not hear of it, and has nothing to end.
        """
        for held in self._of(run_id):
            if held.stopping:
                continue
            held.stopping = True
            if held.launched is not None and held.launched.loading:
                held.kill()
            elif held.launched is not None:
                self._keeping.start_soon(self._kill_after, held, held.grace)

    def _of(self, run_id: str) -> list[_Held]:
        return [held for held in self._held if held.claim.run_id == run_id]

    async def _kill_after(self, held: _Held, seconds: float) -> None:
        await self._clock.sleep(seconds)
        held.kill()

    async def _keep_alive(self) -> None:
        while True:
            await self._clock.sleep(ALIVE_EVERY)
            self._launcher.keep_alive()

    async def _hurry(self) -> None:
        """Once the worker is to end: let runs end for as long as the options say, then end them."""
        await self._draining.wait()
        if self._held:
            self._log.info(
                "Worker '%s' takes no more runs, and ends with the %d it has.", self.info.name, len(self._held)
            )
        await self._until(self._hurried, self._options.grace)
        self._hurried.set()
        for held in list(self._held):
            if held.launched is not None:
                held.launched.terminate()
        await self._clock.sleep(_PARTING)
        for held in list(self._held):
            held.kill()

    async def _until(self, event: anyio.Event, seconds: float) -> None:
        if math.isinf(seconds):
            await event.wait()
            return
        async with anyio.create_task_group() as group:

            async def hear() -> None:
                await event.wait()
                group.cancel_scope.cancel()

            group.start_soon(hear)
            await self._clock.sleep(seconds)
            group.cancel_scope.cancel()

    async def _persistently(self, ask: Callable[[], Awaitable[T]], what: str) -> T:
        """Ask until there is an answer: journal or server may be away for a while, and runs go on meanwhile."""
        delay = _FIRST_DELAY
        while True:
            try:
                return await ask()
            except (SegueError, EventsError) as error:
                if delay == _FIRST_DELAY:
                    self._log.warning("Worker '%s' could not %s, and tries again. %s", self.info.name, what, error)
                await self._clock.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY)

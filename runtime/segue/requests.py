"""Requests: what somebody asks of runs of this process, handed to the runs as they hear of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from segue.run_events import FLOW_RUN_CANCEL_REQUESTED
from segue_events import Event


class Request(NamedTuple):
    """Somebody asks a flow run to stop: who, and why ("" where they did not say)."""

    by: str
    reason: str

    @property
    def sentence(self) -> str:
        """What the state of a run that obeys says."""
        return f"Cancelled by {self.by or 'somebody'}{f': {self.reason}' if self.reason else '.'}"


Heard = Callable[[Request], None]


class Requests:
    """Who wants to hear of requests to which flow run; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, Heard] = {}
        # Of each run, the last request that it has heard of: a request may come by several ways.
        self._last: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def heed(self, run_id: str, heard: Heard) -> None:
        """Have `heard` called, in a thread that must not be held up, for each request to this run."""
        with self._lock:
            self._heard[run_id] = heard

    def forget(self, run_id: str) -> None:
        """Have it called no more."""
        with self._lock:
            self._heard.pop(run_id, None)
            self._last.pop(run_id, None)

    def tell(self, event: Event) -> None:
        """Hand on what an event asks for, if it is for one of these runs and was not handed on before."""
        with self._lock:
            heard = self._heard.get(event.run)
            if event.kind != FLOW_RUN_CANCEL_REQUESTED or heard is None or event.seq <= self._last.get(event.run, 0):
                return
            self._last[event.run] = event.seq
        heard(Request(str(event.payload.get("by") or ""), str(event.payload.get("reason") or "")))

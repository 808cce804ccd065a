"""LocalRequests: looks into the journal for what others ask of this process's runs, as long as there are any."""

from __future__ import annotations

import threading
from contextlib import suppress
from weakref import WeakKeyDictionary

from segue.host import Host
from segue.requests import Heard, Requests
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED
from segue_events import Filter, JournalError

# Seconds between two looks. A subscription to the bus would read all that other processes write, only to find this.
_PAUSE = 0.04


class LocalRequests:
    """The requests to this process's runs that are in the host's journal; for any thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._requests = Requests()
        self._lock = threading.Lock()
        self._looking = False

    def heed(self, run_id: str, heard: Heard) -> None:
        """See Backend."""
        with self._lock:
            self._requests.heed(run_id, heard)
            if not self._looking:
                self._looking = True
                # No later than the head of now: what is asked of the run follows its first event.
                self._host.call(self._look_out, self._host.bus.position.seq)

    def forget(self, run_id: str) -> None:
        """See Backend."""
        self._requests.forget(run_id)

    async def _look_out(self, seq: int) -> None:
        """Look at what comes after this place, until no run is left."""
        while True:
            await self._host.clock.sleep(_PAUSE)
            with self._lock:
                if not len(self._requests):
                    self._looking = False
                    return
            with suppress(JournalError):  # a later look may go well
                seq = await self._look(seq)

    async def _look(self, seq: int) -> int:
        journal = self._host.journal
        head = (await journal.head()).seq
        while head > seq and (found := await journal.read(seq, Filter(kinds=(FLOW_RUN_CANCEL_REQUESTED,)))):
            for event in found:
                self._requests.tell(event)
            seq = found[-1].seq
        return max(head, seq)


_of_hosts: WeakKeyDictionary[Host, LocalRequests] = WeakKeyDictionary()


def requests_of(host: Host) -> LocalRequests:
    """Return the requests to the runs of a host."""
    return _of_hosts.setdefault(host, LocalRequests(host))

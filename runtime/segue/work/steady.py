"""SteadyClock: the time by which leases run, which nobody can set.

A machine's clock is put right, or wrong, by hours at times; leases that run by it would all end at once, or hold for
hours. So they run by the clock that only counts: all processes of a machine read the same one until it starts anew.
Where it stood when leases of a journal were first looked at since then is kept in a file beside the journal.
"""

import os
from pathlib import Path

import msgspec

from segue_events import Clock

__all__ = ("SteadyClock",)

# What tells one start of this machine from another; other systems than Linux have no such file.
_STARTS = Path("/proc/sys/kernel/random/boot_id")


class _Beginning(msgspec.Struct):
    """That instant 0 of the counting clock, in the present start of the machine, is so many µs after the epoch."""

    start: str
    zero: int


class SteadyClock:
    """Tells the same time to all who share a journal on a machine. Where machines' starts cannot be told apart, or the
    file cannot be kept, it is the clock that is given."""

    def __init__(self, database: Path, clock: Clock, starts: Path = _STARTS) -> None:
        self._file = database.with_name(database.name + ".clock")
        self._clock = clock
        self._starts = starts
        self._zero: int | None = None
        self._is_kept = True

    def now_us(self) -> int:
        """The present instant in µs since the epoch, as this machine had it when it was first asked."""
        if self._zero is None and self._is_kept:
            try:
                self._zero = self._beginning()
            except OSError:
                self._is_kept = False
        if self._zero is None:
            return self._clock.now_us()
        return self._zero + self._counted()

    def _counted(self) -> int:
        return int(self._clock.monotonic() * 1_000_000)

    def _beginning(self) -> int:
        start = self._starts.read_text().strip()
        try:
            known = msgspec.json.decode(self._file.read_bytes(), type=_Beginning)
        except (FileNotFoundError, msgspec.DecodeError):
            known = None
        if known is not None and known.start == start:
            return known.zero
        zero = self._clock.now_us() - self._counted()
        made = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        made.write_bytes(msgspec.json.encode(_Beginning(start, zero)))
        os.replace(made, self._file)
        return zero

"""Figures: what the server's parts know of themselves, as families of metrics."""

import resource

from segue.projection import TYPE_CODES
from segue.server.metrics import Family, Sample, gauge, memory_bytes
from segue.server.wiring import Wiring
from segue.version import __version__

__all__ = ("families_of",)

_TYPES = {code: kind.value for kind, code in TYPE_CODES.items()}


async def families_of(wiring: Wiring) -> list[Family]:
    """Return all figures of a server, as of now."""
    rows = await wiring.journal.query("SELECT type, COUNT(*) FROM flow_run WHERE flow IS NOT NULL GROUP BY type")
    runs = [Sample(count, {"type": _TYPES[code]}) for code, count in rows]
    return [
        Family("segue_info", "gauge", "The version that runs.", [Sample(1, {"version": __version__})]),
        Family("segue_flow_runs", "gauge", "Flow runs, by the type of their state.", runs),
        *await _journal(wiring),
        *_bus(wiring),
        *wiring.meters.families(),
        *_process(wiring),
    ]


async def _journal(wiring: Wiring) -> list[Family]:
    found = await wiring.journal.statistics()
    return [
        gauge("segue_journal_head", "The seq of the last event.", found.head),
        gauge("segue_journal_events", "Events that are kept.", found.events),
        gauge("segue_journal_epoch", "How often the journal has lost its end or was restored.", found.epoch),
        gauge("segue_journal_bytes", "The size of the journal's file.", found.bytes),
        gauge("segue_journal_free_bytes", "What is free in the journal's file.", found.free_bytes),
        gauge("segue_journal_log_bytes", "The size of the write-ahead log.", found.log_bytes),
    ]


def _bus(wiring: Wiring) -> list[Family]:
    found = wiring.bus.statistics()
    return [
        Family("segue_events_committed_total", "counter", "Events committed here.", [Sample(found.committed)]),
        Family("segue_commits_total", "counter", "Commits.", [Sample(found.commits)]),
        Family("segue_commit_failures_total", "counter", "Commits that failed.", [Sample(found.failures)]),
        gauge("segue_events_backlog", "Events that wait to be committed.", found.backlog),
        gauge("segue_subscriptions", "Who hears of each commit within the server.", found.subscriptions),
        gauge("segue_streams", "Clients that are connected to the stream.", len(wiring.streams)),
    ]


def _process(wiring: Wiring) -> list[Family]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [
        gauge("process_resident_memory_bytes", "The memory of the process.", memory_bytes()),
        gauge("process_start_time_seconds", "When the server started, in seconds since 1970.", wiring.started / 1e6),
        Family(
            "process_cpu_seconds_total",
            "counter",
            "Processor time of the process.",
            [Sample(used.ru_utime + used.ru_stime)],
        ),
    ]

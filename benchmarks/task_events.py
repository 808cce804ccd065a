"""Events as a run's tasks make them, three each, and a projection of one row per task, for the benchmarks of events."""

import time
from collections.abc import Sequence
from typing import Any

from segue_events import Event, Write, new_id, pack_id

COLUMNS = ("run", "id", "name", "state", "input", "created", "started", "ended", "seq")


class TaskRuns:
    """One row of about 150 bytes per task."""

    name = "task runs"
    version = 1
    tables = ("task_run",)
    schema = """
    CREATE TABLE IF NOT EXISTS task_run (
        run BLOB, id BLOB, name TEXT, state TEXT, input TEXT,
        created INTEGER, started INTEGER, ended INTEGER, seq INTEGER,
        PRIMARY KEY (run, id)
    ) STRICT, WITHOUT ROWID;
    """
    head = f"INSERT INTO task_run ({', '.join(COLUMNS)}) VALUES"
    row = f"({', '.join('?' * len(COLUMNS))})"
    tail = "ON CONFLICT (run, id) DO UPDATE SET state = excluded.state, seq = excluded.seq, " + ", ".join(
        f"{name} = coalesce(excluded.{name}, {name})" for name in ("name", "input", "created", "started", "ended")
    )

    def writes(self, events: Sequence[Event]) -> list[Write]:
        rows: dict[str, list[Any]] = {}
        for event in events:
            row = rows.get(event.subject)
            if row is None:
                row = rows[event.subject] = [pack_id(event.run), pack_id(event.subject), *[None] * 7]
            kind, payload = event.kind, event.payload
            row[3], row[8] = kind[9:], event.seq
            if kind == "task-run.pending":
                row[2], row[4], row[5] = payload["name"], payload["input"], event.occurred
            elif kind == "task-run.running":
                row[6] = event.occurred
            else:
                row[7] = event.occurred
        return [Write(self.head, self.row, self.tail, [tuple(row) for row in rows.values()])]


def task_events(count: int) -> list[Event]:
    """About `count` events of one run."""
    run = new_id()
    events: list[Event] = []
    for n in range(max(count // 3, 1)):
        known = {"run": run, "subject": new_id(), "occurred": time.time_ns() // 1000}
        name = {"task": "fetch", "name": f"fetch-{n}", "scope": "~1", "input": "ABCDEFGHIJKLMNOPQRSTUV", "ordinal": n}
        result = {"result": {"rows": n, "source": "https://example.org/data.csv", "checked": True}}
        events.append(Event(kind="task-run.pending", payload=name, **known))
        events.append(Event(kind="task-run.running", **known))
        events.append(Event(kind="task-run.completed", payload=result, **known))
    return events

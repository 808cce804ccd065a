"""LogLine: a line that a run logged or printed."""

from datetime import datetime

import msgspec

from segue.states import instant


class LogLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that a run logged or printed.

    `level` is one of the logging module's; `flow_run_id` is "" for a task run outside of flows, `task_run_id` for
    what the flow run itself logged. `seq` is the line's place in the journal, `occurred` is in microseconds since
    the epoch.
    """

    seq: int
    occurred: int
    level: int
    logger: str
    message: str
    flow_run_id: str = ""
    task_run_id: str = ""

    @property
    def timestamp(self) -> datetime:
        """When the line was logged."""
        return instant(self.occurred)

"""RunOptions: what `segue deployment run` takes, made into what a deployment is asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from segue.cli.arguments import flow_parameters
from segue.cli.errors import Usage
from segue.cli.spans import span
from segue.records.work import RunRequest
from segue.states import microseconds

__all__ = ("RunOptions",)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """With what a deployment is to run, and when."""

    param: Annotated[
        list[str] | None, Parameter(name=["--param", "-p"], negative=(), help="A parameter of the flow: key=JSON.")
    ] = None
    params: Annotated[str | None, Parameter(help="Parameters as a JSON object; - reads it from standard input.")] = None
    job_variable: Annotated[
        list[str] | None,
        Parameter(name=["--job-variable", "-jv"], negative=(), help="What the run is started with: key=JSON."),
    ] = None
    start_in: Annotated[str | None, Parameter(help="After how long to begin: 90s, 15m, 2h, 1d.")] = None
    start_at: Annotated[
        str | None, Parameter(help="When to begin: 2026-11-24T13:00 in local time, or with an offset such as +01:00.")
    ] = None
    tag: Annotated[list[str] | None, Parameter(negative=(), help="A tag of the run, besides the deployment's.")] = None
    flow_run_name: Annotated[str, Parameter(name=["--flow-run-name", "--name"], help="What to call the run.")] = ""
    watch: Annotated[
        bool, Parameter(negative=(), help="Show the run until it ends; the exit code is 0 if it completed.")
    ] = False
    watch_timeout: Annotated[
        float | None, Parameter(help="Give up watching, with exit code 124, after so many seconds.")
    ] = None

    def request(self, deployment_id: str, now: int) -> RunRequest:
        """Return what the deployment is asked for; `now` is in µs since the epoch. Raises Usage."""
        return RunRequest(
            deployment_id=deployment_id,
            parameters=flow_parameters(self.param or [], self.params),
            job_variables=flow_parameters(self.job_variable or [], None, "--job-variable"),
            due=self._due(now),
            name=self.flow_run_name,
            tags=tuple(self.tag or ()),
        )

    def _due(self, now: int) -> int | None:
        if self.start_in is not None and self.start_at is not None:
            raise Usage("--start-in and --start-at exclude one another; give one of them.")
        if self.start_in is not None:
            return now + round(span(self.start_in.removeprefix("in ").replace(" ", ""), "--start-in") * 1e6)
        if self.start_at is None:
            return None
        try:
            at = datetime.fromisoformat(self.start_at)
        except ValueError as error:
            raise Usage(
                f"--start-at: '{self.start_at}' is no instant; write 2026-11-24T13:00, or --start-in 2h."
            ) from error
        # Without an offset, it is a time of this machine's clock.
        return microseconds(at.astimezone())

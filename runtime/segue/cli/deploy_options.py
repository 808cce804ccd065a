"""DeployOptions: what `segue deploy` takes, which holds over what the project's files say."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from segue.cli.arguments import flow_parameters
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.deploying.entries import DeploymentEntry, LimitEntry, PoolEntry, ScheduleEntry

__all__ = ("DeployOptions",)


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What a deployment is, and when and where it runs."""

    description: Annotated[
        str | None, Parameter(name=["--description", "-d"], help="What it is for; by default the flow's description.")
    ] = None
    version: Annotated[str | None, Parameter(help="Its version; by default the flow's.")] = None
    tag: Annotated[list[str] | None, Parameter(name=["--tag", "-t"], negative=(), help="A tag of all its runs.")] = None
    pool: Annotated[str | None, Parameter(name=["--pool", "-p"], help="The work pool that its runs wait in.")] = None
    work_queue: Annotated[str | None, Parameter(name=["--work-queue", "-q"], help="The queue of that pool.")] = None
    job_variable: Annotated[
        list[str] | None,
        Parameter(
            name=["--job-variable", "--variable", "-jv", "-v"],
            negative=(),
            help="What its runs are started with, over the pool's: key=JSON.",
        ),
    ] = None
    param: Annotated[list[str] | None, Parameter(negative=(), help="A parameter of the flow: key=JSON.")] = None
    params: Annotated[str | None, Parameter(help="Parameters as a JSON object; - reads it from standard input.")] = None
    enforce_parameter_schema: Annotated[bool | None, Parameter(help="Whether its parameters must fit the flow's.")] = (
        None
    )
    interval: Annotated[float | None, Parameter(help="Run every so many seconds.")] = None
    anchor_date: Annotated[str | None, Parameter(help="Count --interval from here: 2026-01-31T06:00.")] = None
    cron: Annotated[str | None, Parameter(help="Run by a cron expression: '0 6 * * *'.")] = None
    rrule: Annotated[str | None, Parameter(help="Run by a recurrence rule: 'FREQ=WEEKLY;BYDAY=MO'.")] = None
    timezone: Annotated[str | None, Parameter(help="The time zone of the schedule: Europe/Berlin.")] = None
    concurrency_limit: Annotated[int | None, Parameter(help="How many of its runs may go at a time.")] = None
    collision_strategy: Annotated[
        Literal["ENQUEUE", "CANCEL_NEW"] | None, Parameter(help="What becomes of one more: it waits, or is cancelled.")
    ] = None

    def entry(self) -> DeploymentEntry:
        """Return what the options say, as a file would; raises Usage, and CommandFailed for several schedules."""
        parameters = flow_parameters(self.param or [], self.params, "--param")
        variables = flow_parameters(self.job_variable or [], None, "--job-variable")
        pool = PoolEntry(name=self.pool, work_queue_name=self.work_queue, job_variables=variables)
        schedule = self._schedule()
        return DeploymentEntry(
            description=self.description,
            version=self.version,
            tags=self.tag,
            work_pool=None if pool == PoolEntry(job_variables={}) else pool,
            parameters=parameters or None,
            enforce_parameter_schema=self.enforce_parameter_schema,
            schedules=None if schedule is None else [schedule],
            concurrency_limit=self._limit(),
        )

    def _schedule(self) -> ScheduleEntry | None:
        kinds = {"--interval": self.interval, "--cron": self.cron, "--rrule": self.rrule}
        given = [name for name, value in kinds.items() if value is not None]
        if len(given) > 1:
            raise _failed(f"{' and '.join(given)} are several schedules; give one, and the others in deployment.yaml.")
        if not given:
            stray = next((n for n in ("timezone", "anchor_date") if getattr(self, n) is not None), None)
            if stray:
                raise _failed(f"--{stray.replace('_', '-')} says nothing without --interval, --cron or --rrule.")
            return None
        return ScheduleEntry(
            interval=self.interval,
            anchor_date=self.anchor_date,
            cron=self.cron,
            rrule=self.rrule,
            timezone=self.timezone,
        )

    def _limit(self) -> LimitEntry | int | None:
        if self.collision_strategy is None:
            return self.concurrency_limit
        if self.concurrency_limit is None:
            raise _failed("--collision-strategy says nothing without --concurrency-limit; add it.")
        return LimitEntry(limit=self.concurrency_limit, collision_strategy=self.collision_strategy)


def _failed(sentence: str) -> CommandFailed:
    return CommandFailed(sentence, ExitCode.RUN_FAILED)

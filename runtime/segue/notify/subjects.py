"""Subjects: what the run tables know of the run an alert is about."""

from segue.records import FlowRun, TaskRun
from segue.run_events import FLOW_RUN, TASK_RUN
from segue.store import Store
from segue_events import Event
from segue_notifiers.subject import Subject, describe_by_event


class RunSubjects:
    """Describes runs for rules and messages; `ui_url` is where their pages are, if anywhere."""

    def __init__(self, store: Store, ui_url: str | None = None) -> None:
        self._store = store
        self._ui_url = (ui_url or "").rstrip("/")

    async def describe(self, event: Event) -> Subject:
        """The run an event is about; raises UnknownRun if it is no more."""
        if event.kind.startswith(FLOW_RUN):
            return self._flow_run(await self._store.runs.flow_run(event.subject))
        if event.kind.startswith(TASK_RUN):
            run = await self._store.runs.task_run(event.subject)
            around = await self._store.runs.flow_run(run.flow_run_id) if run.flow_run_id else None
            return self._task_run(run, around)
        return await describe_by_event(event)

    def _flow_run(self, run: FlowRun) -> Subject:
        return Subject(
            noun="flow run",
            name=f"{run.flow_name}/{run.name}",
            parent=run.parent_id,
            flow=run.flow_name,
            tags=run.tags,
            attempt=run.run_count,
            facts={"Flow": run.flow_name, "Run": f"{run.name} ({run.id})"},
            parameters=run.parameters,
            command=f"segue flow-run inspect {run.id}",
            link=self._link(run.id),
        )

    def _task_run(self, run: TaskRun, around: FlowRun | None) -> Subject:
        flow = {"Flow run": f"{around.flow_name}/{around.name} ({around.id})"} if around else {}
        return Subject(
            noun="task run",
            name=run.name,
            parent=run.parent_id or run.flow_run_id,
            flow=around.flow_name if around else "",
            tags=run.tags,
            labels={"task": run.task_name},
            attempt=run.run_count,
            facts={"Task": run.task_name, "Run": f"{run.name} ({run.id})", **flow},
            command=f"segue task-run inspect {run.id}",
            link=self._link(around.id) if around else "",
        )

    def _link(self, flow_run: str) -> str:
        return f"{self._ui_url}/runs/{flow_run}" if self._ui_url else ""

"""Subjects: what the run tables know of the run an alert is about."""

from collections.abc import Mapping, Sequence

from segue.records import FlowRun, TaskRun
from segue.run_events import FLOW_RUN, TASK_RUN
from segue.store import Store
from segue_events import Event
from segue_notifiers.subject import Subject, described_by_event


class RunSubjects:
    """Describes runs for rules and messages; `ui_url` is where their pages are, if anywhere."""

    def __init__(self, store: Store, ui_url: str | None = None) -> None:
        self._store = store
        self._ui_url = (ui_url or "").rstrip("/")

    async def describe(self, events: Sequence[Event]) -> list[Subject]:
        """The runs that events are about; of runs that are no more, and of all else, what the events tell."""
        tasks = await self._store.runs.task_runs_by_id(_about(events, TASK_RUN))
        around = [run.flow_run_id for run in tasks.values() if run.flow_run_id]
        flows = await self._store.runs.flow_runs_by_id([*_about(events, FLOW_RUN), *around])
        return [self._subject(event, flows, tasks) for event in events]

    def _subject(self, event: Event, flows: Mapping[str, FlowRun], tasks: Mapping[str, TaskRun]) -> Subject:
        if event.kind.startswith(FLOW_RUN) and (flow_run := flows.get(event.subject)):
            return self._flow_run(flow_run)
        if event.kind.startswith(TASK_RUN) and (task_run := tasks.get(event.subject)):
            return self._task_run(task_run, flows.get(task_run.flow_run_id))
        return described_by_event(event)

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


def _about(events: Sequence[Event], family: str) -> list[str]:
    """The ids of the runs that events of this family are about."""
    return [event.subject for event in events if event.kind.startswith(family)]

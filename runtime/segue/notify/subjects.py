"""Subjects: what the run tables know of the run an alert is about."""

from segue.records import FlowRun, TaskRun
from segue.store import Store
from segue_events import Event
from segue_notifiers import Subject


class RunSubjects:
    """Describes runs for messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def describe(self, event: Event) -> Subject:
        """The run an event is about."""
        if event.kind.startswith("task-run."):
            return _task_run(await self._store.runs.task_run(event.subject))
        return _flow_run(await self._store.runs.flow_run(event.subject))


def _flow_run(run: FlowRun) -> Subject:
    return Subject(
        noun="flow run",
        name=f"{run.flow_name}/{run.name}",
        parent=run.parent_id,
        facts={"Flow": run.flow_name, "Run": f"{run.name} ({run.id})"},
        parameters=run.parameters,
        command=f"segue flow-run inspect {run.id}",
    )


def _task_run(run: TaskRun) -> Subject:
    return Subject(
        noun="task run",
        name=run.name,
        facts={"Task": run.task_name, "Run": f"{run.name} ({run.id})"},
        command=f"segue task-run inspect {run.id}",
    )

"""Artifacts as the command shows them: as JSON, as rows of a list, and with what there is to see."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from segue.cli.output import Cell, fields, say, say_table
from segue.cli.text import ago, clean_line, iso
from segue.records.artifacts import Artifact

__all__ = ("artifact_json", "artifact_row", "say_artifact")

# Of a table, a terminal shows the beginning; `-o json` and the page show more.
ROWS = 30
WIDEST = 60


def artifact_json(artifact: Artifact) -> dict[str, Any]:
    """An artifact for programs."""
    return {
        "id": artifact.id,
        "created": iso(artifact.created),
        "updated": iso(artifact.updated),
        "key": artifact.key or None,
        "type": artifact.type,
        "description": artifact.description or None,
        "data": artifact.data,
        "flow_run_id": artifact.flow_run_id or None,
        "task_run_id": artifact.task_run_id or None,
    }


def artifact_row(artifact: Artifact, now: int) -> list[Cell | str]:
    """An artifact as a row of a list; `now` is in µs since the epoch."""
    return [Cell(artifact.id, "dim"), artifact.key, artifact.type, ago(artifact.updated, now)]


def say_artifact(artifact: Artifact, now: int) -> None:
    """Print an artifact for people; `now` is in µs since the epoch."""
    fields(
        [
            ("Artifact", Cell(artifact.key or "without a key", "bold")),
            ("Id", artifact.id),
            ("Type", artifact.type),
            ("Description", artifact.description),
            ("Updated", ago(artifact.updated, now)),
            ("Flow run", artifact.flow_run_id),
            ("Task run", artifact.task_run_id),
        ]
    )
    say()
    if artifact.type == "table" and artifact.data:
        _say_rows(artifact.data)
    elif artifact.type == "progress":
        say(f"{artifact.data:g} %")
    else:
        say(str(artifact.data).rstrip())


def _say_rows(rows: Sequence[Any]) -> None:
    shown = rows[:ROWS]
    if all(isinstance(row, Mapping) for row in shown):
        columns = list(dict.fromkeys(str(name) for row in shown for name in row))
        cells = [[_text(row.get(column)) for column in columns] for row in shown]
    else:
        lists = [cast("list[Any]", row) if isinstance(row, list) else [row] for row in shown]
        columns = [str(number) for number in range(1, max(map(len, lists)) + 1)]
        cells = [[*map(_text, row), *[""] * (len(columns) - len(row))] for row in lists]
    say_table(columns, cells, shrink=columns)
    if len(rows) > ROWS:
        say(Cell(f"The first {ROWS} of {len(rows):,} rows; `-o json` prints all.", "dim"))


def _text(value: Any) -> str:
    return "" if value is None else clean_line(str(value), WIDEST)

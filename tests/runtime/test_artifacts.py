"""Artifacts: what flows and tasks leave to look at, as it stands in the journal's table."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue import flow, task
from segue.artifacts import (
    acreate_table_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from segue.exceptions import InvalidNameError, UnknownArtifact
from segue.records.artifacts import Artifact
from segue.run_events import flow_run_deleted
from segue.settings import temporary_settings
from segue.store import Store
from segue.store.artifacts import ArtifactFilter
from segue.tables import projections
from segue.testing import Harness
from segue_events.journal.sqlite import SqliteJournal

EVERY = ArtifactFilter()


@pytest.fixture
def home(segue_home: Path) -> Path:
    segue_home.mkdir()
    return segue_home


@pytest.fixture
async def journal(home: Path) -> AsyncIterator[SqliteJournal]:
    """The journal that flows of the test record in."""
    with temporary_settings({"home": home}) as settings:
        async with SqliteJournal(settings.database, projections=projections()) as journal:
            yield journal


async def left(journal: SqliteJournal, wanted: ArtifactFilter = EVERY) -> list[Artifact]:
    return (await Store(journal).artifacts.page(wanted)).items


async def test_a_report_belongs_to_the_task_and_the_flow_that_have_left_it(journal: SqliteJournal) -> None:
    @task
    async def report() -> str:
        return str(create_markdown_artifact(key="rmse-report", markdown="# RMSE", description="how far off"))

    @flow
    async def main() -> str:
        return await report()

    identity = await main()

    [found] = await left(journal)
    assert (found.id, found.key, found.type, found.data) == (identity, "rmse-report", "markdown", "# RMSE")
    assert found.description == "how far off"
    assert found.flow_run_id
    assert found.task_run_id


async def test_what_is_left_under_a_key_again_and_again_is_a_history(journal: SqliteJournal) -> None:
    @flow
    def main() -> None:
        for number in range(3):
            create_markdown_artifact(f"# {number}", "report")
            create_markdown_artifact(f"{number}, of no key")

    main()

    assert [one.data for one in await left(journal, ArtifactFilter(key="report"))] == ["# 2", "# 1", "# 0"]
    assert [one.data for one in await left(journal, ArtifactFilter(latest=True))] == ["# 2"]
    assert (await Store(journal).artifacts.artifact("report")).data == "# 2"


async def test_all_are_read_page_by_page(journal: SqliteJournal) -> None:
    @flow
    def main() -> None:
        for number in range(5):
            create_markdown_artifact(str(number))

    main()

    artifacts, before, seen = Store(journal).artifacts, None, list[str]()
    while True:
        page = await artifacts.page(ArtifactFilter(), limit=2, before=before)
        seen += [one.data for one in page.items]
        if page.next is None:
            break
        before = int(page.next)
    assert seen == ["4", "3", "2", "1", "0"]


async def test_the_older_order_of_arguments_is_understood(journal: SqliteJournal) -> None:
    @flow
    def main() -> None:
        create_markdown_artifact("report", "# The text")

    main()

    [found] = await left(journal)
    assert (found.key, found.data) == ("report", "# The text")


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ({"day": [1, 2], "rmse": [0.5, float("nan")]}, [{"day": 1, "rmse": 0.5}, {"day": 2, "rmse": None}]),
        ([{"day": 1}], [{"day": 1}]),
        ([["day", "rmse"], [1, float("inf")]], [["day", "rmse"], [1, None]]),
    ],
)
async def test_a_table_is_rows_whatever_it_came_as(journal: SqliteJournal, table: object, rows: object) -> None:
    @flow
    async def main() -> None:
        await acreate_table_artifact(table, key="table")  # pyright: ignore[reportArgumentType]

    await main()

    [found] = await left(journal)
    assert found.data == rows


def test_columns_of_several_lengths_are_no_table(harness: Harness) -> None:
    @flow
    def main() -> None:
        create_table_artifact({"a": [1], "b": [1, 2]})

    with pytest.raises(ValueError, match="zip"):
        main()


async def test_progress_moves_on_within_its_bounds(journal: SqliteJournal) -> None:
    @flow
    async def main() -> None:
        known = await create_progress_artifact(-5, key="rows", description="of all")
        update_progress_artifact(known, 250)

    await main()

    [found] = await left(journal)
    assert (found.type, found.data) == ("progress", 100.0)
    assert (found.key, found.description) == ("rows", "of all")
    assert found.created <= found.updated


async def test_links_and_images(journal: SqliteJournal) -> None:
    @flow
    def main() -> None:
        create_link_artifact("https://segue.example/a", "the [page]")
        create_image_artifact("https://segue.example/a.png")

    main()

    image, link = await left(journal)
    assert (image.type, image.data) == ("image", "https://segue.example/a.png")
    assert (link.type, link.data) == ("link", r"[the \[page\]](<https://segue.example/a>)")


@pytest.mark.parametrize("key", ["", "Report", "a b", "a_b", "a\n", "ä"])
def test_a_key_is_of_small_letters_digits_and_dashes(key: str, harness: Harness) -> None:
    @flow
    def main() -> None:
        create_progress_artifact(1, key=key)

    with pytest.raises(InvalidNameError, match="small letters, digits and dashes"):
        main()


async def test_outside_of_runs_it_is_kept_with_a_warning(journal: SqliteJournal) -> None:
    with pytest.warns(FutureWarning, match="outside of a run"):
        create_markdown_artifact("# alone", "alone")

    [found] = await left(journal)
    assert (found.data, found.flow_run_id) == ("# alone", "")


async def test_it_goes_with_its_run(journal: SqliteJournal) -> None:
    @flow
    def main() -> None:
        create_markdown_artifact("# gone", "gone")

    main()
    [found] = await left(journal)

    await journal.append([flow_run_deleted(found.flow_run_id, 1)])

    assert await left(journal) == []
    with pytest.raises(UnknownArtifact, match="'gone'"):
        await Store(journal).artifacts.artifact("gone")

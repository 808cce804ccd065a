"""segue deployment set-schedule, schedule …, backfill."""

import asyncio
import json
from typing import Any

import pytest

from segue.records.work import Deployment, WorkPool
from segue.settings import load_settings
from segue.work.session import open_work

from .conftest import Command, Done


@pytest.fixture
def taxi(home: Any) -> None:
    """A deployment 'taxi' of the flow 'main-flow'."""

    async def save() -> None:
        async with open_work(load_settings().settings) as work:
            await work.save_pool(WorkPool(name="my-pool"))
            await work.save_deployment(
                Deployment(id="", name="taxi", flow_name="main-flow", entrypoint="flow.py:main_flow", pool="my-pool")
            )

    asyncio.run(save())


def listed(segue: Command) -> list[dict[str, Any]]:
    done = segue("deployment", "schedule", "ls", "main-flow/taxi", "-o", "json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def ids(segue: Command) -> list[str]:
    return [one["id"] for one in listed(segue)]


def create(segue: Command, *options: str) -> Done:
    return segue("deployment", "schedule", "create", "taxi", *options)


def test_a_schedule_is_set_in_place_of_all_others(segue: Command, taxi: None) -> None:
    create(segue, "--cron", "0 9 * * *", "--slug", "morning")

    done = segue("deployment", "set-schedule", "main_flow/taxi", "--interval", "120")

    [schedule] = listed(segue)
    assert done.code == 0
    assert "Deployment 'main-flow/taxi' runs every 2 min" in done.out
    assert schedule["interval"] == 120
    assert len(schedule["next"]) == 5


def test_schedules_are_added_replaced_by_their_slug_and_listed(segue: Command, taxi: None) -> None:
    create(segue, "--cron", "0 9 * * *", "--slug", "morning", "--timezone", "Europe/Berlin", "-p", "region=eu")
    create(segue, "--rrule", "FREQ=WEEKLY;BYDAY=MO", "--slug", "weekly", "--overlap", "skip", "--jitter", "5m")
    create(segue, "--cron", "0 8 * * *", "--slug", "morning", "--no-active", "--max-lateness", "2h")

    weekly, morning = listed(segue)
    assert (weekly["id"], weekly["overlap"], weekly["jitter"]) == ("weekly", "skip", 300)
    assert (morning["id"], morning["cron"], morning["active"]) == ("morning", "0 8 * * *", False)
    assert (morning["max_lateness"], morning["next"]) == (7200, [])
    assert "none: it is paused" in segue("deployment", "schedule", "ls", "taxi").out


def test_a_schedule_rests_goes_on_and_goes(segue: Command, taxi: None) -> None:
    create(segue, "--cron", "0 9 * * *", "--slug", "a")
    create(segue, "--cron", "0 9 * * *", "--slug", "b")

    segue("deployment", "schedule", "pause", "taxi", "a")
    rested = [one["active"] for one in listed(segue)]
    done = segue("deployment", "schedule", "resume", "taxi", "--all")
    resumed = [one["active"] for one in listed(segue)]
    segue("deployment", "schedule", "delete", "taxi", "a", "-y")
    left = ids(segue)
    segue("deployment", "schedule", "clear", "taxi")

    assert (rested, resumed, left, ids(segue)) == ([False, True], [True, True], ["b"], [])
    assert "All schedules of deployment 'main-flow/taxi': active." in done.out


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--interval", "60", "--cron", "@daily"], 1, "exactly one of interval, cron and rrule"),
        ([], 1, "exactly one of interval, cron and rrule"),
        (["--cron", "0 0 31 2 1", "--no-day-or"], 1, "would never run"),
        (["--cron", "@daily", "--timezone", "Europe/Berln"], 1, "Did you mean 'Europe/Berlin'?"),
        (["--interval", "often"], 2, "--interval"),
        (["--interval", "nan"], 1, "an interval of nan s"),
        (["--interval", "60", "--anchor-date", "soon"], 1, "The anchor date 'soon' is no date"),
    ],
)
def test_a_schedule_that_cannot_work_changes_nothing(
    segue: Command, taxi: None, options: list[str], code: int, sentence: str
) -> None:
    done = create(segue, *options)

    assert (done.code, ids(segue)) == (code, [])
    assert sentence in done.err


def test_a_schedule_that_is_not_there_is_named_with_those_that_are(segue: Command, taxi: None) -> None:
    create(segue, "--cron", "@daily", "--slug", "a")
    create(segue, "--cron", "@daily", "--slug", "b")

    missing = segue("deployment", "schedule", "delete", "taxi", "c")
    unsaid = segue("deployment", "schedule", "pause", "taxi")

    assert (missing.code, "There is no schedule 'c'; there is 'a', 'b'." in missing.err) == (1, True)
    assert (unsaid.code, "Say which schedule; there is 'a', 'b'." in unsaid.err) == (2, True)


def test_instants_that_have_passed_are_filled_in_once_each(segue: Command, taxi: None) -> None:
    create(segue, "--cron", "0 9 * * *", "--timezone", "America/New_York", "--slug", "daily", "-p", "region=us")
    asked = ("deployment", "backfill", "taxi", "--from", "2026-03-07", "--to")

    listing = segue(*asked, "2026-03-09", "--dry-run")
    first = segue(*asked, "2026-03-09")
    again = segue(*asked, "2026-03-10")

    runs = json.loads(segue("flow-run", "ls", "-o", "json").out)
    assert listing.out.split() == ["2026-03-07T14:00:00.000000+00:00", "2026-03-08T13:00:00.000000+00:00"]
    assert "2 instants of 'daily' of deployment 'main-flow/taxi' have a run." in first.out
    assert again.out.startswith(first.out.splitlines()[0])
    assert [run["tags"] for run in runs] == [["backfill"]] * 3


def test_a_time_that_ends_before_it_begins_is_refused(segue: Command, taxi: None) -> None:
    segue("deployment", "set-schedule", "taxi", "--interval", "60")

    done = segue("deployment", "backfill", "taxi", "--from", "2026-01-02", "--to", "2026-01-01")

    assert done.code == 1
    assert "to 2026-01-01 00:00:00+00:00 there is no time to fill" in done.err


def test_more_instants_than_anybody_can_have_meant_are_refused(segue: Command, taxi: None) -> None:
    segue("deployment", "set-schedule", "taxi", "--interval", "1")

    done = segue("deployment", "backfill", "taxi", "--from", "2020-01-01", "--to", "2026-01-01")

    assert (done.code, json.loads(segue("flow-run", "ls", "-o", "json").out)) == (1, [])
    assert "has more than 1000 instants in this time" in done.err

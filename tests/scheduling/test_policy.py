"""What is run of instants that were missed, and how runs are spread."""

import pytest

from segue.records.work import Schedule
from segue.scheduling.instants import instants_of
from segue.scheduling.policy import delay_of, due_by

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 500_000 * HOUR


def run(schedule: Schedule, hours_ago: float, now: int = NOW) -> list[int]:
    """Return the instants that are run after so many hours without a look, in seconds before NOW."""
    due = due_by(schedule, instants_of(schedule), now - round(hours_ago * HOUR), now)
    return [(NOW - at) // SECOND for at in due.chosen]


@pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
def test_what_the_scheduler_comes_to_in_time_is_run(catchup: str) -> None:
    often = Schedule(id="s", interval=1, catchup=catchup)  # type: ignore[arg-type]

    assert run(often, 2.5 / 3600) == [2, 1, 0]


@pytest.mark.parametrize(
    ("catchup", "expected"),
    [("skip", []), ("latest", [1200]), ("all", [22_800, 19_200, 15_600, 12_000, 8400, 4800, 1200])],
)
def test_what_was_missed_in_eight_hours_is_run_as_the_schedule_says(catchup: str, expected: list[int]) -> None:
    hourly = Schedule(id="s", interval=3600, catchup=catchup)  # type: ignore[arg-type]

    assert run(hourly, 6.5, NOW + 1200 * SECOND)[-len(expected) :] == [at - 1200 for at in expected]


def test_the_last_that_was_missed_is_not_run_when_another_is_due_now() -> None:
    assert run(Schedule(id="s", interval=3600, catchup="latest"), 6.5) == [0]


def test_no_more_is_made_up_for_than_the_limit_however_long_it_was() -> None:
    often = Schedule(id="s", interval=1, catchup="all", catchup_limit=3)

    assert run(often, 20 * 365 * 24, NOW + 10) == [4, 3, 2, 1, 0]


def test_what_is_too_late_is_not_run() -> None:
    hourly = Schedule(id="s", interval=3600, catchup="all", max_lateness=7200)

    assert run(hourly, 6.5) == [7200, 3600, 0]


def test_the_last_instant_is_told_also_when_none_is_run() -> None:
    hourly = Schedule(id="s", interval=3600, catchup="skip")

    due = due_by(hourly, instants_of(hourly), NOW - 3 * HOUR, NOW + 60 * SECOND)

    assert due == ([], NOW)


def test_runs_are_spread_over_the_jitter_and_each_time_alike() -> None:
    schedule = Schedule(id="s", interval=3600, jitter=60)

    delays = [delay_of(schedule, "deployment", NOW + hour * HOUR) for hour in range(300)]

    assert delays == [delay_of(schedule, "deployment", NOW + hour * HOUR) for hour in range(300)]
    assert min(delays) < 2 * SECOND
    assert 58 * SECOND < max(delays) < 60 * SECOND
    assert len(set(delays)) > 290
    assert delay_of(Schedule(id="s", interval=3600), "deployment", NOW) == 0

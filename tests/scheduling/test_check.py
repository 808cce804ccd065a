"""Schedules that cannot work are refused with a sentence; the last instants of others are found at once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.exceptions import InvalidWork
from segue.records.work import Schedule
from segue.scheduling.check import check_schedule, check_schedules
from segue.scheduling.instants import between, instants_of, last_ones, upcoming
from segue.states import instant, microseconds

NOW = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
YEAR = 365 * 86_400 * 1_000_000


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "exactly one of interval, cron and rrule; 'nightly' has none"),
        ({"cron": "0 0 * * *", "interval": 60}, "'nightly' has interval and cron"),
        ({"interval": 0.5}, "an interval of 0.5 s"),
        ({"interval": float("nan")}, "an interval of nan s"),
        ({"interval": 1e300}, "Give from 1 second to 10 years"),
        ({"interval": 60, "anchor": 1 << 62}, "an anchor outside of the years 1970 to 2199"),
        ({"interval": 60, "jitter": -1}, "a jitter of -1 s"),
        ({"interval": 60, "max_lateness": 0}, "a max_lateness of 0 s"),
        ({"interval": 60, "catchup_limit": 0}, "a catchup_limit of 0"),
        ({"interval": 60, "catchup": "some"}, "catchup 'some', which is none of skip, latest, all"),
        ({"interval": 60, "overlap": "hope"}, "overlap 'hope', which is none of allow, skip, queue, cancel-running"),
        ({"interval": 60, "id": ""}, "A schedule's id has 1 to 200 characters"),
        ({"interval": 60, "timezone": "europe/berlin"}, "Did you mean 'Europe/Berlin'?"),
        ({"interval": 60, "timezone": "../../etc/passwd"}, "There is no time zone '../../etc/passwd'"),
        ({"interval": 60, "timezone": "America"}, "There is no time zone 'America'"),
        ({"interval": 60, "timezone": "UTC\0"}, "There is no time zone"),
        ({"interval": 60, "timezone": "x" * 5000}, "There is no time zone"),
        ({"cron": "0 0 * *"}, "has 4 fields, where there should be five"),
        ({"cron": "0 0 0 * * *"}, "has 6 fields, where there should be five"),
        ({"cron": "61 * * * *"}, "its minute is wrong"),
        ({"cron": "* " * 400}, "at most 500 characters"),
        ({"cron": "0 0 31 2 *"}, "its day-of-month is wrong"),
        ({"cron": "0 0 31 2 MON", "day_or": False}, "would never run"),
        ({"cron": "@reboot"}, "has 1 fields"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidWork) as refused:
        check_schedule(Schedule(**{"id": "nightly", **given}))  # type: ignore[arg-type]

    assert sentence in str(refused.value)


def test_schedules_of_a_deployment_have_ids_of_their_own() -> None:
    with pytest.raises(InvalidWork, match="Two schedules have the id 'nightly'"):
        check_schedules([Schedule(id="nightly", interval=60), Schedule(id="nightly", cron="@daily")])


def test_a_rule_that_has_ended_is_no_mistake() -> None:
    ended = Schedule(id="s", rrule="DTSTART:20200101T000000 RRULE:FREQ=DAILY;COUNT=3")

    check_schedule(ended)

    assert upcoming(ended, NOW, 3) == []


def test_both_days_of_a_cron_expression_are_needed_if_so_asked() -> None:
    either = Schedule(id="s", cron="0 0 13 * FRI")
    both = Schedule(id="s", cron="0 0 13 * FRI", day_or=False)

    assert [instant(at).day for at in upcoming(either, NOW, 3)] == [2, 9, 13]
    assert [f"{instant(at):%m-%d}" for at in upcoming(both, NOW, 3)] == ["02-13", "03-13", "11-13"]


def test_an_interval_without_an_anchor_is_counted_from_a_monday_at_midnight_in_its_zone() -> None:
    weekly = Schedule(id="s", interval=7 * 86_400, timezone="Europe/Berlin")

    assert [f"{instant(at):%a %H:%M}" for at in upcoming(weekly, NOW, 1)] == ["Sun 23:00"]


schedules = st.sampled_from(
    [
        Schedule(id="s", interval=1),
        Schedule(id="s", interval=90),
        Schedule(id="s", interval=86_400, timezone="Australia/Lord_Howe"),
        Schedule(id="s", cron="* 9 * * MON", timezone="America/New_York"),
        Schedule(id="s", cron="*/10 0-3 29 2 *"),
        Schedule(id="s", rrule="FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9,17", timezone="Europe/Berlin"),
        Schedule(id="s", rrule="DTSTART:20250601T000000 RRULE:FREQ=HOURLY;COUNT=50"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(schedule=schedules, ago=st.integers(0, YEAR), span=st.integers(0, 20_000_000_000), most=st.integers(1, 40))
def test_the_last_instants_of_a_time_are_the_last_of_all_in_it(
    schedule: Schedule, ago: int, span: int, most: int
) -> None:
    instants = instants_of(schedule)
    after, until = NOW - ago, NOW - ago + span

    assert last_ones(instants, after, until, most) == list(between(instants, after, until))[-most:]


class Counted:
    """Instants that count how often they are asked for."""

    def __init__(self, schedule: Schedule) -> None:
        self.instants = instants_of(schedule)
        self.asked = 0

    def next_after(self, after: int) -> int | None:
        self.asked += 1
        return self.instants.next_after(after)


@pytest.mark.parametrize(
    "given", [{"interval": 1}, {"cron": "* 9 * * MON"}, {"rrule": "DTSTART:19760101 RRULE:FREQ=YEARLY"}]
)
def test_the_last_instants_of_many_years_take_a_few_looks_each(given: dict[str, object]) -> None:
    instants = Counted(Schedule(id="s", **given))  # type: ignore[arg-type]

    found = last_ones(instants, NOW - 50 * YEAR, NOW, 20)

    assert len(found) == 20
    assert instants.asked < 20 * 60

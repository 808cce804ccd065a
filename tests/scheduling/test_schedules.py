"""The makers of schedules."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from segue.exceptions import InvalidWork
from segue.records import work
from segue.schedules import Cron, Interval, RRule, Schedule
from segue.scheduling.instants import upcoming
from segue.states import instant, microseconds

NOW = microseconds(datetime(2026, 3, 1, tzinfo=UTC))


def first(schedule: work.Schedule) -> datetime:
    return instant(upcoming(schedule, NOW, 1)[0])


def test_an_anchor_without_a_zone_is_a_time_of_the_schedules() -> None:
    there = Interval(timedelta(days=1), datetime(2026, 1, 1, 9, 30), timezone="America/New_York")  # noqa: DTZ001
    here = Interval(86_400, datetime(2026, 1, 1, 9, 30, tzinfo=timezone(timedelta(hours=2))))
    written = Interval(86_400, "2026-01-01T09:30", timezone="America/New_York")

    assert first(there) == first(written) == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    assert first(here) == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)


def test_each_maker_makes_its_kind() -> None:
    cron = Cron("0 9 13 * FRI", day_or=False, timezone="Europe/Berlin", parameters={"n": 1}, slug="unlucky")
    rule = RRule("FREQ=WEEKLY;BYDAY=TU", active=False, overlap="skip", jitter=60)

    assert (cron.id, cron.parameters) == ("unlucky", {"n": 1})
    assert first(cron) == datetime(2026, 3, 13, 8, tzinfo=UTC)
    assert (rule.active, rule.overlap, rule.jitter) == (False, "skip", 60)
    assert first(rule) == datetime(2026, 3, 3, tzinfo=UTC)
    assert Schedule(interval=60) == Interval(60)


def test_schedules_without_a_slug_are_called_alike_each_time_and_differently_if_they_differ() -> None:
    made = [Cron("0 9 * * *"), Cron("0 10 * * *"), Cron("0 9 * * *", timezone="Asia/Tokyo"), Interval(60), Interval(61)]
    made.append(Cron("0 9 * * *", parameters={"region": "eu"}))

    assert len({schedule.id for schedule in made}) == len(made)
    assert Cron("0 9 * * *", overlap="skip").id == Cron("0 9 * * *").id


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InvalidWork, match="exactly one of interval, cron and rrule"):
        Schedule()
    with pytest.raises(InvalidWork, match="has interval and cron"):
        Schedule(interval=60, cron="@daily")
    with pytest.raises(InvalidWork, match="The anchor date 'soon' is no date"):
        Interval(60, "soon")
    with pytest.raises(InvalidWork, match="no time zone 'Europe/Berln'"):
        Cron("@daily", timezone="Europe/Berln")

"""Recurrence rules against another reader of the same rules, and what is no rule."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.exceptions import InvalidWork
from segue.records.work import Schedule
from segue.scheduling.check import check_schedule
from segue.scheduling.instants import between, instants_of, upcoming
from segue.states import instant, microseconds

START = datetime(2023, 1, 30, 9, 15)  # noqa: DTZ001 - the other reader takes wall times

frequencies = st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"])
weekdays = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])


def listed(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    return st.lists(numbers, min_size=1, max_size=3, unique=True).map(lambda them: ",".join(map(str, them)))


def signed(most: int) -> st.SearchStrategy[int]:
    return st.integers(1, most) | st.integers(-most, -1)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule that comes true often enough for the other reader to find it soon."""
    frequency = draw(frequencies)
    often = frequency in ("HOURLY", "MINUTELY")
    parts = {"FREQ": frequency, "INTERVAL": str(draw(st.integers(1, 90 if often else 3)))}
    optional: dict[str, st.SearchStrategy[str]] = {
        "BYMONTH": listed(st.integers(1, 12)),
        "BYMONTHDAY": listed(signed(28)),
        "BYDAY": listed_days(frequency),
        "BYHOUR": listed(st.integers(0, 23)),
        "BYMINUTE": listed(st.integers(0, 59)),
        "WKST": weekdays,
    }
    if frequency == "YEARLY":
        optional |= {"BYWEEKNO": listed(signed(52)), "BYYEARDAY": listed(signed(365))}
    if not often:
        optional["BYSETPOS"] = listed(signed(3))
    for name in draw(st.lists(st.sampled_from(sorted(optional)), max_size=2 if often else 3, unique=True)):
        parts[name] = draw(optional[name])
    if draw(st.booleans()):
        parts["COUNT"] = str(draw(st.integers(1, 20)))
    return "DTSTART:20230130T091500 RRULE:" + ";".join(f"{name}={value}" for name, value in parts.items())


def listed_days(frequency: str) -> st.SearchStrategy[str]:
    numbered = st.tuples(signed(4), weekdays).map(lambda it: f"{it[0]}{it[1]}")
    # Both kinds in one list mean to the other reader what no reader of the standard would think of.
    kinds = weekdays | numbered if frequency in ("YEARLY", "MONTHLY") else weekdays
    return kinds.flatmap(
        lambda first: st.lists(weekdays if len(first) == 2 else numbered, max_size=2, unique=True).map(
            lambda more: ",".join(dict.fromkeys([first, *more]))
        )
    )


def is_never(rule: str) -> bool:
    """Whether we say that it never comes true: the other reader would look for it up to the year 9999."""
    try:
        check_schedule(Schedule(id="s", rrule=rule))
    except InvalidWork:
        return True
    return False


@settings(max_examples=80, deadline=None)
@given(rule=rules(), days=st.integers(0, 400))
def test_another_reader_finds_the_same_instants(rule: str, days: int) -> None:
    if is_never(rule):
        return
    after = START + timedelta(days=days, minutes=3)
    until = after + timedelta(days=1500)

    found = list(islice(between(instants_of(Schedule(id="s", rrule=rule)), at(after), at(until)), 12))

    # No more than that, since the other reader would look for the next one for a long time.
    expected = islice((wall for wall in rrulestr(rule) if wall > after), len(found))
    assert [instant(it).replace(tzinfo=None) for it in found] == list(expected)


def at(wall: datetime) -> int:
    return microseconds(wall.replace(tzinfo=UTC))


def dates(rule: str, count: int = 3, zone: str = "UTC") -> list[str]:
    schedule = Schedule(id="s", rrule=rule, timezone=zone)
    return [f"{instant(it):%Y-%m-%dT%H:%M}" for it in upcoming(schedule, at(datetime(2026, 1, 1)), count)]  # noqa: DTZ001


def test_what_is_counted_is_counted_from_the_start() -> None:
    assert dates("DTSTART:20251230T080000 RRULE:FREQ=DAILY;COUNT=4", 9) == ["2026-01-01T08:00", "2026-01-02T08:00"]


def test_a_day_until_which_a_rule_goes_is_in_it_and_excepted_days_are_not() -> None:
    rule = "RRULE:FREQ=DAILY;BYHOUR=8;UNTIL=20260104 EXDATE:20260102,20260103T080000"

    assert dates(rule, 9) == ["2026-01-01T08:00", "2026-01-04T08:00"]


def test_times_in_utc_become_times_of_the_zone() -> None:
    """The end, 13:00 in UTC, is 08:00 in New York."""
    rule = "DTSTART:20260101T130000Z RRULE:FREQ=DAILY;UNTIL=20260102T130000Z"

    assert dates(rule, 9, "America/New_York") == ["2026-01-01T13:00", "2026-01-02T13:00"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "one RRULE"),
        ("FREQ=SECONDLY", "use an interval for seconds"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL takes whole numbers from 1"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR takes whole numbers from 0 to 23, not '24'"),
        ("FREQ=DAILY;BYHOUR=" + "9" * 5000, "BYHOUR takes whole numbers"),
        ("FREQ=DAILY;BYHOUR=²", "BYHOUR takes whole numbers"),
        ("FREQ=DAILY;BYDAY=1MO", "BYDAY takes days as MO"),
        ("FREQ=DAILY;BYSECOND=1,2", "use an interval for more"),
        ("FREQ=DAILY;FREQ=DAILY", "each name come once"),
        ("FREQ=DAILY;COUNT=3", "COUNT needs a DTSTART"),
        ("FREQ=DAILY;UNTIL=20260230", "'20260230' is no time"),
        ("FREQ=DAILY;COLOUR=RED", "'COLOUR=RED', which is not known"),
        ("DTSTART;TZID=Europe/Berlin:20260101T000000 RRULE:FREQ=DAILY", "should be the schedule's timezone"),
        ("RDATE:20260101 RRULE:FREQ=DAILY", "only RRULE, DTSTART and EXDATE"),
        ("FREQ=MINUTELY;INTERVAL=60;BYMINUTE=1", "never comes to the hours and minutes"),
        ("FREQ=MINUTELY;BYHOUR=3;BYMONTH=2;BYMONTHDAY=30", "would never run"),
        ("FREQ=DAILY;" + "BYHOUR=1;" * 900, "at most 6500 characters"),
    ],
)
def test_what_is_no_rule_is_refused_with_a_sentence(rule: str, sentence: str) -> None:
    with pytest.raises(InvalidWork, match=r"\.$") as refused:
        check_schedule(Schedule(id="nightly", rrule=rule))

    assert sentence in str(refused.value)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.sampled_from("FREQ=DAILYBYHOUR:;,0123456789 \nDTSTARTUNTILZ+-"), max_size=60), seed=st.integers()
)
def test_any_text_is_a_rule_or_is_refused(text: str, seed: int) -> None:
    pieces = text.split(";")
    random.Random(seed).shuffle(pieces)
    for rule in (text, "FREQ=DAILY;" + ";".join(pieces)):
        assert is_never(rule) or upcoming(Schedule(id="s", rrule=rule), 0, 1)

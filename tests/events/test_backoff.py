"""Delays between attempts."""

from itertools import islice
from random import Random

from segue_events.backoff import exponential


def test_delays_grow_up_to_a_cap() -> None:
    assert list(islice(exponential(1.0, 4.0, 60.0, 0.0, Random(1)), 5)) == [1.0, 4.0, 16.0, 60.0, 60.0]


def test_the_first_delay_is_capped_too() -> None:
    assert next(exponential(9.0, 2.0, 5.0, 0.0, Random(1))) == 5.0


def test_jitter_stays_within_its_fraction() -> None:
    draws = [exponential(10.0, 1.0, 10.0, 0.2, drawn) for drawn in (lambda: 0.0, lambda: 0.5, lambda: 1.0)]
    assert [next(delays) for delays in draws] == [8.0, 10.0, 12.0]


def test_random_numbers_are_an_argument() -> None:
    ours, theirs = (islice(exponential(1.0, 2.0, 60.0, 0.5, random), 5) for random in (Random(7), Random(7).random))
    assert list(ours) == list(theirs)

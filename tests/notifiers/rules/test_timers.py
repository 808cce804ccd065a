"""Timers: when whom to ask."""

from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.rules.timers import Timers

SETTINGS = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 20)), max_size=300)


@given(SETTINGS, st.integers(0, 20))
def test_timers_are_as_a_dict_would_have_it(settings: list[tuple[int, int | None]], now: int) -> None:
    timers, model = Timers[int](), dict[int, int]()
    for key, at in settings:
        timers.set(key, at)
        model.pop(key, None)
        if at is not None:
            model[key] = at

    assert timers.next() == min(model.values(), default=None)
    taken = timers.take(now)
    assert sorted(taken) == sorted(key for key, at in model.items() if at <= now)
    assert [model[key] for key in taken] == sorted(model[key] for key in taken)
    assert timers.next() == min((at for at in model.values() if at > now), default=None)

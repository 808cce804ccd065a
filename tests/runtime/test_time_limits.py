"""Time limits: alone, within each other, swallowed, beside a timer of the user's, and at the very last moment."""

import asyncio
import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from segue.engine.time_limits import Interrupted, call_within, time_limit_async
from segue.lifecycle import TimeLimitReached

LONG = 50
Place = Callable[[Callable[[], Any]], Any]


@pytest.fixture(params=["the main thread", "another thread"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Where the limited functions are called."""
    with ThreadPoolExecutor(1) as pool:
        yield (lambda fn: fn()) if request.param == "the main thread" else (lambda fn: pool.submit(fn).result())


@pytest.fixture(autouse=True)
def clock_is_given_back() -> Iterator[None]:
    """A limit leaves the handler and the timer that it has found: here those of the test's own time limit."""
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    yield
    assert signal.getsignal(signal.SIGALRM) is handler
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == (left > 0)


@contextlib.contextmanager
def timer_of_the_user(handler: Callable[..., None], delay: float, interval: float) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    left, _ = signal.setitimer(signal.ITIMER_REAL, delay, interval)
    try:
        yield
        assert signal.getsignal(signal.SIGALRM) is handler
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)


def never() -> None:
    while True:
        pass


def test_what_ends_in_time_returns_its_value(place: Place) -> None:
    assert place(lambda: call_within(LONG, lambda: 5)) == 5


def test_what_does_not_is_interrupted(place: Place) -> None:
    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.01, never))


def test_an_exception_of_its_own_passes(place: Place) -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        place(lambda: call_within(LONG, fail))


def test_a_blocking_call_in_the_main_thread_is_interrupted() -> None:
    with pytest.raises(TimeLimitReached):
        call_within(0.01, lambda: threading.Event().wait())


def test_an_inner_limit_ends_only_what_is_inside(place: Place) -> None:
    def outer() -> str:
        with pytest.raises(TimeLimitReached):
            call_within(0.01, never)
        return "went on"

    assert place(lambda: call_within(LONG, outer)) == "went on"


def test_an_outer_limit_is_not_put_off_by_longer_ones_inside(place: Place) -> None:
    inside: list[str] = []

    def inner() -> None:
        try:
            never()
        except Interrupted:
            inside.append("interrupted")
            raise

    def outer() -> None:
        for _ in range(10_000):
            call_within(LONG, lambda: None)
        call_within(LONG, lambda: call_within(LONG, inner))

    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.2, outer))
    assert len(inside) <= 1


def test_an_outer_limit_passes_through_an_inner_one_as_what_it_is(place: Place) -> None:
    seen: list[type[BaseException]] = []

    def outer() -> None:
        try:
            call_within(LONG, never)
        except BaseException as error:
            seen.append(type(error))
            raise

    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.05, outer))
    assert seen == [Interrupted]


def swallow() -> str:
    try:
        never()
    except BaseException:
        return "swallowed"
    return ""


def test_a_limit_that_was_swallowed_was_reached_all_the_same(place: Place) -> None:
    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.01, swallow))


def test_an_outer_limit_that_was_swallowed_inside_of_an_inner_one_was_reached_too(place: Place) -> None:
    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.01, lambda: call_within(LONG, swallow)))


def test_except_exception_does_not_swallow_a_limit(place: Place) -> None:
    caught: list[Exception] = []

    def careless() -> None:
        try:
            never()
        except Exception as error:
            caught.append(error)

    with pytest.raises(TimeLimitReached):
        place(lambda: call_within(0.01, careless))
    assert caught == []


def test_what_an_interrupted_function_raises_instead_is_the_cause(place: Place) -> None:
    def translate() -> None:
        try:
            never()
        except BaseException:
            raise KeyError("x") from None

    with pytest.raises(TimeLimitReached) as caught:
        place(lambda: call_within(0.01, translate))
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_interrupt_from_the_keyboard_is_no_limit(place: Place) -> None:
    def translate() -> None:
        try:
            never()
        except Interrupted:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        place(lambda: call_within(0.01, translate))


def test_a_timer_of_the_users_rings_inside_of_a_limit_and_after_it() -> None:
    rang: list[str] = []
    enough = threading.Event()

    def ring(*_: object) -> None:
        rang.append("inside" if inside else "outside")
        if len(rang) % 3 == 0:
            enough.set()

    inside = True
    with timer_of_the_user(ring, 0.005, 0.005):
        call_within(LONG, enough.wait)
        inside = False
        enough.clear()
        enough.wait()
    assert rang.count("inside") >= 3
    assert "outside" in rang


def test_a_timer_of_the_users_may_interrupt_the_function() -> None:
    def ring(*_: object) -> None:
        raise KeyError("the user's")

    with timer_of_the_user(ring, 0.01, 0), pytest.raises(KeyError, match="the user's"):
        call_within(LONG, never)


def test_at_the_very_moment_a_limit_is_reached_or_not_and_nothing_else_comes_out(place: Place) -> None:
    seconds = 0.0002

    def about_as_long() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for number in range(2_000):
            end = time.perf_counter() + seconds * (0.7 + number % 40 / 100)

            def work(end: float = end) -> None:
                while time.perf_counter() < end:
                    pass

            try:
                call_within(seconds, work)
                outcomes["ended"] += 1
            except TimeLimitReached:
                outcomes["limit"] += 1
        return outcomes

    assert place(about_as_long).total() == 2_000


def test_limits_reached_at_the_same_moment_come_out_each_as_its_own(place: Place) -> None:
    seconds = 0.0003

    def inner() -> None:
        with pytest.raises(TimeLimitReached):
            call_within(seconds, never)

    def at_once() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for _ in range(300):
            try:
                call_within(seconds * 1.02, inner)
                outcomes["inner"] += 1
            except TimeLimitReached:
                outcomes["outer"] += 1
        return outcomes

    assert place(at_once).total() == 300


def test_many_threads_have_limits_at_once() -> None:
    def one(number: int) -> str:
        try:
            return call_within(0.02 if number % 2 else LONG, never if number % 2 else lambda: "ended")
        except TimeLimitReached:
            return "limit"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == ["ended", "limit"] * 20


async def within(seconds: float, coroutine: Callable[[], Awaitable[None]]) -> None:
    async with time_limit_async(seconds):
        await coroutine()


async def never_async() -> None:
    await asyncio.Event().wait()


async def test_a_coroutine_is_cancelled_at_its_limit() -> None:
    with pytest.raises(TimeLimitReached):
        await within(0.01, never_async)


async def test_a_coroutine_that_swallows_the_cancellation_has_reached_its_limit_all_the_same() -> None:
    async def swallow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await never_async()

    with pytest.raises(TimeLimitReached):
        await within(0.01, swallow)


async def test_what_a_cancelled_coroutine_raises_instead_is_the_cause() -> None:
    async def translate() -> None:
        try:
            await never_async()
        except asyncio.CancelledError:
            raise KeyError("x") from None

    with pytest.raises(TimeLimitReached) as caught:
        await within(0.01, translate)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_limits_of_coroutines_lie_within_each_other() -> None:
    reached: list[str] = []

    async def outer() -> None:
        with pytest.raises(TimeLimitReached):
            await within(0.01, never_async)
        reached.append("inner")
        await within(LONG, never_async)

    with pytest.raises(TimeLimitReached):
        await within(0.05, outer)
    assert reached == ["inner"]

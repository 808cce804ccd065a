"""SteadyClock: leases run by a clock that nobody can set."""

from pathlib import Path

import pytest

from segue.work.steady import SteadyClock
from segue_events.testing import FakeClock

HOUR = 3600 * 1_000_000


class SetClock(FakeClock):
    """A clock that people set: `ahead` µs."""

    ahead = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """The machine, started once."""
    path = tmp_path / "boot_id"
    path.write_text("first\n")
    return path


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 24 * HOUR, -24 * HOUR])
async def test_a_clock_that_is_set_moves_no_lease(tmp_path: Path, starts: Path, ahead: int) -> None:
    """An hour or a day, forwards or back: the same seconds have passed."""
    clock = SetClock()
    steady = SteadyClock(tmp_path / "segue.db", clock, starts)
    begun = steady.now_us()
    clock.ahead = ahead
    await clock.advance(5)
    assert steady.now_us() - begun == 5_000_000


def test_it_begins_with_the_time_of_day(tmp_path: Path, starts: Path) -> None:
    """People who read when a lease ends are not misled."""
    clock = FakeClock()
    assert SteadyClock(tmp_path / "segue.db", clock, starts).now_us() == clock.now_us()


def test_all_processes_have_the_same_time(tmp_path: Path, starts: Path) -> None:
    """Also one that began after the clock was set."""
    clock = SetClock()
    first = SteadyClock(tmp_path / "segue.db", clock, starts)
    first.now_us()
    clock.ahead = HOUR
    second = SteadyClock(tmp_path / "segue.db", clock, starts)
    assert second.now_us() == first.now_us()


def test_a_machine_that_was_started_anew_begins_anew(tmp_path: Path, starts: Path) -> None:
    """What it counted before says nothing now."""
    clock = SetClock()
    SteadyClock(tmp_path / "segue.db", clock, starts).now_us()
    clock.ahead = HOUR
    starts.write_text("second\n")
    assert SteadyClock(tmp_path / "segue.db", clock, starts).now_us() == clock.now_us()


@pytest.mark.parametrize("text", ["", "{", '{"start": 1}'])
def test_a_file_that_is_no_beginning_is_made_anew(tmp_path: Path, starts: Path, text: str) -> None:
    """A disk that was full leaves such files."""
    clock = FakeClock()
    (tmp_path / "segue.db.clock").write_text(text)
    assert SteadyClock(tmp_path / "segue.db", clock, starts).now_us() == clock.now_us()


def test_where_starts_cannot_be_told_apart_it_is_the_clock_itself(tmp_path: Path) -> None:
    """Nothing is kept that could be wrong after the next one."""
    clock = SetClock()
    steady = SteadyClock(tmp_path / "segue.db", clock, tmp_path / "nowhere")
    steady.now_us()
    clock.ahead = HOUR
    assert steady.now_us() == clock.now_us()
    assert not (tmp_path / "segue.db.clock").exists()

"""How the notifier's process ends, and what is made of what is configured."""

import os
from pathlib import Path
from random import Random

import anyio
import pytest

from segue.notify.assignment import Assignment
from segue.notify.lock import NotifierLock
from segue.notify.registrations import Alert, Folder, Registrations
from segue.notify.sources import Sources
from segue.notify.tenure import opened, tell_and_unlock
from segue.notify.watch import FAILURES, UNKNOWN, Watch, watch_of
from segue.notify.wiring import EVERYONE, BrokenChannel, channel_for
from segue.settings import Settings
from segue_events import Bus, Event, SystemClock
from segue_events.journal.memory import MemoryJournal
from segue_events.testing import FakeClock
from segue_notifiers.channels.log_channel import LogChannel
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.notifier import Notifier
from segue_notifiers.outbox.route import Route
from segue_notifiers.outbox.state import MemoryState
from segue_notifiers.reader import Source
from segue_notifiers.rules import Match, Reactive, Rule
from segue_notifiers.target import Target
from segue_notifiers.testing import MemoryChannel

CANARY = "c4n4ry-t0ken"
RULE = Rule(name="failures", when=Reactive(on=Match(kinds=("flow-run.failed",))))


class Surprised:
    """Tells; a failure is committed after it has stopped, and before the last look."""

    def __init__(self, notifier: Notifier, source: Source) -> None:
        self._notifier = notifier
        self._source = source
        self._surprises = 1

    async def run(self) -> None:
        await self._notifier.run(self._source, 5)

    async def pending(self) -> bool:
        if self._surprises:
            self._surprises -= 1
            self._source.bus.publish(Event(kind="flow-run.failed", run="late", subject="late", occurred=10**18))
            await self._source.bus.flushed()
        return await self._notifier.pending(self._source)


async def end(channel: MemoryChannel, lock: NotifierLock) -> None:
    """Let a notifier come to its end, with a failure in the last moment."""
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus, anyio.create_task_group() as group:
        notifier = Notifier([RULE], [Route(channel=channel)], state=MemoryState(), clock=clock, random=Random(1))
        telling = Surprised(notifier, Source(journal, bus, await journal.head()))
        group.start_soon(tell_and_unlock, telling, lock)
        await clock.advance(30)


async def test_a_failure_in_the_last_moment_is_told(tmp_path: Path) -> None:
    channel = MemoryChannel()
    with NotifierLock.open(tmp_path / "lock") as lock:
        assert lock.acquire()

        await end(channel, lock)

    assert [message.about for message in channel.messages] == ["late"]


async def test_a_failure_in_the_last_moment_is_left_to_the_notifier_its_engine_has_started(tmp_path: Path) -> None:
    class Taken(NotifierLock):
        def release(self) -> None:
            super().release()
            assert other.acquire()

    channel = MemoryChannel()
    with NotifierLock.open(tmp_path / "lock") as other, Taken.open(tmp_path / "lock") as lock:
        assert lock.acquire()

        await end(channel, lock)

    assert channel.messages == []


def test_a_lock_is_one_holder_s(tmp_path: Path) -> None:
    with NotifierLock.open(tmp_path / "lock") as first, NotifierLock.open(tmp_path / "lock") as second:
        assert first.acquire()
        assert not second.acquire()
        first.release()
        assert second.acquire()


def test_an_assignment_goes_over_whole_and_shows_no_url(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, notify_urls=(f"json://{CANARY}",), notify_allow_networks=("10.0.0.0/8",))
    assignment = Assignment(settings=settings, folder=tmp_path / "project", since=7)

    assert Assignment.decode(assignment.encode()) == assignment
    assert CANARY not in repr(assignment)


def test_a_target_has_the_channel_of_its_url() -> None:
    channel = channel_for(Target(name="ops", url="log://"), Policy(), FakeClock())

    assert isinstance(channel, LogChannel)


@pytest.mark.parametrize("url", [CANARY, "webhook+http://127.0.0.1:1/", "json://${NOWHERE}/", f"syslog://{CANARY}"])
async def test_a_target_that_cannot_work_says_so_for_each_message(url: str) -> None:
    channel = channel_for(Target(name="ops", url=url), Policy(schemes=("webhook",)), FakeClock(), environ={})

    if isinstance(channel, BrokenChannel):
        with pytest.raises(InvalidChannel, match="ops") as raised:
            await channel.open()
        assert CANARY not in str(raised.value)
    else:
        assert url.startswith("webhook")


def test_without_rules_failures_wake_the_notifier(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, notify_urls=("log://",))

    assert watch_of(settings, Sources.of(settings, tmp_path)) == Watch(kinds=FAILURES)


def test_rules_wake_it_for_what_they_look_at_once_it_has_read_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.notify_file.write_text("rules: {mine: {on: 'flow-run.completed'}}")
    sources = Sources.of(settings, tmp_path / "project")
    left = Watch(kinds=("flow-run.completed",), files=sources.stamps())

    before = watch_of(settings, sources)
    left.write(settings)
    after = watch_of(settings, sources)
    settings.notify_file.write_text("rules: {mine: {on: 'flow-run.cancelled'}}")

    assert (before, after, watch_of(settings, sources)) == (UNKNOWN, left, UNKNOWN)


def test_a_project_s_toml_that_is_about_other_things_wakes_nobody(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    (tmp_path / "segue.toml").write_text("[other]\n")

    assert not Sources.of(settings, tmp_path).any()


def test_what_is_left_is_private_and_left_once(tmp_path: Path) -> None:
    registrations = Registrations(tmp_path / "left")
    alert = Alert(noun="flow", name="etl", ending="failed", urls=(f"json://{CANARY}",))

    registrations.leave(alert)
    registrations.leave(alert)

    [file] = registrations.folder.iterdir()
    assert (file.stat().st_mode & 0o777, registrations.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    [found] = registrations.found(0)
    assert found.registration == alert
    assert CANARY not in repr(found)


def test_what_is_left_again_changes_nothing_unless_it_had_grown_old(tmp_path: Path) -> None:
    """Each failing process leaves its word again, which must not make a notifier that is sending begin anew."""
    settings = Settings(home=tmp_path)
    sources, registrations = Sources.of(settings, tmp_path), Registrations.of(settings.database)
    registrations.leave(Alert(noun="flow", name="etl", ending="failed", tags=("oncall",)))
    [file] = registrations.folder.iterdir()

    def fingerprint(left_at: int, now: int) -> object:
        os.utime(file, (left_at, left_at))
        return sources.fingerprint(now * 1_000_000)

    hour = 3600
    assert fingerprint(0, hour) == fingerprint(hour, hour) == fingerprint(hour, 3 * hour)
    assert fingerprint(0, hour) != fingerprint(0, 3 * hour)


def test_what_was_left_long_ago_is_deleted(tmp_path: Path) -> None:
    registrations = Registrations(tmp_path / "left")
    registrations.leave(Alert(noun="flow", name="etl", ending="failed", tags=("oncall",)))

    assert registrations.found(10**18) == []
    assert list(registrations.folder.iterdir()) == []


def test_a_folder_counts_for_as_long_as_it_has_rules(tmp_path: Path) -> None:
    registrations = Registrations(tmp_path / "left")
    (tmp_path / "segue.toml").touch()
    registrations.leave(Folder(path=str(tmp_path)))

    before = [found.registration for found in registrations.found(10**18)]
    (tmp_path / "segue.toml").unlink()

    assert before == [Folder(path=str(tmp_path))]
    assert registrations.found(0) == []


def test_everyone_is_no_name_that_a_user_would_write() -> None:
    assert ":" in EVERYONE


async def test_a_setting_that_cannot_be_read_leaves_the_others_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path, notify_urls=("log://",), notify_allow_networks=("nonsense",))
    clock = SystemClock()
    async with opened(Assignment(settings=settings, folder=tmp_path, since=clock.now_us()), clock, 0.1) as tenure:
        await tenure.run()

        assert not await tenure.pending()

    assert "Messages go to no private network: " in caplog.text

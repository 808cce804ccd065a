"""The hook that has people told of one flow's failures: what it leaves, and that no run suffers by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue import flow, notify_on_failure, task
from segue.notify.lock import NotifierLock
from segue.notify.registrations import Alert, Registrations
from segue.settings import get_current_settings
from segue.testing import segue_test_harness

CANARY = "c4n4ry-t0ken"


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    """A home and a journal of the test's own, with a notifier that seems to run already."""
    with segue_test_harness() as home, NotifierLock.open(home / "segue.db.notifier.lock") as lock:
        assert lock.acquire()
        yield home


def left() -> list[Alert]:
    found = Registrations.of(get_current_settings().database).found(0)
    return [it.registration for it in found if isinstance(it.registration, Alert)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "would tell nobody; give it a URL, or a tag of configured targets"),
        (("log://", CANARY), "Argument 2 of notify_on_failure.. is no URL; it begins like mailto:// or slack://"),
    ],
)
def test_what_tells_nobody_is_refused_at_once(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        notify_on_failure(*arguments)

    assert CANARY not in str(raised.value)


def test_the_hook_shows_no_url() -> None:
    assert CANARY not in repr(notify_on_failure(f"json://{CANARY}", tag="oncall"))


def test_a_failed_flow_leaves_word_of_whom_to_tell() -> None:
    @flow(on_failure=[notify_on_failure("log://", tag="oncall")])
    def etl() -> None:
        raise ValueError("no data")

    etl(return_state=True)
    etl(return_state=True)

    assert left() == [Alert(noun="flow", name="etl", ending="failed", urls=("log://",), tags=("oncall",))]


def test_a_failed_task_leaves_word_too() -> None:
    @task(on_failure=[notify_on_failure("log://")])
    def fetch() -> None:
        raise ValueError("no data")

    fetch(return_state=True)

    assert left() == [Alert(noun="task", name="fetch", ending="failed", urls=("log://",))]


def test_a_flow_that_completes_leaves_nothing() -> None:
    @flow(on_failure=[notify_on_failure("log://")], on_completion=[notify_on_failure("log://")])
    def etl() -> None:
        pass

    etl()

    assert left() == []


def test_a_disk_that_takes_nothing_fails_no_run(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    @flow(on_failure=[notify_on_failure(f"json://{CANARY}")])
    def etl() -> None:
        raise ValueError("no data")

    (home / "segue.db.notifier.targets").write_text("a file where the folder is to be")

    state = etl(return_state=True)

    assert state.name == "Failed"
    assert "Nobody is told of failures of flow 'etl'" in caplog.text
    assert CANARY not in caplog.text

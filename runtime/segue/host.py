"""The host: one thread of this process in which the journal and its bus live, for all runs of the process.

Runs are in any loop or none: a script's main thread, a notebook's loop, threads of a pool. The bus has one
loop, so it has a thread of its own. The host starts with the first run and ends when the main thread has.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar, cast

from segue.notify.starter import watch_events
from segue.settings import Settings
from segue.store import Store
from segue.tables import projections
from segue_events import Bus, Clock, JournalError, JournalUnwritable, SystemClock
from segue_events.journal.sqlite import SqliteJournal

T = TypeVar("T")


class Host:
    """A journal, its bus and its store, in a thread of their own.

    Opening raises JournalError when the database cannot be used; the sentence says why.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._stop = asyncio.Event()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="segue-host")
        self._thread.start()
        self._ready.result()

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            elif not _is_journal_error(error):
                raise
            # A journal that fails to the end has said so to whoever waited, and the bus says what is lost.

    async def _live(self) -> None:
        settings = self.settings
        self._make_folder()
        self.journal = SqliteJournal(
            settings.database, projections=projections(), synchronous=settings.durability.upper()
        )
        # The bus ends before the tasks of the group: they see its last events, and then the end.
        async with self.journal, asyncio.TaskGroup() as group, Bus(self.journal, self.clock) as self.bus:
            self.store = Store(self.journal)
            self._loop = asyncio.get_running_loop()
            # Also where nobody is to be told yet: people may say so while this process lives.
            group.create_task(watch_events(self.bus, settings))
            await asyncio.sleep(0)  # it subscribes before there is anything to miss
            self._ready.set_result(None)
            await self._stop.wait()

    def _make_folder(self) -> None:
        folder = self.settings.database.parent
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise JournalUnwritable(
                f"The folder {folder} of the journal cannot be made ({error.strerror}). "
                "Set SEGUE_HOME or SEGUE_DATABASE to a place that can be written."
            ) from None

    def call(self, fn: Callable[..., Awaitable[T]], *args: Any) -> Future[T]:
        """Run the coroutine function in the host's loop; return a future of what it returns. From any thread."""

        async def run() -> T:
            return await fn(*args)

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def close(self) -> None:
        """Write what is queued, close the journal and end the thread; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()


_hosts: dict[Path, Host] = {}
_watched = False
_lock = threading.Lock()


def current_host(settings: Settings) -> Host:
    """Return this process's host of the settings' database; opens it at the first call."""
    host = _hosts.get(settings.database)
    if host is not None:
        return host
    with _lock:
        if settings.database not in _hosts:
            _watch_the_end()
            _hosts[settings.database] = Host(settings)
        return _hosts[settings.database]


def _watch_the_end() -> None:
    """Start, once in a process, the thread that closes the hosts when the program is over."""
    global _watched
    if not _watched:
        _watched = True
        threading.Thread(target=_close_with_main_thread, name="segue-exit").start()


def close_hosts() -> None:
    """Close every host of this process; the next run opens a new one."""
    with _lock:
        hosts = list(_hosts.values())
        _hosts.clear()
    for host in hosts:
        host.close()


def _close_with_main_thread() -> None:
    """Close when the program is over.

    The threads of the host and of aiosqlite are not daemons, and the interpreter waits for such threads
    before it calls `atexit` functions: only a thread that waits for the main one hears of the end in time.
    """
    threading.main_thread().join()
    # A thread of the program's may outlive the main one, and so may the flow that runs in it.
    while others := [thread for thread in threading.enumerate() if _is_of_the_program(thread)]:
        for thread in others:
            thread.join()
    close_hosts()


def _is_of_the_program(thread: threading.Thread) -> bool:
    """Tell the threads that keep a program alive from those that only serve its journal."""
    name = thread.name
    # The latter two are aiosqlite's, and the ones in which anyio runs plain functions: each ends with its owner.
    own = name in ("segue-host", "segue-exit") or name.endswith("(_connection_worker_thread)") or "AnyIO" in name
    return not (own or thread.daemon or thread is threading.main_thread())


def _is_journal_error(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_journal_error(inner) for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions)
    return isinstance(error, JournalError)


def _forget_after_fork() -> None:
    """A forked child has its parent's objects but none of its threads: it starts hosts of its own."""
    global _lock, _watched
    _lock, _watched = threading.Lock(), False
    _hosts.clear()


os.register_at_fork(after_in_child=_forget_after_fork)

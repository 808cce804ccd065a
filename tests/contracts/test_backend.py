"""What every backend does, upon this process's own journal, upon a server's, and in memory."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from segue.api_backend import ApiBackend
from segue.backend import Backend
from segue.exceptions import UnknownLimit
from segue.far.link import Link
from segue.host import Host
from segue.local_backend import LocalBackend
from segue.records.work import Limit
from segue.requests import Request
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED
from segue.server.app import create_app
from segue.server.wiring import wired
from segue.settings import Settings, load_settings
from segue.slots import Wanted
from segue.tables import projections
from segue.testing import MemoryBackend
from segue.work_events import limit_deleted, limit_saved
from segue_events import Event, PayloadError, SystemClock, new_id
from segue_events.journal.sqlite import SqliteJournal


@dataclass
class Subject:
    """A backend, what is in its journal, and a way to have something published by somebody else."""

    backend: Backend
    kept: Callable[[], Awaitable[list[Event]]]
    elsewhere: Callable[[Event], Awaitable[None]]


@asynccontextmanager
async def in_memory(home: Path) -> AsyncIterator[Subject]:
    backend = MemoryBackend(SystemClock())

    async def kept() -> list[Event]:
        return backend.events

    async def elsewhere(event: Event) -> None:
        backend.publish(event)

    yield Subject(backend, kept, elsewhere)


@asynccontextmanager
async def local(home: Path) -> AsyncIterator[Subject]:
    host = await asyncio.to_thread(Host, Settings(home=home))
    try:
        yield Subject(LocalBackend(host), lambda: read(home), lambda event: write(home, event))
    finally:
        await asyncio.to_thread(host.close)


@asynccontextmanager
async def far(home: Path, websockets: str = "websockets-sansio") -> AsyncIterator[Subject]:
    async with serving(home / "server", websockets) as url:
        link = await asyncio.to_thread(Link, Settings(home=home, api_url=url))
        try:
            yield Subject(ApiBackend(link), lambda: read(home / "server"), lambda event: write(home / "server", event))
        finally:
            await asyncio.to_thread(link.close)


def far_by_http(home: Path) -> AbstractAsyncContextManager[Subject]:
    """The same where no websocket comes through."""
    return far(home, "none")


async def read(home: Path) -> list[Event]:
    async with SqliteJournal(home / "segue.db", read_only=True) as journal:
        return await journal.read(limit=100_000)


async def write(home: Path, event: Event) -> None:
    async with SqliteJournal(home / "segue.db", projections=projections()) as journal:
        await journal.append([event])


class Uvicorn(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(home: Path, websockets: Any) -> AsyncIterator[str]:
    """A server with a database in this folder, which lets everybody in."""
    os.makedirs(home)
    loaded = load_settings()._replace(settings=Settings(home=home))
    async with wired(loaded, SystemClock()) as wiring:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(create_app(wiring), ws=websockets, lifespan="off", log_config=None)
            server = Uvicorn(config)
            serve = asyncio.create_task(server.serve([listener]))
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            finally:
                wiring.streams.stop()
                server.should_exit = True
                await serve


@pytest.fixture(params=[in_memory, local, far, far_by_http], ids=["memory", "local", "far", "far by HTTP"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with asyncio.timeout(30), request.param(tmp_path) as made:
        yield made


def cached(key: str, **more: Any) -> Event:
    run = new_id()
    return Event(kind="task-run.completed", run=run, subject=new_id(), payload={"cache_key": key, **more})


async def put(backend: Backend, *events: Event) -> None:
    """Make events known that tell of task runs, in the order a journal needs."""
    for event in events:
        if event.kind.startswith("task-run."):
            backend.publish(
                Event(kind="task-run.pending", run=event.run, subject=event.subject, payload={"task": "t", "name": "t"})
            )
            backend.publish(Event(kind="task-run.running", run=event.run, subject=event.subject))
        backend.publish(event)
    await asyncio.wrap_future(backend.flush())


async def test_what_was_published_is_in_the_journal_in_order_once_it_is_flushed(subject: Subject) -> None:
    for number in range(500):
        subject.backend.publish(Event(kind="a.b", payload={"n": number}))
    await asyncio.wrap_future(subject.backend.flush())
    assert [event.payload["n"] for event in await subject.kept()] == list(range(500))


async def test_events_of_many_threads_are_all_kept_those_of_each_in_order(subject: Subject) -> None:
    def publish(thread: int) -> None:
        for number in range(200):
            subject.backend.publish(Event(kind="a.b", payload={"thread": thread, "n": number}))

    await asyncio.gather(*(asyncio.to_thread(publish, thread) for thread in range(4)))
    await asyncio.wrap_future(subject.backend.flush())
    kept = await subject.kept()
    for thread in range(4):
        assert [event.payload["n"] for event in kept if event.payload["thread"] == thread] == list(range(200))


async def test_ids_and_instants_are_filled_in_and_kept(subject: Subject) -> None:
    given = Event(kind="a.b", id=new_id(), occurred=5, run="r", subject="s", payload={"x": [1, None, "ü"]})
    subject.backend.publish(given)
    subject.backend.publish(Event(kind="c.d"))
    await asyncio.wrap_future(subject.backend.flush())
    first, second = await subject.kept()
    assert msgspec.structs.replace(first, seq=0) == msgspec.structs.replace(given, seq=0)
    assert second.id
    assert second.occurred > 1_700_000_000_000_000


async def test_an_event_that_is_no_json_is_refused_at_once(subject: Subject) -> None:
    with pytest.raises(PayloadError, match="nan"):
        subject.backend.publish(Event(kind="a.b", payload={"x": float("nan")}))


async def test_there_is_room_while_little_waits(subject: Subject) -> None:
    assert subject.backend.room() is None


async def test_a_large_event_is_kept_whole(subject: Subject) -> None:
    subject.backend.publish(Event(kind="a.b", payload={"x": "y" * 3_000_000}))
    await asyncio.wrap_future(subject.backend.flush())
    assert len((await subject.kept())[0].payload["x"]) == 3_000_000


async def test_a_cached_result_is_found_right_after_it_was_published(subject: Subject) -> None:
    await put(subject.backend, cached("k", result={"a": [1, 2]}))
    entry = await asyncio.wrap_future(subject.backend.cached("k"))
    assert entry is not None
    assert entry.result is not None
    assert msgspec.json.decode(entry.result) == {"a": [1, 2]}
    assert await asyncio.wrap_future(subject.backend.cached("other")) is None


@pytest.mark.parametrize(("expires", "found"), [(1, False), (4_000_000_000_000_000, True)])
async def test_an_expired_result_is_not_found(subject: Subject, expires: int, found: bool) -> None:
    await put(subject.backend, cached("k", ref={"at": "x"}, expires=expires))
    entry = await asyncio.wrap_future(subject.backend.cached("k"))
    assert (entry is not None) is found
    if entry is not None:
        assert (entry.ref, entry.expires, entry.result) == ({"at": "x"}, expires, None)


async def test_a_run_hears_what_somebody_else_asks_of_it(subject: Subject) -> None:
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[Request]()
    run = new_id()
    subject.backend.heed(run, lambda request: loop.call_soon_threadsafe(heard.put_nowait, request))
    subject.backend.publish(Event(kind="flow-run.pending", run=run, subject=run, payload={"flow": "f", "name": "n"}))
    await asyncio.wrap_future(subject.backend.flush())
    await subject.elsewhere(Event(kind=FLOW_RUN_CANCEL_REQUESTED, run=new_id(), payload={}))
    await subject.elsewhere(
        Event(kind=FLOW_RUN_CANCEL_REQUESTED, run=run, subject=run, payload={"by": "ann", "reason": "why"})
    )
    assert await heard.get() == Request("ann", "why")
    subject.backend.forget(run)
    assert heard.empty()


# --- limits; in memory there are none ---


@pytest.fixture(params=[local, far, far_by_http], ids=["local", "far", "far by HTTP"])
async def limited(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """A backend whose limit `db` has one slot."""
    async with asyncio.timeout(30), request.param(tmp_path) as made:
        await made.elsewhere(limit_saved(Limit(name="db", slots=1, tag=True), 1))
        yield made


async def test_slots_are_held_until_they_are_given_back(limited: Subject) -> None:
    slots, wanted = limited.backend.slots, Wanted(("db",), 1, "me")
    held = await slots.take(wanted, 0.0).wait_async()
    assert held is not None
    assert await slots.take(wanted, 0.0).wait_async() is None
    await asyncio.wrap_future(held.release())
    assert await slots.take(wanted, 0.0).wait_async() is not None


async def test_who_waits_for_slots_gets_them_as_soon_as_they_are_free(limited: Subject) -> None:
    slots, wanted = limited.backend.slots, Wanted(("db",), 1, "me")
    held = await slots.take(wanted).wait_async()
    waiting = [asyncio.create_task(slots.take(wanted).wait_async()) for _ in range(2)]
    for _ in waiting:
        assert held is not None
        await asyncio.wrap_future(held.release())
        (done, waiting) = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        held = done.pop().result()
    assert held is not None


async def test_who_gives_up_waiting_gets_nothing(limited: Subject) -> None:
    slots, wanted = limited.backend.slots, Wanted(("db",), 1, "me")
    held = await slots.take(wanted).wait_async()
    assert held is not None
    given_up = slots.take(wanted)
    given_up.give_up()
    await asyncio.wrap_future(held.release())
    assert await slots.take(wanted, 20.0).wait_async() is not None


async def test_what_is_waited_for_is_said(limited: Subject) -> None:
    slots, wanted = limited.backend.slots, Wanted(("db",), 1, "me")
    await slots.take(wanted).wait_async()
    said = await asyncio.wrap_future(slots.why_not(wanted))
    assert said == "Waits for a slot of the limit 'db': its only slot is held by me."


async def test_a_limit_that_is_deleted_lets_everybody_in(limited: Subject) -> None:
    slots, wanted = limited.backend.slots, Wanted(("db",), 1, "me")
    await slots.take(wanted).wait_async()
    waiting = slots.take(wanted)
    await limited.elsewhere(limit_deleted("db", 2))
    assert await waiting.wait_async() is not None


async def test_a_strict_wish_for_an_unknown_limit_is_refused(limited: Subject) -> None:
    with pytest.raises(UnknownLimit, match="There is no limit 'typo'"):
        await limited.backend.slots.take(Wanted(("typo",), 1, "me", strict=True)).wait_async()


async def test_the_tags_that_are_limited_are_known_once_they_were_looked_up(limited: Subject) -> None:
    slots = limited.backend.slots
    assert slots.tag_limits() is None
    await asyncio.wrap_future(slots.look())
    assert slots.tag_limits() == {"db"}


async def test_in_memory_nothing_is_limited(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as memory:
        held = await memory.backend.slots.take(Wanted(("db",), 9, "me"), 0.0).wait_async()
    assert held is not None
    assert held.lease.id == ""

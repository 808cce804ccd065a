"""Answers under keys: known again after a restart, for a day and as long as there is room, and never secret ones."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue.server.access import Caller, Scope
from segue.server.answers_file import AnswersFile, KeptAnswer
from segue.server.idempotency import Answers
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock
from segue_events.testing import FakeClock

from .conftest import serving


class Asked:
    """A client of `Answers`, which counts how often something is done."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock = clock
        self.database = folder / "segue.db"
        self.done = 0

    def restarted(self) -> "Asked":
        self.answers = Answers(self.clock, self.database)
        return self

    async def ask(self, key: str, *, filed: bool = True) -> Response:
        async def work() -> Response:
            self.done += 1
            return JSONResponse({"done": self.done}, 201, {"ETag": '"7"'})

        scope = {"type": "http", "method": "POST", "path": "/api/x", "query_string": b"", "server": ("here", 80)}
        request = Request({**scope, "headers": [(b"idempotency-key", key.encode())]}, _empty)
        return await self.answers.once(request, Caller("ops", Scope.RUN), work, filed=filed)


async def _empty() -> dict[str, object]:
    return {"type": "http.request", "body": b""}


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(FakeClock(), tmp_path).restarted()


async def test_a_request_repeated_after_a_restart_has_the_answer_it_had(asked: Asked) -> None:
    first = await asked.ask("k")
    second = await asked.restarted().ask("k")

    assert asked.done == 1
    assert (second.status_code, second.body, second.headers) == (first.status_code, first.body, first.headers)


async def test_an_answer_is_kept_for_a_day(asked: Asked) -> None:
    await asked.ask("k")
    await asked.clock.advance(23 * 3600)
    await asked.restarted().ask("k")
    await asked.clock.advance(2 * 3600)
    await asked.restarted().ask("another")
    await asked.ask("k")

    assert asked.done == 3
    assert [kept.key for kept in AnswersFile(asked.database, 1).read()] == ["another", "k"]


async def test_what_is_not_to_be_written_down_is_known_until_the_restart_only(asked: Asked) -> None:
    await asked.ask("secret", filed=False)
    await asked.ask("secret", filed=False)
    await asked.restarted().ask("secret", filed=False)

    assert asked.done == 2
    assert not asked.database.with_name("segue.db.answers").exists()


async def test_a_line_that_a_killed_server_has_begun_costs_no_other(asked: Asked) -> None:
    await asked.ask("a")
    with asked.database.with_name("segue.db.answers").open("ab") as file:
        file.write(b'{"caller": "op')
    await asked.restarted().ask("b")
    for key in "ab":
        await asked.restarted().ask(key)

    assert asked.done == 2


async def test_a_file_that_cannot_be_written_costs_no_answer(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    asked.database.with_name("segue.db.answers").mkdir()

    answers = [await asked.ask("k"), await asked.ask("k")]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert asked.done == 1
    assert "will not outlive this server" in caplog.text


def test_a_file_that_has_grown_too_large_says_so_until_it_is_replaced(tmp_path: Path) -> None:
    file = AnswersFile(tmp_path / "segue.db", most=1000)
    answer = KeptAnswer(
        caller="ops", path="/api/x", key="k", digest=b"d", until=1, status=200, headers=(), body=b"x" * 1000
    )

    sizes = [file.is_too_large]
    for _ in range(2):
        file.add(answer)
    sizes.append(file.is_too_large)
    file.replace([answer])
    sizes.append(file.is_too_large)

    assert sizes == [False, True, False]
    assert file.read() == [answer]
    assert file.path.stat().st_mode & 0o077 == 0


async def test_a_server_that_is_restarted_knows_what_it_has_done_but_keeps_no_new_key() -> None:
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    said: list[tuple[int, str]] = []
    for _ in range(2):
        async with wired(loaded, SystemClock()) as wiring, serving(wiring) as server:
            for path, body in (
                ("/api/flow-runs/bulk", {"action": "cancel", "ids": ["x"]}),
                ("/api/keys", {"name": "ci"}),
            ):
                answer = await server.client.post(path, json=body, headers={"Idempotency-Key": "k"})
                said.append((answer.status_code, answer.text))

    bulk, key, bulk_again, key_again = said
    assert bulk_again == bulk
    assert (key[0], key_again[0]) == (201, 409)
    written = AnswersFile(loaded.settings.database, 1).read()
    assert [(kept.path, b"sgk_" in kept.body) for kept in written] == [("/api/flow-runs/bulk", False)]

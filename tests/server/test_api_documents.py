"""The API's account of itself: versions, health, and the OpenAPI document."""

import subprocess
import sys

from segue.server.routes import TABLE
from segue.server.routing import WEBSOCKET
from segue.version import __version__

from .conftest import Server


async def test_every_answer_says_which_api_it_is(server: Server) -> None:
    for path in ("/api/version", "/api/nowhere", "/health"):
        assert (await server.client.get(path)).headers["segue-api"] == "1"


def test_the_server_brings_nothing_that_runs_or_unpickles_what_users_wrote() -> None:
    program = "import segue.server.app, sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(answer.stdout.split())
    runs = {"segue.flows", "segue.tasks", "segue.engine", "segue.task_runners"}
    assert loaded & (runs | {"cloudpickle", "pickle"}) == set()


async def test_the_version_is_that_of_the_package(server: Server) -> None:
    assert await server.get("/version") == {"version": __version__, "api": 1}


async def test_a_server_is_ready_once_it_answers(server: Server) -> None:
    assert (await server.client.get("/ready")).json() == {"status": "ok"}


async def test_the_document_has_every_route_but_websockets(server: Server) -> None:
    document = await server.get("/openapi.json")

    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(one.method, one.path.replace(":path", "")) for one in TABLE if one.method != WEBSOCKET}


async def test_every_reference_in_the_document_leads_somewhere(server: Server) -> None:
    text = (await server.client.get("/api/openapi.json")).text

    wanted = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert wanted <= (await server.get("/openapi.json"))["components"]["schemas"].keys()


async def test_an_unknown_path_and_a_wrong_method_are_problems(server: Server) -> None:
    nowhere = await server.client.get("/api/nowhere")
    wrong = await server.client.put("/api/flow-runs/x")

    assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}


async def test_a_head_request_is_answered_without_a_body(server: Server) -> None:
    answer = await server.client.head("/api/version")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    path = "/api/flow-runs/x/cancel"

    form = await server.client.post(path, content=b"reason=x", headers={"Content-Type": "text/plain"})
    broken = await server.client.post(path, content=b"{", headers={"Content-Type": "application/json"})
    wrong = await server.client.post(path, json={"reason": 5})

    assert (form.status_code, broken.status_code, wrong.status_code) == (415, 422, 422)
    assert wrong.json()["errors"] == [{"path": "body.reason", "message": "Expected `str`, got `int`."}]


async def test_a_foreign_host_is_refused(server: Server) -> None:
    answer = await server.client.get("/api/version", headers={"Host": "evil.example"})

    assert answer.status_code == 403

"""Runs in containers, by a Docker and a cluster that are played here: what is asked of them, and answered."""

import base64
import io
import json
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from segue.exceptions import InvalidWork
from segue.settings import Settings
from segue.workers import child
from segue.workers.container_api import ContainerApi
from segue.workers.docker_launcher import DockerLauncher, docker_launcher
from segue.workers.kubernetes_launcher import KubernetesLauncher, kubernetes_launcher
from segue.workers.launcher import LaunchFailed
from segue_events import SystemClock

from .conftest import Claimed, states

ABOUT = {"SEGUE_API_URL": "http://server:4200/api"}


class Played:
    """An API that answers by a table, and keeps what it was asked."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: dict[tuple[str, str], bytes] = {}

    async def answer(self, request: Request) -> Response:
        """Answer with what stands in the table for the method and the last parts of the path."""
        path = request.url.path
        self.asked.append((request.method, path, dict(request.query_params)))
        self.bodies[request.method, path] = await request.body()
        answer = self.answers.get((request.method, path), (404, {"message": f"no such thing: {path}"}))
        if isinstance(answer, bytes):
            return StreamingResponse(_pieces(answer))
        status, body = answer
        return JSONResponse(body, status)

    def body(self, method: str, path: str) -> Any:
        """What was sent to a path, as JSON."""
        return json.loads(self.bodies[method, path])


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 5):
        yield content[at : at + 5]


class _Uvicorn(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def playing(played: Played, name: str, tmp_path: Path) -> AsyncIterator[ContainerApi]:
    """Serve a played API at a socket in a folder."""
    socket = str(tmp_path / "s")
    app = Starlette(routes=[Route("/{path:path}", played.answer, methods=["GET", "POST", "PUT", "DELETE"])])
    server = _Uvicorn(uvicorn.Config(app, uds=socket, log_level="error", lifespan="off", ws="none"))
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            while not server.started:
                await SystemClock().sleep(0.01)
            yield ContainerApi(name, "http://api", uds=socket)
            server.should_exit = True


def docker(**changes: Any) -> Played:
    """A Docker that has the image, and whose container writes a line and ends."""
    log = b"\1\0\0\0\0\0\0\6hello\n" + b"\2\0\0\0\0\0\0\4err\n"
    return Played(
        {
            ("GET", "/images/flows:1/json"): (200, {"Id": "image"}),
            ("POST", "/images/create"): (200, None),
            ("POST", "/containers/create"): (201, {"Id": "c1"}),
            ("PUT", "/containers/c1/archive"): (200, None),
            ("POST", "/containers/c1/start"): (204, None),
            ("POST", "/containers/c1/kill"): (204, None),
            ("GET", "/containers/c1/logs"): log,
            ("POST", "/containers/c1/wait"): (200, {"StatusCode": 137}),
            ("GET", "/containers/c1/json"): (200, {"State": {"OOMKilled": True}}),
            ("DELETE", "/containers/c1"): (204, None),
            **changes,
        }
    )


async def test_a_run_goes_in_a_container(claimed: Claimed, tmp_path: Path) -> None:
    """What it writes is handed on, how it ended is said, and nothing is left of it."""
    claim, output, played = claimed("add", job_variables={"image": "flows:1"}), bytearray(), docker()

    async with playing(played, "Docker", tmp_path) as api:
        launcher = DockerLauncher(api, ABOUT)
        end = await (await launcher.launch(claim, output.extend)).ended()
        await launcher.close()

    assert output == b"hello\nerr\n"
    assert "exit status 137" in end.sentence
    assert "OOMKilled" in end.sentence
    assert played.asked[-1][:2] == ("DELETE", "/containers/c1")
    assert played.body("POST", "/containers/create")["Image"] == "flows:1"


async def test_a_container_tells_no_secret_of_its_run(claimed: Claimed, tmp_path: Path) -> None:
    """Parameters and environment are in a file that it is given before it starts."""
    claim, played = claimed("add", {"a": 5}, job_variables={"image": "flows:1", "env": {"TOKEN": "t0ken"}}), docker()

    async with playing(played, "Docker", tmp_path) as api:
        launcher = DockerLauncher(api, ABOUT)
        await (await launcher.launch(claim, bytearray().extend)).ended()
        await launcher.close()

    described = played.bodies["POST", "/containers/create"]
    assert b"t0ken" not in described
    assert b"Env" not in described
    with tarfile.open(fileobj=io.BytesIO(played.bodies["PUT", "/containers/c1/archive"])) as archive:
        given = json.loads(archive.extractfile("run/segue/claim.json").read())  # type: ignore[union-attr]
    assert given["claim"]["parameters"] == {"a": 5}
    assert given["environ"]["TOKEN"] == "t0ken"
    assert given["environ"]["SEGUE_API_URL"] == ABOUT["SEGUE_API_URL"]
    order = [path for _, path, _ in played.asked]
    assert order.index("/containers/c1/archive") < order.index("/containers/c1/start")


async def test_an_image_that_is_not_there_is_fetched(claimed: Claimed, tmp_path: Path) -> None:
    """Once, before the container is made."""
    played = docker()
    del played.answers["GET", "/images/flows:1/json"]

    async with playing(played, "Docker", tmp_path) as api:
        launcher = DockerLauncher(api, ABOUT)
        await (await launcher.launch(claimed("add", job_variables={"image": "flows:1"}), bytearray().extend)).ended()
        await launcher.close()

    assert ("POST", "/images/create", {"fromImage": "flows:1"}) in played.asked


async def test_what_docker_refuses_is_said(claimed: Claimed, tmp_path: Path) -> None:
    """In its own words; a container that was made is removed."""
    played = docker()
    played.answers["POST", "/containers/c1/start"] = (500, {"message": "no space left"})

    async with playing(played, "Docker", tmp_path) as api:
        launcher = DockerLauncher(api, ABOUT)
        with pytest.raises(LaunchFailed, match="no space left"):
            await launcher.launch(claimed("add", job_variables={"image": "flows:1"}), bytearray().extend)
        with pytest.raises(LaunchFailed, match="job variable image"):
            await launcher.launch(claimed("add"), bytearray().extend)
        await launcher.close()

    assert ("DELETE", "/containers/c1") in [one[:2] for one in played.asked]


async def test_a_docker_that_is_away_is_named(claimed: Claimed, tmp_path: Path) -> None:
    """With where it was looked for."""
    launcher = DockerLauncher(ContainerApi("Docker", "http://docker", uds=str(tmp_path / "none")), ABOUT)

    with pytest.raises(LaunchFailed, match="Docker at http://docker cannot be reached"):
        await launcher.launch(claimed("add", job_variables={"image": "flows:1"}), bytearray().extend)
    await launcher.close()


async def test_a_run_goes_as_a_job(claimed: Claimed, tmp_path: Path) -> None:
    """What it needs is a secret of the cluster's, and both are gone when it has ended."""
    claim, output = claimed("add", {"a": 5}, job_variables={"image": "flows:1"}), bytearray()
    name, core = f"segue-{claim.run_id}-1", "/api/v1/namespaces/default"
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    state = {"terminated": {"exitCode": 1, "reason": "OOMKilled"}}
    pod = {"metadata": {"name": "pod-1"}, "status": {"containerStatuses": [{"state": state}]}}
    played = Played(
        {
            ("POST", f"{core}/secrets"): (201, {}),
            ("POST", jobs): (201, {}),
            ("GET", f"{core}/pods"): (200, {"items": [pod]}),
            ("GET", f"{core}/pods/pod-1/log"): b"hello\n",
            ("DELETE", f"{jobs}/{name}"): (200, {}),
            ("DELETE", f"{core}/secrets/{name}"): (200, {}),
        }
    )

    async with playing(played, "Kubernetes", tmp_path) as api:
        launcher = KubernetesLauncher(api, "default", ABOUT, SystemClock())
        end = await (await launcher.launch(claim, output.extend)).ended()
        await launcher.close()

    secret = json.loads(base64.b64decode(played.body("POST", f"{core}/secrets")["data"]["claim.json"]))
    job = played.body("POST", jobs)
    assert output == b"hello\n"
    assert "OOMKilled" in end.sentence
    assert secret["claim"]["parameters"] == {"a": 5}
    assert job["spec"]["backoffLimit"] == 0
    assert "parameters" not in json.dumps(job)
    assert [one[0] for one in played.asked[-2:]] == ["DELETE", "DELETE"]


async def test_a_job_whose_image_is_not_there_ends(claimed: Claimed, tmp_path: Path) -> None:
    """The sentence says what the cluster says of it."""
    claim = claimed("add", job_variables={"image": "nowhere"})
    core, jobs = "/api/v1/namespaces/default", "/apis/batch/v1/namespaces/default/jobs"
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = {"metadata": {"name": "pod-1"}, "status": {"containerStatuses": [{"state": state}]}}
    played = Played(
        {
            ("POST", f"{core}/secrets"): (201, {}),
            ("POST", jobs): (201, {}),
            ("GET", f"{core}/pods"): (200, {"items": [pod]}),
        }
    )

    async with playing(played, "Kubernetes", tmp_path) as api:
        launcher = KubernetesLauncher(api, "default", ABOUT, SystemClock())
        end = await (await launcher.launch(claim, bytearray().extend)).ended()
        await launcher.close()

    assert "ImagePullBackOff: no such image" in end.sentence


def test_containers_need_a_server_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a place to start them."""
    with pytest.raises(InvalidWork, match="SEGUE_API_URL"):
        docker_launcher(Settings(home=tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "ssh://far")
    with pytest.raises(InvalidWork, match="DOCKER_HOST"):
        docker_launcher(Settings(home=tmp_path, api_url="http://127.0.0.1:1/api"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidWork, match="kubectl proxy"):
        kubernetes_launcher(Settings(home=tmp_path, api_url="http://127.0.0.1:1/api"))


async def test_the_process_in_a_container_takes_what_it_is_handed(claimed: Claimed, tmp_path: Path) -> None:
    """The run that the file says, with its environment."""
    claim = claimed("add")
    file = tmp_path / "claim.json"
    await anyio.Path(file).write_bytes(msgspec.json.encode({"claim": claim, "environ": {"GREETING": "hello"}}))

    await anyio.run_process([sys.executable, "-P", "-m", child.__name__, f"--handed={file}"])

    assert await states(claim.run_id) == ["pending", "running", "completed"]

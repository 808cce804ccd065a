"""DockerLauncher: starts each run in a container of its own, by Docker's API."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import AsyncGenerator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from segue.exceptions import InvalidWork
from segue.records.work import Claim
from segue.settings import Settings
from segue.workers.container_api import ContainerApi
from segue.workers.containers import HANDED, ContainerRun, Exit, handed, image_of, settings_of
from segue.workers.launcher import LaunchFailed, Output

__all__ = ("DockerLauncher", "DockerRun", "docker_launcher")

_SOCKET = "unix:///var/run/docker.sock"

# Before what a container without a terminal writes, Docker puts which stream it is of, and how long it is.
_HEADER = 8


class DockerLauncher:
    """See Launcher. Job variables: `image`, `env`, `network_mode`, `volumes`, `mem_limit`, `pull`, `grace_seconds`.

    With `pull` an image is fetched for every run; else only where it is not there.
    """

    type = "docker"

    def __init__(self, api: ContainerApi, settings: dict[str, str]) -> None:
        self._api = api
        self._settings = settings

    def make_ready(self) -> None:
        """See Launcher."""

    async def launch(self, claim: Claim, output: Output) -> DockerRun:
        """See Launcher."""
        image = image_of(claim)
        if claim.job_variables.get("pull") or not await self._has(image):
            await self._api.ask("POST", "/images/create", query={"fromImage": image})
        made = await self._api.ask("POST", "/containers/create", body=_described(claim, image))
        run = DockerRun(self._api, made["Id"], output)
        try:
            # By a file, since arguments and environment are told to whoever asks about the container.
            content = _archive(handed(claim, self._settings))
            await self._api.ask("PUT", f"/containers/{run.id}/archive", query={"path": "/"}, content=content)
            await self._api.ask("POST", f"/containers/{run.id}/start")
        except LaunchFailed:
            await run.remove()
            raise
        return run

    async def _has(self, image: str) -> bool:
        found = await self._api.ask("GET", f"/images/{quote(image, safe='/:@')}/json", accepted=(404,))
        return isinstance(found, dict) and "Id" in found

    def keep_alive(self) -> None:
        """See Launcher. Nobody guards containers but Docker: they outlive their worker."""

    async def close(self) -> None:
        """See Launcher."""
        await self._api.close()


class DockerRun(ContainerRun):
    """A run in a container of Docker's, by its id."""

    def __init__(self, api: ContainerApi, container: str, output: Output) -> None:
        super().__init__(output)
        self._api = api
        self.id = container

    async def read(self, output: Output) -> None:
        """See ContainerRun."""
        query = {"follow": "true", "stdout": "true", "stderr": "true"}
        async with self._api.stream(f"/containers/{self.id}/logs", query) as chunks:
            async for part in _without_headers(chunks):
                output(part)

    async def exit(self) -> Exit:
        """See ContainerRun."""
        waited = await self._api.ask("POST", f"/containers/{self.id}/wait")
        state = (await self._api.ask("GET", f"/containers/{self.id}/json"))["State"]
        return Exit(int(waited["StatusCode"]), "OOMKilled: it wanted more memory" if state.get("OOMKilled") else "")

    async def signal(self, name: str) -> None:
        """See ContainerRun."""
        await self._api.ask("POST", f"/containers/{self.id}/kill", query={"signal": name}, accepted=(404, 409))

    async def remove(self) -> None:
        """See ContainerRun."""
        query = {"force": "true", "v": "true"}
        await self._api.ask("DELETE", f"/containers/{self.id}", query=query, accepted=(404, 409))


def docker_launcher(settings: Settings) -> DockerLauncher:
    """Return a launcher for the Docker that DOCKER_HOST names, or this machine's; raises InvalidWork for one by ssh."""
    told = settings_of(settings)
    kind, _, place = (os.environ.get("DOCKER_HOST") or _SOCKET).partition("://")
    if kind == "unix":
        api = ContainerApi("Docker", "http://docker", uds=place)
    elif kind in ("tcp", "http"):
        api = ContainerApi("Docker", f"http://{place}")
    else:
        raise InvalidWork(f"Docker is reached by unix:// and tcp://, not by {kind}://; change DOCKER_HOST.")
    return DockerLauncher(api, told)


def _described(claim: Claim, image: str) -> dict[str, Any]:
    variables = claim.job_variables
    limits = {"Memory": variables["mem_limit"]} if "mem_limit" in variables else {}
    return {
        "Image": image,
        "Cmd": ["python", "-P", "-m", "segue.workers.child", f"--handed={HANDED}"],
        "WorkingDir": claim.deployment.path or "",
        "Labels": {"segue.run": claim.run_id, "segue.deployment": claim.deployment.full_name},
        "HostConfig": {
            "NetworkMode": variables.get("network_mode") or "default",
            "Binds": list(variables.get("volumes") or ()),
            # What a run leaves behind is collected by a first process that knows how.
            "Init": True,
            **limits,
        },
    }


def _archive(content: bytes) -> bytes:
    """Return the file that is handed over, as an archive of one."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo(str(PurePosixPath(HANDED).parent.relative_to("/")))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        file = tarfile.TarInfo(str(PurePosixPath(HANDED).relative_to("/")))
        # The image may run as any user; nobody else is in the container.
        file.size, file.mode = len(content), 0o444
        archive.addfile(file, io.BytesIO(content))
    return packed.getvalue()


async def _without_headers(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    rest, left = b"", 0
    async for chunk in chunks:
        rest += chunk
        while rest:
            if not left:
                if len(rest) < _HEADER:
                    break
                left = int.from_bytes(rest[4:_HEADER])
                rest = rest[_HEADER:]
            part, rest = rest[:left], rest[left:]
            left -= len(part)
            if part:
                yield part

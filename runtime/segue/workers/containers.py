"""Containers: runs that go in a container, whoever starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from segue.exceptions import InvalidWork
from segue.records.work import Claim
from segue.settings import Settings
from segue.workers.launcher import Ending, LaunchFailed, Output, text_map
from segue.workers.reasons import explained

__all__ = ("HANDED", "ContainerRun", "Exit", "environment", "handed", "image_of", "settings_of")

HANDED = "/run/segue/claim.json"
"""Where a container finds what it is handed."""

# What a container gets of the worker's environment, besides where the server is.
_SETTINGS = ("SEGUE_LOGGING_LEVEL", "SEGUE_LOGGING_LOG_PRINTS")


class Exit(NamedTuple):
    """How a container's process ended; `why` is what its keeper says of it, such as OOMKilled."""

    status: int
    why: str = ""


def environment(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a run in a container: settings of the worker's, and its job variable `env`."""
    passed = {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    return {"PYTHONUNBUFFERED": "1", **passed, **text_map(variables, "env")}


def settings_of(settings: Settings) -> dict[str, str]:
    """Return where the server is, as a container's settings have it; raises InvalidWork where there is none."""
    if not settings.api_url:
        raise InvalidWork(
            "Runs in containers tell a server what they do; set SEGUE_API_URL, to a URL that containers reach, too."
        )
    return {"SEGUE_API_URL": settings.api_url, **({"SEGUE_API_KEY": settings.api_key} if settings.api_key else {})}


def handed(claim: Claim, settings: Mapping[str, str]) -> bytes:
    """Return what the container is handed: the claim, and its environment, which others would see on the container."""
    return msgspec.json.encode({"claim": claim, "environ": {**settings, **environment(claim.job_variables)}})


def image_of(claim: Claim) -> str:
    """Return the image that the run's job variables name; raises LaunchFailed without one."""
    image = claim.job_variables.get("image")
    if not isinstance(image, str) or not image:
        raise LaunchFailed(
            f"Deployment '{claim.deployment.full_name}' does not say in which image its runs go; set the job variable "
            "image, to one that has segue and the flow's code."
        )
    return image


class ContainerRun(ABC):
    """A run in a container that was started; see Launched."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    @abstractmethod
    async def read(self, output: Output) -> None:
        """Hand on what the container writes, until it has ended."""

    @abstractmethod
    async def exit(self) -> Exit:
        """Wait for the end of the container's process."""

    @abstractmethod
    async def signal(self, name: str) -> None:
        """Send it SIGTERM or SIGKILL."""

    @abstractmethod
    async def remove(self) -> None:
        """Remove the container, and whatever was made for it."""

    async def ended(self) -> Ending:
        """See Launched."""
        reading = asyncio.create_task(self.read(self._output))
        try:
            ended = await self.exit()
            with contextlib.suppress(LaunchFailed):
                await reading
        except LaunchFailed as error:
            return Ending(sentence=f"What became of its container is not known. {error}")
        finally:
            self._over = True
            reading.cancel()
            with contextlib.suppress(LaunchFailed):
                await self.remove()
        sentence = explained(0, {"status": ended.status}).replace("The process", "The container", 1)
        # The run has said itself how it ended, if it could; whoever settles it finds that out.
        return Ending(sentence=f"{sentence} ({ended.why})" if ended.why else sentence, begun=True)

    @property
    def loading(self) -> bool:
        """See Launched: what goes on inside cannot be known."""
        return False

    def terminate(self) -> None:
        """See Launched."""
        self._later("SIGTERM")

    def kill(self) -> None:
        """See Launched."""
        self._later("SIGKILL")

    def _later(self, name: str) -> None:
        async def send() -> None:
            with contextlib.suppress(LaunchFailed):
                await self.signal(name)

        if not self._over:
            task = asyncio.create_task(send())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

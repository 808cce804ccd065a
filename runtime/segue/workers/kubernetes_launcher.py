"""KubernetesLauncher: starts each run as a job of a cluster, by its API."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from segue.exceptions import InvalidWork
from segue.records.work import Claim
from segue.settings import Settings
from segue.workers.container_api import ContainerApi
from segue.workers.containers import HANDED, ContainerRun, Exit, handed, image_of, settings_of
from segue.workers.launcher import LaunchFailed, Output
from segue_events import Clock, SystemClock

__all__ = ("KubernetesLauncher", "KubernetesRun", "kubernetes_launcher")

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# Seconds between two looks at a job's pod.
_LOOK = 1.0
# What a container waits for that will never come.
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")


class KubernetesLauncher:
    """See Launcher. Job variables: `image`, `env`, `namespace`, `service_account`, `resources`, `image_pull_policy`,
    `node_selector`, `grace_seconds`."""

    type = "kubernetes"

    def __init__(self, api: ContainerApi, namespace: str, settings: Mapping[str, str], clock: Clock) -> None:
        self._api = api
        self._namespace = namespace
        self._settings = settings
        self._clock = clock

    def make_ready(self) -> None:
        """See Launcher."""

    async def launch(self, claim: Claim, output: Output) -> KubernetesRun:
        """See Launcher."""
        namespace = str(claim.job_variables.get("namespace") or self._namespace)
        # One name for each time that the run is begun: what is left of the time before is being removed.
        name = f"segue-{claim.run_id}-{claim.epoch}"
        job = _job(claim, image_of(claim), name)
        run = KubernetesRun(self._api, namespace, name, output, self._clock)
        try:
            secret = _secret(name, handed(claim, self._settings))
            await self._api.ask("POST", f"/api/v1/namespaces/{namespace}/secrets", body=secret)
            await self._api.ask("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", body=job)
        except LaunchFailed:
            await run.remove()
            raise
        return run

    def keep_alive(self) -> None:
        """See Launcher. Nobody guards a job but its cluster: it outlives its worker."""

    async def close(self) -> None:
        """See Launcher."""
        await self._api.close()


class KubernetesRun(ContainerRun):
    """A run as a job."""

    def __init__(self, api: ContainerApi, namespace: str, name: str, output: Output, clock: Clock) -> None:
        super().__init__(output)
        self._api = api
        self._core = f"/api/v1/namespaces/{namespace}"
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._name = name
        self._clock = clock

    async def read(self, output: Output) -> None:
        """See ContainerRun."""
        while not (pod := await self._pod()) or not _has_begun(pod):
            await self._clock.sleep(_LOOK)
        async with self._api.stream(f"{self._core}/pods/{pod['metadata']['name']}/log", {"follow": "true"}) as chunks:
            async for part in chunks:
                output(part)

    async def exit(self) -> Exit:
        """See ContainerRun."""
        while True:
            pod = await self._pod()
            ended = None if pod is None else _ended(pod)
            if ended is not None:
                return ended
            await self._clock.sleep(_LOOK)

    async def signal(self, name: str) -> None:
        """See ContainerRun. A cluster sends SIGTERM to a pod that is deleted, and kills it when its time is up."""
        seconds = "30" if name == "SIGTERM" else "0"
        pod = await self._pod()
        if pod is not None:
            path = f"{self._core}/pods/{pod['metadata']['name']}"
            await self._api.ask("DELETE", path, query={"gracePeriodSeconds": seconds}, accepted=(404,))

    async def remove(self) -> None:
        """See ContainerRun."""
        query = {"propagationPolicy": "Background"}
        await self._api.ask("DELETE", f"{self._jobs}/{self._name}", query=query, accepted=(404,))
        await self._api.ask("DELETE", f"{self._core}/secrets/{self._name}", accepted=(404,))

    async def _pod(self) -> dict[str, Any] | None:
        """Return the job's pod; None before there is one. Raises LaunchFailed when the job is gone."""
        found = await self._api.ask("GET", f"{self._core}/pods", query={"labelSelector": f"job-name={self._name}"})
        if found["items"]:
            return found["items"][0]
        await self._api.ask("GET", f"{self._jobs}/{self._name}")
        return None


def kubernetes_launcher(settings: Settings) -> KubernetesLauncher:
    """Return a launcher for the cluster that this process is in, or the one that KUBERNETES_URL names.

    The latter is for `kubectl proxy`, which knows how to reach a cluster from outside. Raises InvalidWork without both.
    """
    told = settings_of(settings)
    url = os.environ.get("KUBERNETES_URL")
    if url:
        return KubernetesLauncher(ContainerApi("Kubernetes", url), "default", told, SystemClock())
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if not host:
        raise InvalidWork(
            "A worker for Kubernetes runs inside of its cluster; from outside, start `kubectl proxy`, and set "
            "KUBERNETES_URL=http://127.0.0.1:8001."
        )
    url = f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
    api = ContainerApi("Kubernetes", url, ca=str(_ACCOUNT / "ca.crt"), token_file=str(_ACCOUNT / "token"))
    return KubernetesLauncher(api, (_ACCOUNT / "namespace").read_text().strip(), told, SystemClock())


def _secret(name: str, content: bytes) -> dict[str, Any]:
    file = PurePosixPath(HANDED).name
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {file: base64.b64encode(content).decode()},
    }


def _job(claim: Claim, image: str, name: str) -> dict[str, Any]:
    variables = claim.job_variables
    container: dict[str, Any] = {
        "name": "run",
        "image": image,
        "imagePullPolicy": variables.get("image_pull_policy") or "IfNotPresent",
        "command": ["python", "-P", "-m", "segue.workers.child", f"--handed={HANDED}"],
        "resources": variables.get("resources") or {},
        "volumeMounts": [{"name": "handed", "mountPath": str(PurePosixPath(HANDED).parent), "readOnly": True}],
    }
    if claim.deployment.path:
        container["workingDir"] = claim.deployment.path
    pod: dict[str, Any] = {
        # A run is begun again by who keeps the records, and by nobody else.
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "handed", "secret": {"secretName": name}}],
        "nodeSelector": variables.get("node_selector") or {},
    }
    if variables.get("service_account"):
        pod["serviceAccountName"] = variables["service_account"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"segue.run": claim.run_id}},
        "spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": 3600, "template": {"spec": pod}},
    }


def _state(pod: dict[str, Any]) -> dict[str, Any]:
    status: dict[str, Any] = pod.get("status") or {}
    containers: list[dict[str, Any]] = status.get("containerStatuses") or [{}]
    return containers[0].get("state") or {}


def _has_begun(pod: dict[str, Any]) -> bool:
    return "running" in _state(pod) or "terminated" in _state(pod)


def _ended(pod: dict[str, Any]) -> Exit | None:
    """Return how the pod's container has ended, None while it has not; LaunchFailed if it will never begin."""
    state = _state(pod)
    terminated: dict[str, Any] | None = state.get("terminated")
    if terminated is not None:
        reason = terminated.get("reason") or ""
        return Exit(int(terminated["exitCode"]), reason if reason not in ("Completed", "Error") else "")
    waiting: dict[str, Any] = state.get("waiting") or {}
    if waiting.get("reason") in _HOPELESS:
        raise LaunchFailed(f"Its container cannot begin: {waiting['reason']}: {waiting.get('message') or ''}.")
    status: dict[str, Any] = pod.get("status") or {}
    if status.get("phase") == "Failed":
        return Exit(137, status.get("reason") or "the pod failed")
    return None

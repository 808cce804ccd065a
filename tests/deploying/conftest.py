"""A project's folder, the work of a journal, and a deployment of what the folder declares."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from segue.deploying.choice import Chosen, choose, choose_all, laid_over
from segue.deploying.deploy import Deployed, deploy_all, plan_all
from segue.deploying.entries import DeploymentEntry
from segue.deploying.manifest import read_manifest
from segue.records.work import WorkPool
from segue.settings import load_settings
from segue.work.protocol import Work
from segue.work.session import open_work

FLOWS = """\
from segue import flow

@flow(description="Counts taxis.", version="7")
def main_flow(months: int = 3, kind: str = "green"): ...

@flow
def other(): ...
"""

Deploy = Callable[..., Awaitable[list[Deployed]]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two flows in flows/taxi.py."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "project"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows/taxi.py").write_text(FLOWS)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
async def work() -> AsyncGenerator[Work]:
    """Work upon a journal, with the pool my-pool."""
    async with open_work(load_settings().settings) as work:
        await work.save_pool(WorkPool(name="my-pool"))
        yield work


@pytest.fixture
def deploy(project: Path, work: Work) -> Deploy:
    """Deploy what deployment.yaml declares, or one name and entrypoint of it, with options over it."""

    async def deploy(
        text: str = "", name: str = "", entrypoint: str = "", over: DeploymentEntry | None = None, **environ: str
    ) -> list[Deployed]:
        (project / "deployment.yaml").write_text(text)
        manifest = read_manifest(project)
        entrypoints = [entrypoint] if entrypoint else []
        chosen = choose(manifest, [name], entrypoints, environ) if name else choose_all(manifest, environ)
        meant = [Chosen(place, laid_over(entry, over or DeploymentEntry())) for place, entry in chosen]
        deployed: list[Deployed] = []
        await deploy_all(work, project, plan_all(manifest, meant), environ, deployed.append)
        return deployed

    return deploy

"""What the tests of workers share: a deployment in a folder of its own, claims of its runs, and what came of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from segue.records.work import Claim, Deployment
from segue.settings import load_settings
from segue_events import Event, Filter, SystemClock, new_id
from segue_events.journal.sqlite import SqliteJournal

Claimed = Callable[..., Claim]

FLOWS = """
import atexit, os, signal, subprocess, sys
from segue import flow, get_run_logger, runtime, task

@task
def double(n): return 2 * n

@flow
def add(a: int = 1, b: int = 2): return double(a) + b

@flow
async def later(): return 5

@flow
def talk():
    print("printed by the flow")
    get_run_logger().info("logged by the flow")
    subprocess.run(["sh", "-c", "echo from a program; echo to stderr >&2"], check=True)

@flow
def where(): return [os.getcwd(), runtime.flow_run.name, runtime.deployment.name]

@flow
def environ(): return dict(os.environ)

@flow
def argv(): return [open(f"/proc/{pid}/cmdline").read() for pid in (os.getpid(), os.getppid())]

@flow
def wrong(): raise ValueError("wrong")

@flow
def linger(file: str):
    def until_file():
        while not os.path.exists(file):
            signal.sigtimedwait([], 0.02)
    atexit.register(until_file)
    raise ValueError("ends, and its process does not yet")

@flow
def leave(code: int): os._exit(code)

@flow
def die(number: int): os.kill(os.getpid(), number)

@flow
def wait(file: str):
    open(file, "w").write(str(os.getpid()))
    signal.pause()

@flow
def deaf(file: str):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(file, "w").write(str(os.getpid()))
    while True:
        try:
            signal.pause()
        except BaseException:
            pass

@flow
def family(file: str):
    child = "import os, signal; os.setsid(); os.fork() and os._exit(0); signal.pause()"
    subprocess.Popen([sys.executable, "-c", child])
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    subprocess.Popen(["sleep", "600"])
    open(file, "w").write(str(os.getpid()))
    signal.pause()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a script of flows."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


@pytest.fixture
def claimed(project: Path) -> Claimed:
    """Make the claim of a run of one of the flows, which is to be started cold."""

    def claimed(flow: str, parameters: dict[str, Any] | None = None, /, **changes: Any) -> Claim:
        deployment = Deployment(
            id=new_id(),
            name="here",
            flow_name=flow,
            entrypoint=f"flows.py:{flow}",
            path=str(project),
            **changes.pop("deployment", {}),
        )
        return Claim(
            run_id=new_id(),
            run_name="brave-otter",
            flow_name=flow,
            parameters=parameters or {},
            tags=(),
            epoch=1,
            due=0,
            deployment=deployment,
            job_variables={"warm": False, **changes.pop("job_variables", {})},
            **changes,
        )

    return claimed


async def events(run_id: str) -> list[Event]:
    """The events of a run in this test's home, in order; none where there is no journal."""
    database = load_settings().settings.database
    if not database.exists():
        return []
    async with SqliteJournal(database, read_only=True) as journal:
        return await journal.read(filter=Filter(runs=(run_id,)))


async def states(run_id: str) -> list[str]:
    """The kinds of the events about a flow run itself, in order, without what they have in common."""
    found = await events(run_id)
    return [
        event.kind.removeprefix("flow-run.") for event in found if event.subject == run_id and "flow-" in event.kind
    ]


async def lines(run_id: str) -> list[str]:
    """What a run has logged."""
    return [event.payload["message"] for event in await events(run_id) if event.kind == "log.written"]


async def result(run_id: str) -> Any:
    """What a run returned."""
    return next(event.payload["result"] for event in await events(run_id) if event.kind == "flow-run.completed")


async def until(condition: Callable[[], Any]) -> Any:
    """Wait until what another process does is so; return what the condition says of it then."""
    with anyio.fail_after(60):
        while not (found := condition()):
            await SystemClock().sleep(0.02)
    return found


async def written(file: Path) -> str:
    """Wait until a program has written something into a file; return it."""
    return await until(lambda: file.exists() and file.read_text())

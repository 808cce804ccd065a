"""segue deploy: from a file to deployments, word for word as it is described; and one sentence where it cannot be."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from segue.records.work import Deployment, WorkPool
from segue.settings import load_settings
from segue.work.session import open_work

from .conftest import Command, Done

FLOWS = """\
from segue import flow

@flow
def main_flow(months: int = 3): ...

@flow
def main_flow_s3(): ...

number = 3
"""

SEED = """\
deployments:\x20
-   name: taxi_local_data
    entrypoint: orchestrate.py:main_flow
    work_pool: my-pool
-   name: taxi_s3_data
    entrypoint: orchestrate.py:main_flow_s3
    work_pool:
        name: my-pool
"""

NEW = ["orchestrate.py:main_flow", "-n", "dev", "-p", "my-pool"]


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with flows in orchestrate.py and 3.4/orchestrate.py, and a pool to deploy to."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "taxi"
    (folder / "3.4").mkdir(parents=True)
    for path in ("orchestrate.py", "3.4/orchestrate.py"):
        (folder / path).write_text(FLOWS)
    monkeypatch.chdir(folder)

    async def save() -> None:
        async with open_work(load_settings().settings) as work:
            await work.save_pool(WorkPool(name="my-pool"))

    asyncio.run(save())
    return folder


def saved() -> list[Deployment]:
    """All deployments there are."""

    async def read() -> list[Deployment]:
        async with open_work(load_settings().settings) as work:
            return await work.deployments()

    return asyncio.run(read())


def test_a_flow_is_deployed_by_its_entrypoint(segue: Command, project: Path) -> None:
    assert segue("project", "init").code == 0

    done = segue("deploy", "3.4/orchestrate.py:main_flow", "-n", "my deployment", "-p", "my-pool")

    [deployment] = saved()
    assert done == Done(
        0,
        f"Deployment 'main-flow/my deployment' is made, with the id {deployment.id}.\n\n"
        "Its runs wait for a worker:\n  segue worker start --pool my-pool\n"
        "Have it run:\n  segue deployment run 'main-flow/my deployment'\n",
        "",
    )
    assert deployment.entrypoint == "3.4/orchestrate.py:main_flow"
    assert deployment.pull_steps == ({"segue.steps.set_working_directory": {"directory": str(project)}},)


def test_all_that_is_declared_is_deployed(segue: Command, project: Path) -> None:
    (project / "deployment.yaml").write_text(SEED + "- name: null\n")

    done = segue("deploy", "--all")

    assert done.code == 0
    assert "1 deployment without a name is left out.\n" in done.out
    assert [(one.full_name, one.pool) for one in saved()] == [
        ("main-flow/taxi_local_data", "my-pool"),
        ("main-flow-s3/taxi_s3_data", "my-pool"),
    ]


def test_a_second_time_it_is_replaced(segue: Command, project: Path) -> None:
    first = json.loads(segue("deploy", *NEW, "-o", "json").out)
    second = json.loads(segue("deploy", *NEW, "-o", "json").out)

    assert first == [{"id": saved()[0].id, "name": "main-flow/dev", "pool": "my-pool", "is_new": True}]
    assert second == [{**first[0], "is_new": False}]


def test_every_option_comes_through(segue: Command, project: Path) -> None:
    options = """
        -d what-for --version 2 -t a --tag b -q fast -v env={"A":"1"} --job-variable image=x --param months=5
        --params {"months":1} --cron 0_6_*_*_* --timezone Europe/Berlin --concurrency-limit 2
        --collision-strategy CANCEL_NEW --no-enforce-parameter-schema
    """

    done = segue("deploy", *NEW, *(word.replace("_*", " *").replace("0_6", "0 6") for word in options.split()))

    assert done.code == 0, done.err
    [one] = saved()
    assert (one.description, one.version, one.tags, one.queue) == ("what-for", "2", ("a", "b"), "fast")
    assert (one.job_variables, one.parameters) == ({"env": {"A": "1"}, "image": "x"}, {"months": 5})
    assert [(schedule.cron, schedule.timezone) for schedule in one.schedules] == [("0 6 * * *", "Europe/Berlin")]
    assert (one.concurrency_limit, one.collision, one.enforce_parameter_schema) == (2, "cancel-new", False)


def test_a_projects_file_may_be_elsewhere(segue: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "other.yaml").write_text(SEED)
    monkeypatch.chdir(project.parent)

    assert segue("deploy", "--all", "--segue-file", "taxi/other.yaml").code == 0
    assert {one.path for one in saved()} == {str(project)}


@pytest.mark.parametrize(
    ("file", "words", "sentence"),
    [
        ("", [*NEW[:3], "-p", "none"], "There is no work pool 'none'."),
        ("", NEW[:3] + NEW[5:], "the deployment 'dev': it has no work pool; write `work_pool: NAME`, or add -p NAME."),
        (
            "",
            [NEW[0], "-p", "my-pool"],
            "What shall the deployment of orchestrate.py:main_flow be called? Add -n NAME.",
        ),
        ("", [], "What is to be deployed? Write `segue deploy path/to/script.py:flow -n NAME -p POOL`, or"),
        ("", ["-n", "dev"], "No deployment 'dev' is declared in "),
        (SEED, [], "Which deployment? There are: taxi_local_data, taxi_s3_data. Add -n NAME, or --all."),
        (SEED, ["-n", "taxi_s3_date"], "Did you mean 'taxi_s3_data'? There are: taxi_local_data, taxi_s3_data."),
        ("", ["orchestrate.py:main_flw", *NEW[1:]], "There is no flow 'main_flw' in orchestrate.py. Did you mean"),
        (
            "",
            ["orchestrate.py:number", *NEW[1:]],
            "'number' in orchestrate.py is not a flow but of type int; put @flow",
        ),
        ("", ["orchestrat.py:main_flow", *NEW[1:]], "Did you mean 'orchestrate.py'?"),
        (
            "",
            ["no_such_module:main_flow", *NEW[1:]],
            "There is no module 'no_such_module'; for a script write its path",
        ),
        ("", ["--all"], "no file declares any; write one in deployment.yaml."),
        ("deployments:\n- name: null\n", ["--all"], "what is declared there has no `name:`; write one in"),
        (
            "deployments:\n- name: x\n",
            ["--all"],
            "'x': it has no entrypoint; write `entrypoint: path/to/script.py:flow`.",
        ),
        (
            SEED.replace("work_pool:\n", "work_pool: my-pool\n"),
            ["--all"],
            "deployment.yaml, line 8, column 13: `name:`",
        ),
        (
            "",
            [*NEW, "--cron", "0 6 * * *", "--interval", "60"],
            "--interval and --cron are several schedules; give one",
        ),
        ("", [*NEW, "--timezone", "Europe/Berlin"], "--timezone says nothing without --interval, --cron or --rrule."),
        ("", [*NEW, "--cron", "whenever"], "the deployment 'dev': The cron expression 'whenever' has"),
        ("", [*NEW, "--collision-strategy", "ENQUEUE"], "says nothing without --concurrency-limit; add it."),
        ("", [*NEW, "--param", "month=3"], "Flow 'main-flow' has no parameter 'month'. Did you mean 'months'?"),
        ("", [*NEW, "--param", "months=x"], "The parameters do not fit flow 'main-flow': months: Input should be"),
        ("", [*NEW, "--segue-file", "none.yaml"], "There is no file none.yaml; correct its path."),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_1(
    segue: Command, project: Path, file: str, words: list[str], sentence: str
) -> None:
    if file:
        (project / "deployment.yaml").write_text(file)

    done = segue("deploy", *words)

    assert (done.code, done.out) == (1, "")
    assert sentence in done.err
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert saved() == []


def test_a_script_that_raises_shows_its_own_frames_only(segue: Command, project: Path) -> None:
    (project / "broken.py").write_text("def load():\n    raise OSError('no taxi')\n\nload()\n")

    done = segue("deploy", "broken.py:main_flow", *NEW[1:])

    assert done.code == 1
    assert done.err.startswith("Error: broken.py could not be loaded:\n")
    assert done.err.endswith("OSError: no taxi\n")
    assert [line.strip().split(",")[0] for line in done.err.splitlines() if line.startswith("  File ")] == [
        f'File "{project}/broken.py"'
    ] * 2


@pytest.mark.parametrize("words", [["--all", "-n", "x"], ["--all", "x.py:y"]])
def test_all_goes_with_no_choice(segue: Command, project: Path, words: list[str]) -> None:
    done = segue("deploy", *words)

    assert (done.code, done.err) == (
        2,
        "Error: --all takes all that is declared; leave out --all, or the entrypoint and the name.\n",
    )


def test_in_a_process_of_its_own_it_takes_the_description_word_for_word(segue_process: Command, project: Path) -> None:
    (project / "deployment.yaml").write_text(SEED)

    done = segue_process("deploy", "--all", cwd=project)

    assert (done.code, done.err) == (0, "")
    assert len(saved()) == 2

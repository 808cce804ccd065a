"""From what is declared to deployments that are saved; and nothing is done where anything is wrong."""

from pathlib import Path

import pytest

from segue.deploying.entries import DeploymentEntry, LimitEntry, PoolEntry, ScheduleEntry
from segue.exceptions import InvalidProject, SegueError, StepFailed, UnknownPool
from segue.records.work import Schedule
from segue.work.protocol import Work

from .conftest import Deploy

TAXI = """deployments:
- name: taxi
  entrypoint: flows/taxi.py:main_flow
  work_pool: my-pool
"""


async def test_what_is_declared_is_saved_with_what_the_flow_says(deploy: Deploy, project: Path, work: Work) -> None:
    [done] = await deploy(TAXI)

    saved = await work.deployment("main-flow/taxi")
    assert done == (saved, True)
    assert (saved.entrypoint, saved.path, saved.pull_steps) == ("flows/taxi.py:main_flow", str(project), ())
    assert (saved.description, saved.version, saved.pool, saved.queue) == ("Counts taxis.", "7", "my-pool", "default")
    assert saved.parameter_schema["properties"]["months"] == {
        "title": "months",
        "type": "integer",
        "default": 3,
        "position": 0,
    }


async def test_deploying_again_replaces_and_keeps_what_is_not_said(deploy: Deploy) -> None:
    schedule = ScheduleEntry(interval=60, slug="often")
    [first] = await deploy(TAXI, over=DeploymentEntry(schedules=[schedule], paused=True, tags=["a"]))

    [second] = await deploy(TAXI)
    [third] = await deploy(TAXI + "  schedules: []\n  paused: false\n")

    assert (first.is_new, second.is_new) == (True, False)
    assert second.deployment.schedules == (Schedule(id="often", interval=60.0),)
    assert (second.deployment.paused, second.deployment.tags) == (True, ())
    assert (third.deployment.schedules, third.deployment.paused) == ((), False)
    assert third.deployment.id == first.deployment.id


async def test_a_deployment_of_a_name_alike_is_another(deploy: Deploy) -> None:
    first = await deploy(TAXI.replace("taxi\n", "my deployment\n"))
    second = await deploy(TAXI.replace("taxi\n", "my-deployment\n"))

    assert [one.is_new for one in (*first, *second)] == [True, True]


async def test_options_hold_over_the_file(deploy: Deploy) -> None:
    text = TAXI + "  parameters: {months: 5, kind: red}\n  tags: [a]\n  schedule: {cron: 0 6 * * *}\n"
    over = DeploymentEntry(
        parameters={"kind": "yellow"},
        tags=["b"],
        work_pool=PoolEntry(job_variables={"env": {"A": "1"}}),
        schedules=[ScheduleEntry(interval=60)],
        concurrency_limit=LimitEntry(limit=2, collision_strategy="CANCEL_NEW"),
    )

    [done] = await deploy(text, over=over)

    made = done.deployment
    assert (made.parameters, made.tags) == ({"months": 5, "kind": "yellow"}, ("b",))
    assert (made.pool, made.job_variables) == ("my-pool", {"env": {"A": "1"}})
    assert made.schedules == (Schedule(id="interval", interval=60.0),)
    assert (made.concurrency_limit, made.collision) == (2, "cancel-new")


async def test_a_name_and_an_entrypoint_need_no_file(deploy: Deploy) -> None:
    [done] = await deploy("", "new", "flows/taxi.py:other", DeploymentEntry(work_pool="my-pool"))

    assert done.deployment.full_name == "other/new"


async def test_a_pattern_chooses_several(deploy: Deploy) -> None:
    text = TAXI + TAXI.replace("deployments:\n", "").replace("taxi\n", "taxi-2\n") + "- name: bus\n"

    assert [one.deployment.name for one in await deploy(text, "taxi*")] == ["taxi", "taxi-2"]


async def test_schedules_have_their_instants_and_names(deploy: Deploy) -> None:
    text = """  schedules:
  - {interval: 3600, anchor_date: 2026-01-31T06:00:00, timezone: Europe/Berlin}
  - {interval: 60, parameters: {months: 1}, active: false}
  - {cron: 0 6 * * *, slug: daily, overlap: skip}
"""

    [done] = await deploy(TAXI + text)

    assert done.deployment.schedules == (
        Schedule(id="interval", interval=3600.0, anchor=1_769_835_600_000_000, timezone="Europe/Berlin"),
        Schedule(id="interval-2", interval=60.0, parameters={"months": 1}, active=False),
        Schedule(id="daily", cron="0 6 * * *", overlap="skip"),
    )


async def test_what_steps_put_out_is_filled_in(deploy: Deploy, project: Path) -> None:
    text = """  version: '{{ commit.stdout }}'
  parameters: {kind: '{{ $KIND }}-{{ commit.stdout }}'}
  build:
  - run_shell_script: {id: commit, script: echo abc; touch built, stream_output: false}
  push:
  - run_shell_script: {script: 'test -e built; echo {{ commit.stdout }} > pushed'}
  pull:
  - git_clone: {id: code, repository: 'https://x/{{ commit.stdout }}.git', access_token: '{{ $TOKEN }}'}
  - pip_install_requirements: {directory: '{{ code.directory }}'}
"""

    [done] = await deploy(TAXI + text, KIND="red", TOKEN="c4n4ry")

    made = done.deployment
    assert (made.version, made.parameters, made.path) == ("abc", {"kind": "red-abc"}, "")
    assert (project / "pushed").read_text() == "abc\n"
    assert made.pull_steps == (
        {"git_clone": {"id": "code", "repository": "https://x/abc.git", "access_token": "{{ $TOKEN }}"}},
        {"pip_install_requirements": {"directory": "{{ code.directory }}"}},
    )


async def test_a_flow_that_was_deployed_is_known_by_its_name(deploy: Deploy, project: Path) -> None:
    (project / ".segue").mkdir()
    await deploy(TAXI)

    [done] = await deploy("deployments:\n- {name: again, flow_name: main-flow, work_pool: my-pool}\n")

    assert done.deployment.entrypoint == "flows/taxi.py:main_flow"


async def test_an_absolute_entrypoint_is_kept_as_it_is_from_the_project(deploy: Deploy, project: Path) -> None:
    [done] = await deploy("", "x", f"{project}/flows/taxi.py:other", DeploymentEntry(work_pool="my-pool"))

    assert done.deployment.entrypoint == "flows/taxi.py:other"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("  parameters: {month: 3}", r"has no parameter 'month'\. Did you mean 'months'\?"),
        ("  parameters: {months: x}", r"'taxi': The parameters do not fit flow 'main-flow': months: Input should"),
        ("  schedule: {interval: 60, cron: 0 6 * * *}", r"deployment\.yaml: the deployment 'taxi': .*interval.*cron"),
        ("  schedule: {cron: 0 0 31 2 *}", r"'taxi': .*0 0 31 2"),
        ("  schedule: {cron: every day}", r"'taxi': .*every day"),
        ("  schedule: {interval: 60, timezone: Mars/Base}", r"Mars/Base"),
        ("  schedule: {interval: 60, anchor_date: soon}", r"the anchor date 'soon' is no date; write it as"),
        ("  schedule: {interval: 60, parameters: {no: 1}}", r"has no parameter 'no'"),
        ("  flow_name: other", r"flows/taxi\.py:main_flow is flow 'main-flow', not 'other'; correct one of them"),
        ("  pull: [{git_clon: {}}]", r"There is no step 'git_clon'\. Did you mean 'git_clone'\?"),
        ("  build: [{run_shell_script: {}}]", r"has missing a required argument: 'script'"),
        ("  version: '{{ nothing.here }}'", r"version: nothing has put out `{{ nothing\.here }}`"),
        ("  concurrency_key: '{months}'", r"concurrency key"),
    ],
)
async def test_what_cannot_be_is_told_and_nothing_is_saved(
    deploy: Deploy, work: Work, more: str, sentence: str
) -> None:
    with pytest.raises(SegueError, match=sentence) as raised:
        await deploy(f"{TAXI}{more}\n")

    assert "\n" not in str(raised.value)
    assert await work.deployments() == []


async def test_nothing_is_built_where_a_pool_is_missing(deploy: Deploy, project: Path, work: Work) -> None:
    text = f"{TAXI}- name: two\n  entrypoint: flows/taxi.py:other\n  work_pool: none\n"
    build = "  build: [{run_shell_script: {script: touch built}}]\n"

    with pytest.raises(UnknownPool, match="'none'"):
        await deploy(text.replace("- name: two", f"{build}- name: two"))

    assert not (project / "built").exists()
    assert await work.deployments() == []


async def test_a_step_that_fails_saves_nothing(deploy: Deploy, work: Work) -> None:
    with pytest.raises(StepFailed, match="exit code 1"):
        await deploy(f"{TAXI}  push: [{{run_shell_script: {{script: 'false'}}}}]\n")

    assert await work.deployments() == []


async def test_two_of_the_same_name_are_refused(deploy: Deploy) -> None:
    with pytest.raises(InvalidProject, match=r"'taxi' and .*'taxi' are both 'main-flow/taxi'; give one"):
        await deploy(TAXI + TAXI.replace("deployments:\n", ""))

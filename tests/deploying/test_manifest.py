"""The files of a project: what they say, and where what they cannot say stands."""

import contextlib
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.deploying.entries import DeploymentEntry, LimitEntry, PoolEntry, ScheduleEntry
from segue.deploying.manifest import Declared, Source, read_manifest
from segue.document import MAX_BYTES
from segue.exceptions import InvalidProject


def declared(folder: Path, text: str, **environ: str) -> DeploymentEntry:
    """Read the only deployment of a file with this text."""
    (folder / "deployment.yaml").write_text(text)
    [one] = read_manifest(folder).declared
    return one.entry(environ)


def test_all_that_a_deployment_may_say_is_read(tmp_path: Path) -> None:
    entry = declared(
        tmp_path,
        """
deployments:
- name: taxi
  version: 1.5
  tags: [a, b]
  schedules:
  - cron: 0 6 * * *
    timezone: Europe/Berlin
    parameters: {day: 2026-01-02}
  - interval: 60
    anchor_date: 2026-01-02T06:00:00
  entrypoint: flows/taxi.py:main
  concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW}
  work_pool: {name: my-pool, work_queue_name: fast, job_variables: {env: {A: 1}}}
  pull: []
""",
    )

    assert entry == DeploymentEntry(
        name="taxi",
        version=1.5,
        tags=["a", "b"],
        schedules=[
            ScheduleEntry(cron="0 6 * * *", timezone="Europe/Berlin", parameters={"day": "2026-01-02"}),
            ScheduleEntry(interval=60.0, anchor_date="2026-01-02T06:00:00"),
        ],
        entrypoint="flows/taxi.py:main",
        concurrency_limit=LimitEntry(limit=2, collision_strategy="CANCEL_NEW"),
        work_pool=PoolEntry(name="my-pool", work_queue_name="fast", job_variables={"env": {"A": 1}}),
        pull=[],
    )


@pytest.mark.parametrize("written", ["my-pool", "{name: my-pool}", "\n    name: my-pool"])
def test_a_pool_may_be_its_name_or_a_mapping(tmp_path: Path, written: str) -> None:
    assert declared(tmp_path, f"deployments:\n- name: x\n  work_pool: {written}").pool == PoolEntry(name="my-pool")


def test_a_template_may_stand_for_a_number_and_steps_keep_theirs(tmp_path: Path) -> None:
    text = "deployments:\n- concurrency_limit: '{{ $MOST }}'\n  pull:\n  - git_clone: {access_token: '{{ $TOKEN }}'}\n"

    entry = declared(tmp_path, text, MOST="5", TOKEN="c4n4ry")

    assert entry.concurrency_limit == 5
    assert entry.pull == [{"git_clone": {"access_token": "{{ $TOKEN }}"}}]


def test_both_files_declare_and_the_projects_own_holds_for_all(tmp_path: Path) -> None:
    (tmp_path / "segue.yaml").write_text("name: p\npull: []\ndeployments:\n- name: one\n")
    (tmp_path / "deployment.yaml").write_text("name: q\nbuild: null\npull: null\ndeployments:\n- name: two\n")

    manifest = read_manifest(tmp_path)

    assert [one.name for one in manifest.declared] == ["one", "two"]
    assert (manifest.project.name, manifest.project.pull) == ("p", [])


def test_a_folder_without_files_declares_nothing(tmp_path: Path) -> None:
    assert read_manifest(tmp_path).declared == ()


SEED = """deployments:\x20
-   name: taxi_local_data
    entrypoint: orchestrate.py:main_flow
    work_pool: my-pool
        name: my-pool
"""

FILE = r"deployment\.yaml"
BELOW_A_VALUE = (
    "`name:` stands below `work_pool`, which has a value on its own line already; write either the one line"
    r" `work_pool: …`, or `work_pool:` with nothing after it and `name: …` below\."
)
UNKNOWN = r"\(deployments\.1\.entrypiont\): `entrypiont` means nothing here\. Did you mean 'entrypoint'\?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SEED, rf"{FILE}, line 5, column 13: {BELOW_A_VALUE}"),
        ("deployments:\n\t- name: x", rf"{FILE}, line 2, column 1: a tab stands where only blanks may; .*"),
        ("deployments:\n- &x {name: a}\n- *x", rf"{FILE}, line 3, column 3: aliases are not read; .*"),
        ("deployments:\n- name: x\n  name: y", rf"{FILE}, line 3, column 3: a key stands there for the second.*"),
        ("deployments:\n- name: {{ $X }}", rf"{FILE}, line 2, column 10: .* quote it: '{{{{ … }}}}'\."),
        ("x" * (MAX_BYTES + 1), rf"{FILE} is longer than .*"),
        ("deployments: x", rf"{FILE}, line 1, column 1 \(deployments\): `deployments:` is no list; .*"),
        ("deployments:\n- x", rf"{FILE}, line 2, column 3 \(deployments\.1\): a deployment is no mapping; .*"),
        ("deployments:\n- name: x\n  entrypiont: y", rf"{FILE}, line 3, column 3 {UNKNOWN}"),
        ("deployments:\n- triggers: []", rf"{FILE}, line 2, column 3 .*: `triggers` .* by `segue notify add-rule`\."),
        (
            "deployments:\n- name: x\n  schedules:\n  - interval: 60\n  - interval: soon",
            rf"{FILE}, line 5, column 5 \(deployments\.1\.schedules\.2\.interval\): Expected .*, got `str`\.",
        ),
        ("deployments:\n- schedule: {intervall: 60}", rf"{FILE}, line 2, column 14 .* Did you mean 'interval'\?"),
        ("deployments:\n- tags: {a: 1}", rf"{FILE}, line 2, column 3 .*: Expected .*"),
        ("deployments:\n- concurrency_limit: 0", rf"{FILE}, line 2, column 3 .*"),
        ("deployments:\n- name: '{{ $NO }}'", r".*the environment has no NO.*"),
        ("nmae: x", rf"{FILE}, line 1, column 1 \(nmae\): `nmae` means nothing here\. Did you mean 'name'\?"),
        ("pull: {a: 1}", rf"{FILE}, line 1, column 1 \(pull\): Expected .*"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InvalidProject, match=f"^{sentence}$") as raised:
        declared(tmp_path, text)

    assert "\n" not in str(raised.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "segue.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidProject, match="is not text in UTF-8"):
        read_manifest(tmp_path)


def test_a_file_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match=r"There is no file .*none\.yaml; correct its path\."):
        read_manifest(tmp_path, tmp_path / "none.yaml")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@hypothesis.settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(DeploymentEntry.__struct_fields__), JSON, max_size=4))
def test_whatever_is_declared_is_read_or_told(written: Any) -> None:
    with contextlib.suppress(InvalidProject):
        assert isinstance(Declared("x", written, Source("f", ""), 1).entry({}), DeploymentEntry)

"""Hooks that are coroutine functions, of plain tasks in a running loop."""

from typing import Any

from segue import flow, get_run_logger, task
from segue.context import TaskRunContext
from segue.testing import Harness


async def test_a_coroutine_hook_of_a_plain_task_finds_itself_in_the_tasks_run(harness: Harness) -> None:
    seen: list[Any] = []

    async def hook(*_: object) -> None:
        context = TaskRunContext.get()
        seen.append(context and context.task_run.name)
        get_run_logger().info("in the hook")

    @task(on_completion=[hook])
    def t() -> int:
        return 1

    @flow
    async def f() -> int:
        return t()

    assert await f() == 1
    assert seen == ["t-0"]
    assert "in the hook" in harness.log()

"""What an editor knows of decorated functions: their own signatures. Checked by `make types`, never run."""

from collections.abc import Coroutine
from typing import Any, assert_type

from segue import Flow, Task, flow, task
from segue.futures import FutureList, TaskFuture


@task
def plain(x: int, *, word: str = "") -> float:
    return x * 0.5 + len(word)


@task(retries=3, tags=["a"])
async def coroutine(x: int) -> str:
    return str(x)


@flow(log_prints=True)
def pipeline(day: str) -> list[float]:
    assert_type(plain(1, word="a"), float)
    assert_type(plain.submit(1), TaskFuture[float])
    assert_type(plain.submit(1).result(), float)
    assert_type(plain.map([1, 2]), FutureList[float])
    assert_type(coroutine.submit(1), TaskFuture[str])
    return plain.map([1, len(day)]).result()


@flow
async def asynchronous(day: str) -> str:
    assert_type(await coroutine(1), str)
    assert_type(await coroutine.submit(1), str)
    return day


assert_type(plain.fn(1), Any)
assert_type(pipeline("monday"), list[float])
later: Coroutine[Any, Any, str] = asynchronous("monday")
assert_type(plain.with_options(retries=1)(2), float)

a_task: Task[..., float] = plain
a_flow: Flow[[str], list[float]] = pipeline

plain("one")  # pyright: ignore[reportArgumentType]
plain(1, wrong=2)  # pyright: ignore[reportCallIssue]
task(retriez=1)  # pyright: ignore[reportCallIssue]

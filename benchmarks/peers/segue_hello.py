"""One flow with one task on segue: `segue_hello.py`, its journal in SEGUE_HOME."""

import asyncio

from segue import flow, task


@task
async def greet(name: str) -> str:
    return f"hello {name}"


@flow
async def hello(name: str = "world") -> str:
    return await greet(name)


if __name__ == "__main__":
    print(asyncio.run(hello()))

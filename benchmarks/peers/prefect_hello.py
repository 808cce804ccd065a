"""One flow with one task on Prefect: `prefect_hello.py`, a server running at PREFECT_API_URL."""

import asyncio

from prefect import flow, task


@task
async def greet(name: str) -> str:
    return f"hello {name}"


@flow
async def hello(name: str = "world") -> str:
    return await greet(name)


if __name__ == "__main__":
    print(asyncio.run(hello()))

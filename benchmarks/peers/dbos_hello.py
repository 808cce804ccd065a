"""One workflow with one step on DBOS with SQLite: `dbos_hello.py`, its database in the folder SEGUE_BENCH_HOME."""

import asyncio
import os

from dbos import DBOS


@DBOS.step()
async def greet(name: str) -> str:
    return f"hello {name}"


@DBOS.workflow()
async def hello(name: str = "world") -> str:
    return await greet(name)


if __name__ == "__main__":
    DBOS(
        config={
            "name": "segue-bench",
            "system_database_url": f"sqlite:///{os.environ['SEGUE_BENCH_HOME']}/dbos.sqlite",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    print(asyncio.run(hello()))
    DBOS.destroy()

"""Clients of a server's API: `AsyncClient` for coroutines, `Client` for plain code, both with the same methods.

from segue.client import Client

with Client("http://127.0.0.1:4200/api") as client:
    for run in client.flow_runs(type=["FAILED"]).items:
        print(run.name, run.state.message)
"""

from segue.client.asynchronous import AsyncClient as AsyncClient
from segue.client.failures import ApiError as ApiError
from segue.client.failures import RequestRefused as RequestRefused
from segue.client.failures import ServerAway as ServerAway
from segue.client.plain import Client as Client

__all__ = ("ApiError", "AsyncClient", "Client", "RequestRefused", "ServerAway")

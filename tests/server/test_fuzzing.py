"""Fuzzing: requests that the OpenAPI document gives rise to; each gets an answer that the document tells of, no 500.

A few for each route here; benchmarks/schemathesis_run.py asks ten thousand times.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from segue.api.openapi import document
from segue.server.routes import TABLE
from segue.server.routing import WEBSOCKET, Route

from .target import SECONDS, Target, serving_process

SCHEMA = schemathesis.openapi.from_dict(document(TABLE))
ROUTES = [route for route in TABLE if route.method != WEBSOCKET]
WANTED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving_process(tmp_path_factory.mktemp("fuzzing") / "home") as running:
        yield running


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_whatever_the_document_allows_is_answered_as_it_says(target: Target, route: Route) -> None:
    operation = SCHEMA[route.path.replace(":path}", "}")][route.method]
    key = target.keys.create(f"{route.method} {route.path}", "admin", now=0, expires=None)

    @settings(
        max_examples=10, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        case.call_and_validate(
            base_url=f"http://127.0.0.1:{target.port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=SECONDS,
            checks=WANTED,
        )

    ask()

"""Deployments, pools, workers and limits over HTTP: what is answered, who may ask, and what bad input gets."""

import asyncio
from typing import Any

import httpx2
import pytest

from segue import states
from segue.records.work import Deployment, RunRequest, WorkerInfo, WorkPool
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock

from .conftest import Server, serving

DEPLOYMENT = {"id": "", "name": "daily run", "flow_name": "etl", "entrypoint": "etl.py:etl", "pool": "my-pool"}


async def deployed(server: Server, **more: Any) -> Deployment:
    await server.wiring.work.save_pool(WorkPool(name="my-pool"))
    return await server.wiring.work.save_deployment(Deployment(**{**DEPLOYMENT, **more}))


async def post(server: Server, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    return await server.client.post(f"/api{path}", json={} if body is None else body, headers=headers)


async def test_a_deployment_is_found_by_a_name_with_a_slash_and_by_its_id(server: Server) -> None:
    await post(server, "/work-pools", {"name": "my-pool"})
    saved = (await post(server, "/deployments", DEPLOYMENT)).json()

    assert [one["id"] for one in (await server.get("/deployments", search="daily"))["items"]] == [saved["id"]]
    for name in ("etl/daily run", "ETL/Daily-Run", "daily_run", saved["id"]):
        assert await server.get(f"/deployments/{name}") == saved


async def test_a_run_that_is_asked_for_says_what_it_waits_for_until_that_changes(server: Server) -> None:
    deployment = await deployed(server)
    made = await post(server, f"/deployments/{deployment.id}/runs", {"parameters": {"n": 1}, "name": "first"})
    place = f"/api/flow-runs/{made.json()['id']}"
    tag = (await server.client.get(place)).headers["etag"]
    await post(server, "/work-pools/my-pool/pause")
    changed = await server.client.get(place, headers={"If-None-Match": tag})

    assert made.status_code == 201
    assert (made.json()["deployment_id"], made.json()["state"]["name"]) == (deployment.id, "Scheduled")
    assert "worker" in made.json()["waiting_for"]
    assert (changed.status_code, "paused" in changed.json()["waiting_for"]) == (200, True)


async def test_runs_are_filtered_and_counted_by_deployment(server: Server) -> None:
    deployment, other = await deployed(server), await deployed(server, name="other")
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id))
    await server.wiring.work.create_run(RunRequest(deployment_id=other.id))
    await server.flow_run(states.Running(occurred=20))

    listed = await server.get("/flow-runs", deployment=deployment.id)

    assert [one["id"] for one in listed["items"]] == [run.id]
    assert (await server.get("/flow-runs/count", deployment=[deployment.id, other.id]))["total"] == 2


async def test_a_repeated_request_under_its_key_is_one_run(server: Server) -> None:
    deployment = await deployed(server)
    path = f"/deployments/{deployment.id}/runs"

    answers = await asyncio.gather(*[post(server, path, {}, **{"Idempotency-Key": "k"}) for _ in range(3)])
    same = [await post(server, path, {"key": "daily"}) for _ in range(2)]

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert same[0].json()["id"] == same[1].json()["id"]
    assert (await server.get("/flow-runs/count"))["total"] == 2


async def test_cancelling_ends_what_waits_and_asks_what_runs_and_both_can_be_many(server: Server) -> None:
    deployment = await deployed(server)
    waiting = [await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id)) for _ in range(2)]
    running = await server.flow_run(states.Running(occurred=20))

    one = await post(server, f"/flow-runs/{waiting[0].id}/cancel", {"reason": "not today"})
    many = await post(server, "/flow-runs/bulk", {"action": "cancel", "ids": [waiting[1].id, running.id, "nobody"]})

    asked = (await server.get("/events", kinds="flow-run.cancel-requested", run=waiting[0].id))["items"]
    assert (one.status_code, one.json()["event_id"]) == (202, asked[0]["id"])
    assert [outcome["status"] for outcome in many.json()["outcomes"]] == [202, 202, 404]
    assert [(await server.get(f"/flow-runs/{run.id}"))["state"]["name"] for run in waiting] == ["Cancelled"] * 2
    assert (await server.get(f"/flow-runs/{running.id}"))["state"]["name"] == "Running"


async def test_ended_runs_of_deployments_are_retried_one_or_many(server: Server) -> None:
    deployment = await deployed(server)
    runs = [await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id)) for _ in range(3)]
    for run in runs[:2]:
        await server.wiring.work.cancel_run(run.id)
    called = await server.flow_run(states.Completed(data=1, occurred=20))

    one = await post(server, f"/flow-runs/{runs[0].id}/retry")
    many = await post(server, "/flow-runs/bulk", {"action": "retry", "ids": [run.id for run in (*runs[1:], called)]})

    assert (one.status_code, one.json()["state"]["name"]) == (202, "AwaitingRetry")
    assert [outcome["status"] for outcome in many.json()["outcomes"]] == [202, 409, 409]
    assert "has not ended" in many.json()["outcomes"][1]["detail"]
    assert "belongs to no deployment" in many.json()["outcomes"][2]["detail"]


async def test_a_worker_is_given_runs_gives_signs_of_life_and_says_how_they_ended(server: Server) -> None:
    deployment = await deployed(server)
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id))
    worker = (await post(server, "/workers", {"id": "", "name": "w", "pool": "my-pool"})).json()
    place = f"/workers/{worker['id']}"

    claim = (await post(server, f"{place}/claim", {"most": 5})).json()["claims"][0]
    beat = (await post(server, f"{place}/beat", {"held": [run.id]})).json()
    state = {"type": "CRASHED", "message": "killed", "timestamp": "2026-11-24T13:00:00Z"}
    settled = (await post(server, f"{place}/settle", {"claim": claim, "state": state})).json()

    ended = (await server.get(f"/flow-runs/{run.id}"))["state"]
    assert (claim["run_id"], beat) == (run.id, {"stop": [], "lost": []})
    assert settled == {"recorded": True}
    assert (ended["type"], ended["message"], ended["timestamp"]) == ("CRASHED", "killed", "2026-11-24T13:00:00.000000Z")
    assert [one["name"] for one in (await server.get("/workers", pool="my-pool"))["items"]] == ["w"]
    assert (await post(server, f"{place}/leave")).status_code == 204


async def test_who_waits_for_runs_is_answered_when_there_is_one_and_when_the_server_stops(server: Server) -> None:
    deployment = await deployed(server)
    worker = await server.wiring.work.join(WorkerInfo(id="", name="w", pool="my-pool"))
    path = f"/workers/{worker.id}/claim"

    first = asyncio.create_task(post(server, path, {"wait": 25}))
    await server.wiring.streams.wait_open(1)
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id))
    given = (await first).json()["claims"]
    second = asyncio.create_task(post(server, path, {"wait": 25}))
    await server.wiring.streams.wait_open(1)
    server.wiring.streams.stop()

    assert [claim["run_id"] for claim in given] == [run.id]
    assert (await second).json() == {"claims": []}


async def test_slots_are_taken_and_freed(server: Server) -> None:
    await post(server, "/limits", {"name": "a/b", "slots": 1})
    wish = {"names": ["a/b"], "holder": "somebody"}

    lease = (await post(server, "/leases", wish)).json()["lease"]
    full = (await post(server, "/leases", wish)).json()["lease"]
    held = (await post(server, f"/leases/{lease['id']}/renew")).json()["held"]
    freed = (await server.client.delete(f"/api/leases/{lease['id']}")).status_code

    assert (full, held, freed) == (None, True, 204)
    assert (await server.get("/leases"))["items"] == []
    assert (await server.client.delete("/api/limits/a/b")).status_code == 204
    assert (await server.get("/limits"))["items"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "sentence"),
    [
        ("/deployments", {**DEPLOYMENT, "pool": "other"}, 404, "unknown-pool", "There is no work pool 'other'."),
        ("/deployments", {**DEPLOYMENT, "name": "a/b"}, 422, "invalid-work", "invalid character"),
        ("/deployments", {**DEPLOYMENT, "priority": 2**60}, 422, "", "body.priority"),
        ("/deployments", {**DEPLOYMENT, "schedules": [{"id": "s", "cron": "x"}]}, 422, "invalid-work", "'x'"),
        ("/deployments/weekly/runs", {}, 404, "unknown-deployment", "There is no deployment 'weekly'."),
        ("/deployments/daily-run/runs", {"parameters": {"n": "x"}}, 422, "invalid-run", "n"),
        ("/deployments/daily-run/runs", {"due": 10**18}, 422, "", "body.due"),
        ("/deployments/daily-run/runs", {"paramters": {}}, 422, "", "paramters"),
        ("/work-pools", {"name": "p", "limit": 0}, 422, "invalid-work", "needs 1 or more"),
        ("/work-pools/nowhere/pause", {}, 404, "unknown-pool", "There is no work pool 'nowhere'."),
        ("/workers", {"id": "", "name": "w", "pool": "my-pool", "type": "docker"}, 422, "invalid-work", "docker"),
        ("/workers/nobody/claim", {}, 422, "invalid-work", "nobody"),
        ("/workers/nobody/claim", {"wait": 31}, 422, "", "body.wait"),
        ("/workers/nobody/beat", {"held": [1]}, 422, "", "body.held[0]"),
        ("/limits", {"name": "l", "slots": -1}, 422, "invalid-work", "0 or more"),
        ("/leases", {"names": ["no"], "holder": "h", "strict": True}, 404, "unknown-limit", "no"),
        ("/flow-runs/nobody/retry", {}, 404, "unknown-run", "There is no run 'nobody'."),
        ("/flow-runs/bulk", {"action": "explode", "ids": ["a"]}, 422, "", "body.action"),
    ],
)
async def test_what_cannot_be_is_a_sentence(
    server: Server, path: str, body: Any, status: int, kind: str, sentence: str
) -> None:
    await deployed(server, parameter_schema={"type": "object", "properties": {"n": {"type": "integer"}}})

    answer = await post(server, path, body)

    assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True), answer.text
    if kind:
        assert answer.json()["type"] == f"urn:segue:problem:{kind}"


async def test_to_delete_takes_a_key_that_may_do_all() -> None:
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    access = Authentication(KeysFile(loaded.settings.database), SystemClock(), required=True)
    shown = {"Authorization": f"Bearer {access.keys.create('ci', 'run', now=0, expires=None)}"}
    async with wired(loaded, SystemClock(), access=access, authentication=access) as wiring, serving(wiring) as server:
        deployment = await deployed(server)
        event = {"kind": "deployment.deleted", "subject": deployment.id}
        refused = [
            await server.client.delete(f"/api/deployments/{deployment.id}", headers=shown),
            await server.client.delete("/api/work-pools/my-pool", headers=shown),
            await server.client.delete("/api/limits/db", headers=shown),
            await post(server, "/events/in", {"events": [event]}, **shown),
        ]
        paused = await post(server, f"/deployments/{deployment.id}/pause", **shown)

    assert [answer.status_code for answer in refused] == [403] * 4
    assert paused.json()["paused"]

"""Deployments on the page: listed, run by a form of their parameters, scheduled, paused, and their runs run again."""

from segue import states
from segue.records.work import RunRequest, Schedule

from ..server.conftest import Server
from .conftest import Tab, deployed, enter

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "position": 0, "description": "Who is greeted."},
        "count": {"type": "integer", "default": 3, "position": 1},
        "loud": {"type": "boolean", "default": False, "position": 2},
        "mood": {"enum": ["glad", "sad"], "default": "glad", "position": 3},
        "since": {"type": "string", "format": "date-time", "default": "2026-01-02T03:04:05Z", "position": 4},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None, "position": 5},
        "rows": {"type": "array", "items": {"type": "integer"}, "default": [1], "position": 6},
    },
    "required": ["name"],
}


async def parameters_of_last(server: Server) -> dict[str, object]:
    """What the latest run was given."""
    [run] = (await server.get("/flow-runs", limit=1))["items"]
    return (await server.get(f"/flow-runs/{run['id']}"))["parameters"]


async def test_a_deployment_appears_in_the_list_when_it_is_saved(tab: Tab, server: Server) -> None:
    await tab.show("/deployments")
    await tab.sees("No deployments yet", "Live")

    daily = Schedule(id="daily", cron="0 6 * * *", timezone="Europe/Berlin")
    await deployed(server, name="nightly", schedules=(daily,))

    row = tab.page.get_by_role("listitem").filter(has_text="nightly")
    await row.get_by_text("0 6 * * * in Europe/Berlin").wait_for()


async def test_the_list_shows_how_the_last_runs_went(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    for end in (states.Completed(), states.Failed(message="no rows")):
        run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id))
        await enter(server, run, end)

    await tab.show("/deployments")

    await tab.page.get_by_label("Last runs, the latest last: Completed, Failed").wait_for()


async def test_the_form_sends_what_was_changed_with_the_types_of_the_schema(tab: Tab, server: Server) -> None:
    deployment = await deployed(server, parameter_schema=SCHEMA, parameters={"count": 5})
    await tab.show(f"/deployments/{deployment.id}")
    await tab.page.get_by_role("button", name="Run", exact=True).click()
    form = tab.page.get_by_role("dialog")
    assert await form.get_by_label("count").input_value() == "5"

    await form.get_by_label("name").first.fill("Ada")
    await form.get_by_label("count").fill("7")
    await form.get_by_label("loud").check()
    await form.get_by_label("mood").select_option("sad")
    await form.get_by_label("ratio").fill("0.5")
    await form.get_by_label("rows").fill("[1, 2]")
    await form.get_by_role("button", name="Run").click()

    await tab.page.get_by_text("It has not begun: No worker").wait_for()
    assert await parameters_of_last(server) == {
        "name": "Ada", "count": 7, "loud": True, "mood": "sad", "ratio": 0.5, "rows": [1, 2]
    }  # fmt: skip


async def test_what_the_server_says_of_a_parameter_stands_at_its_field(tab: Tab, server: Server) -> None:
    count = {"type": "integer", "maximum": 9}
    schema = {"type": "object", "properties": {"count": count}, "required": ["count"]}
    deployment = await deployed(server, parameter_schema=schema)
    await tab.show(f"/deployments/{deployment.id}")
    await tab.page.get_by_role("button", name="Run", exact=True).click()
    form = tab.page.get_by_role("dialog")

    await form.get_by_role("button", name="Run").click()
    await form.get_by_text("It is needed.").wait_for()
    await form.get_by_label("count").fill("many")
    await form.get_by_role("button", name="Run").click()
    await form.get_by_text("'many' is no number.").wait_for()
    await form.get_by_label("count").fill("10")
    await form.get_by_role("button", name="Run").click()

    field = form.get_by_label("count")
    await form.locator(f"[id='{await field.get_attribute('id')}-wrong']").filter(has_text="9").wait_for()
    assert await field.get_attribute("aria-invalid") == "true"
    tab.wrong = [one for one in tab.wrong if "422" not in one]


async def test_a_run_of_a_deployment_is_run_again_with_its_parameters(tab: Tab, server: Server) -> None:
    deployment = await deployed(server, parameter_schema=SCHEMA)
    given = {"name": "Ada", "rows": [4]}
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id, parameters=given))
    await tab.show(f"/runs/{run.id}")

    await tab.page.get_by_role("button", name="Run again").click()
    form = tab.page.get_by_role("dialog")
    assert await form.get_by_label("rows").input_value() == "[\n  4\n]"
    await form.get_by_label("name").first.fill("Bob")
    await form.get_by_role("button", name="Run", exact=True).click()

    await tab.page.wait_for_url(lambda url: run.id not in url)
    assert await parameters_of_last(server) == {"name": "Bob", "rows": [4]}


async def test_a_run_that_has_ended_is_tried_again(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id))
    await enter(server, run, states.Failed(message="no rows"))
    await tab.show(f"/runs/{run.id}")
    await tab.sees("no rows")

    await tab.page.get_by_role("button", name="Retry").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Retry").click()

    await tab.page.get_by_text("AwaitingRetry").first.wait_for()


async def test_many_runs_are_tried_again_and_those_that_cannot_be_are_named(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    run = await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id, name="red-rat"))
    await enter(server, run, states.Failed(message="no rows"))
    await server.flow_run(states.Running(occurred=20), states.Failed(message="no", occurred=30), name="blue-boa")
    await tab.show("/runs")

    await tab.page.get_by_label("Select red-rat").check()
    await tab.page.get_by_label("Select blue-boa").check()
    await tab.page.get_by_role("button", name="Retry", exact=True).click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Retry").click()

    await tab.sees("One run waiting for another attempt.", "belongs to no deployment")
    assert (await server.get(f"/flow-runs/{run.id}"))["state"]["name"] == "AwaitingRetry"


async def test_why_a_run_waits_is_told_in_the_list(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    await server.wiring.work.create_run(RunRequest(deployment_id=deployment.id, name="idle-ibex"))

    await tab.show("/runs")

    row = tab.page.get_by_role("listitem").filter(has_text="idle-ibex")
    await row.get_by_text("No worker").wait_for()


async def test_a_schedule_is_added_paused_changed_and_deleted(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    await tab.show(f"/deployments/{deployment.id}/schedules")

    await tab.page.get_by_role("button", name="New schedule").click()
    form = tab.page.get_by_role("dialog")
    await form.get_by_label("Every", exact=True).fill("2")
    await form.get_by_label("Unit").select_option(label="minutes")
    await form.get_by_label("Time zone").fill("Europe/Berlin")
    await form.get_by_role("button", name="Add").click()
    await tab.sees("every 2 min in Europe/Berlin")
    await tab.page.get_by_role("button", name="Pause the schedule interval").click()
    await tab.page.get_by_role("button", name="Resume the schedule interval").wait_for()

    [schedule] = (await server.wiring.work.deployment(deployment.id)).schedules
    assert schedule == Schedule(id="interval", interval=120.0, timezone="Europe/Berlin", active=False)

    await tab.page.get_by_role("button", name="Delete the schedule interval").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await tab.sees("It does not run by itself")


async def test_a_schedule_that_cannot_work_is_refused_in_its_form(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    await tab.show(f"/deployments/{deployment.id}/schedules")

    await tab.page.get_by_role("button", name="New schedule").click()
    form = tab.page.get_by_role("dialog")
    await form.get_by_label("Cron").check()
    await form.get_by_label("Minute, hour, day").fill("61 * * * *")
    await form.get_by_role("button", name="Add").click()

    await form.get_by_role("alert").filter(has_text="61 * * * *").wait_for()
    tab.wrong = [one for one in tab.wrong if "422" not in one]


async def test_a_deployment_is_paused_resumed_and_deleted(tab: Tab, server: Server) -> None:
    deployment = await deployed(server)
    await tab.show(f"/deployments/{deployment.id}")

    await tab.page.get_by_role("button", name="Pause").click()
    await tab.page.get_by_role("button", name="Resume").click()
    await tab.page.get_by_role("button", name="Pause").wait_for()
    await tab.page.get_by_role("button", name="Delete").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await tab.sees("No deployments yet")
    assert await server.wiring.work.deployments() == []


async def test_a_deployment_that_is_not_there_is_said_to_be_missing(tab: Tab, server: Server) -> None:
    await tab.show("/deployments/nobody")

    await tab.sees("There is no such deployment")
    tab.wrong = [one for one in tab.wrong if "404" not in one]

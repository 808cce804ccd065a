"""The page's lists: dashboard, runs, flows and events; they change as things happen, without being loaded again."""

from segue import states

from ..server.conftest import Server
from .conftest import Tab, enter


async def test_the_dashboard_shows_what_failed_before_all_else(tab: Tab, server: Server) -> None:
    now = server.wiring.clock.now_us()
    await server.flow_run(
        states.Running(occurred=now), states.Completed(occurred=now + 5), created=now, name="fine-fox"
    )
    await server.flow_run(
        states.Running(occurred=now), states.Failed(message="no rows", occurred=now + 9), created=now, name="sad-seal"
    )

    await tab.show()

    failing = tab.page.locator("section", has_text="Late and failing")
    await failing.get_by_text("sad-seal").wait_for()
    assert "no rows" in await failing.inner_text()
    assert "fine-fox" not in await failing.inner_text()


async def test_a_run_appears_on_the_dashboard_when_it_begins(tab: Tab, server: Server) -> None:
    await tab.show()
    await tab.sees("Nothing is running", "Live")

    now = server.wiring.clock.now_us()
    await server.flow_run(states.Running(occurred=now), created=now, name="new-newt")

    await tab.page.locator("section", has_text="Running now").get_by_text("new-newt").wait_for()


async def test_a_state_is_shown_in_the_list_when_a_run_comes_to_it(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20), name="busy-bee")
    await tab.show("/runs")
    row = tab.page.get_by_role("listitem").filter(has_text="busy-bee")
    await row.get_by_text("Running").wait_for()

    await enter(server, run, states.Failed(message="out of honey", occurred=40))

    await row.get_by_text("out of honey").wait_for()


async def test_runs_are_filtered_by_state_and_searched_by_name(tab: Tab, server: Server) -> None:
    await server.flow_run(states.Running(occurred=20), states.Completed(occurred=30), name="red-rat")
    await server.flow_run(states.Running(occurred=20), states.Failed(message="no", occurred=30), name="red-ram")
    await server.flow_run(states.Running(occurred=20), states.Failed(message="no", occurred=30), name="blue-boa")
    await tab.show("/runs")
    await tab.sees("red-rat", "red-ram", "blue-boa")

    await tab.page.get_by_role("button", name="Failed").click()
    await tab.text("red-rat").wait_for(state="detached")
    await tab.page.get_by_role("searchbox").fill("red")
    await tab.text("blue-boa").wait_for(state="detached")

    await tab.sees("red-ram")
    assert tab.page.url.endswith("/#/runs?type=FAILED&search=red")


async def test_many_runs_are_asked_to_stop_at_once(tab: Tab, server: Server) -> None:
    for name in ("long-lynx", "long-lion"):
        await server.flow_run(states.Running(occurred=20), name=name)
    await tab.show("/runs")

    await tab.page.get_by_label("Select long-lynx").check()
    await tab.page.get_by_label("Select long-lion").check()
    await tab.page.get_by_role("button", name="Cancel", exact=True).click()
    await tab.page.get_by_label("Reason, kept with the state").fill("wrong day")
    await tab.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    await tab.sees("2 runs asked to stop.")
    asked = (await server.get("/events", kinds="flow-run.cancel-requested"))["items"]
    assert [event["payload"]["reason"] for event in asked] == ["wrong day", "wrong day"]


async def test_a_flow_shows_its_runs_by_its_tasks(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20), flow_name="etl")
    await server.task_run(run.id, states.Running(occurred=30), states.Completed(occurred=40), task_name="fetch")
    await server.task_run(run.id, states.Running(occurred=50), states.Failed(occurred=60), task_name="load")

    await tab.show("/flows/etl/grid")

    cells = tab.page.locator("tbody a")
    await cells.first.wait_for()
    said = [await cells.nth(at).get_attribute("aria-label") for at in range(await cells.count())]
    assert said == [f"fetch in {run.name}: Completed", f"load in {run.name}: Failed"]


async def test_events_come_into_the_feed_as_they_happen(tab: Tab, server: Server) -> None:
    await tab.show("/events?kinds=*.failed")
    await tab.sees("No events", "Live")

    await server.flow_run(states.Running(occurred=20), states.Failed(message="no rows", occurred=30))

    await tab.text("flow-run.failed").click()
    await tab.page.get_by_label("Chosen event").get_by_text('"message": "no rows"').wait_for()
    assert await tab.page.get_by_text("flow-run.running").count() == 0


async def test_where_no_websocket_comes_through_the_page_polls(tab: Tab, server: Server) -> None:
    await tab.page.route_web_socket("**/events/stream", lambda socket: socket.close())
    await tab.show("/runs")
    await tab.page.get_by_title("Live, by polling").wait_for()

    await server.flow_run(states.Running(occurred=20), name="slow-sloth")

    await tab.sees("slow-sloth")


async def test_the_keyboard_leads_everywhere(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20), states.Completed(occurred=30), name="keen-kite")
    await tab.show()
    await tab.sees("Dashboard")

    await tab.page.keyboard.press("g")
    await tab.page.keyboard.press("r")
    await tab.sees("keen-kite")
    await tab.page.keyboard.press("j")
    await tab.page.keyboard.press("Enter")

    await tab.page.get_by_role("heading", name="keen-kite").wait_for()
    assert tab.page.url.endswith(run.id)


async def test_what_a_narrow_screen_has_no_room_for_is_behind_more(tab: Tab, server: Server) -> None:
    await tab.page.set_viewport_size({"width": 390, "height": 760})
    await tab.show("/runs")

    await tab.page.get_by_role("button", name="More").click()
    await tab.page.get_by_role("dialog").get_by_role("link", name="Limits").click()

    await tab.page.get_by_role("heading", name="Limits").wait_for()
    assert await tab.page.get_by_role("dialog").count() == 0

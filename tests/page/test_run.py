"""The page of a run: timeline, tasks, graph, logs and states, also of large runs and of runs that go on."""

from segue import run_events, states
from segue.records import TaskRun
from segue_events import new_id

from ..server.conftest import Server
from .conftest import Tab, enter

MANY = 10_000


async def test_tasks_appear_while_the_run_goes_on(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    await tab.show(f"/runs/{run.id}/tasks")
    await tab.sees("This run has called no tasks", "Live")

    task = await server.task_run(run.id, states.Running(occurred=30), name="fetch-7")
    row = tab.page.get_by_role("listitem").filter(has_text="fetch-7")
    await row.get_by_text("Running").wait_for()
    await enter(server, task, states.Completed(occurred=40))

    await row.get_by_text("Completed").wait_for()


async def test_a_subflow_is_in_the_timeline_and_leads_to_its_own_page(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20), name="outer-owl")
    await server.flow_run(
        states.Running(occurred=30), name="inner-ibis", flow_name="part", parent_id=run.id, root_id=run.id
    )
    await tab.show(f"/runs/{run.id}")
    await tab.sees("1 row")

    await tab.page.keyboard.press("j")
    await tab.page.get_by_role("link", name="Open this run of part").click()

    await tab.page.get_by_role("heading", name="inner-ibis").wait_for()


async def test_why_a_task_was_tried_again_is_told_beside_the_timeline(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    await server.task_run(
        run.id,
        states.Running(occurred=30),
        states.Scheduled(message="HTTP 503; again in 2 s", name="AwaitingRetry", occurred=40),
        states.Running(name="Retrying", occurred=50),
        states.Completed(occurred=60),
    )
    await tab.show(f"/runs/{run.id}")
    await tab.sees("1 row")

    await tab.page.keyboard.press("j")

    chosen = tab.page.get_by_label("Chosen task")
    await chosen.get_by_text("HTTP 503; again in 2 s").wait_for()
    await chosen.get_by_text("Retrying").wait_for()


# More rows may come while one scrolls.
TO_THE_END = """async (list, last) => {
    while (!list.textContent.includes(last)) {
        list.scrollTop = list.scrollHeight
        await new Promise(requestAnimationFrame)
    }
}"""


async def test_ten_thousand_tasks_cost_no_more_elements_than_a_few(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    events = []
    for at in range(MANY):
        task = TaskRun(id=new_id(), name=f"fetch-{at}", task_name="fetch", flow_run_id=run.id, created=1000 + at)
        events.append(run_events.task_run_pending(task))
    await server.record(*events[: MANY // 2])
    await server.record(*events[MANY // 2 :])

    await tab.show(f"/runs/{run.id}")
    await tab.sees(f"{MANY:,} rows")
    elements = await tab.page.evaluate("document.querySelectorAll('*').length")
    await tab.show(f"/runs/{run.id}/tasks")
    await tab.sees("fetch-0")
    await tab.page.get_by_role("region", name="Tasks").evaluate(TO_THE_END, f"fetch-{MANY - 1}")
    await tab.sees(f"fetch-{MANY - 1}")

    assert elements < 500
    assert await tab.page.evaluate("document.querySelectorAll('*').length") < 2_000


async def test_results_that_were_given_are_lines_in_the_graph(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    first = await server.task_run(run.id, states.Completed(occurred=30), name="fetch-0")
    await server.task_run(run.id, states.Failed(message="no", occurred=50), name="load-0", upstream=(first.id,))

    await tab.show(f"/runs/{run.id}/graph")

    await tab.page.get_by_role("button", name="load-0: Failed").click()
    await tab.page.get_by_label("Chosen task").get_by_role("button", name="fetch-0").wait_for()
    assert await tab.page.locator("svg[aria-label='Dependency graph'] path").count() == 1


async def test_log_lines_are_followed_searched_and_coloured(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    await server.log(run, "read \x1b[32m12 rows\x1b[0m", "nothing of note")
    await tab.show(f"/runs/{run.id}/logs")
    await tab.sees("12 rows", "Live")
    assert await tab.page.locator(".ansi-2").inner_text() == "12 rows"

    await server.log(run, "one <b>more</b> row", level=40)
    await tab.sees("one <b>more</b> row")
    await tab.page.get_by_role("searchbox").fill("row")
    await tab.text("nothing of note").wait_for(state="detached")

    await tab.page.locator("mark").nth(1).wait_for()
    assert await tab.page.locator("mark").all_inner_texts() == ["row", "row"]


async def test_the_whole_log_is_downloaded_as_text(tab: Tab, server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    await server.log(run, "first", "last")
    await tab.show(f"/runs/{run.id}/logs")

    async with tab.page.expect_download() as downloading:
        await tab.page.get_by_role("link", name="Download").click()

    text = (await (await downloading.value).path()).read_text()
    assert [line.rsplit(" ", 1)[-1] for line in text.splitlines()] == ["first", "last"]


async def test_details_tell_states_parameters_and_the_command_to_run_it_again(tab: Tab, server: Server) -> None:
    run = await server.flow_run(
        states.Running(occurred=20),
        states.Failed(message="it's broken", occurred=30),
        parameters={"day": "it's monday"},
        entrypoint="flows/etl.py:etl",
    )

    await tab.show(f"/runs/{run.id}/details")

    await tab.page.locator("section", has_text="States, and why").get_by_text("it's broken").wait_for()
    command = """segue run flows/etl.py:etl --params '{"day":"it'\\''s monday"}'"""
    await tab.page.locator("code", has_text=command).wait_for()


async def test_a_run_that_is_not_there_is_said_to_be_missing(tab: Tab, server: Server) -> None:
    await tab.show("/runs/nobody")

    await tab.sees("There is no such run")
    # The browser tells of every answer that is no success.
    tab.wrong = [one for one in tab.wrong if "404" not in one]

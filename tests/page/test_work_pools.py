"""Work pools with their queues and workers, and limits, on the page: shown as they are, made, changed and deleted."""

from segue.records.work import Limit, WorkerInfo, WorkPool, WorkQueue
from segue_events import new_id

from ..server.conftest import Server
from .conftest import Tab


async def test_a_pool_is_made_and_its_workers_come_into_sight(tab: Tab, server: Server) -> None:
    await tab.show("/work-pools")
    await tab.sees("No work pools yet", "Live")
    await tab.page.get_by_role("button", name="New pool").click()
    form = tab.page.get_by_role("dialog")
    await form.get_by_label("Name").fill("my-pool")
    await form.get_by_label("Runs at a time").fill("4")
    await form.get_by_role("button", name="Make the pool").click()
    await tab.sees("process, 4 at a time", "No worker takes runs from it")

    now = server.wiring.clock.now_us()
    await server.wiring.work.join(WorkerInfo(id=new_id(), name="keen-kiwi", pool="my-pool", started=now, seen=now))

    await tab.sees("keen-kiwi", "1 of 1 of the last day is there")


async def test_a_queue_is_added_limited_paused_and_deleted(tab: Tab, server: Server) -> None:
    await server.wiring.work.save_pool(WorkPool(name="my-pool"))
    await tab.show("/work-pools/my-pool")

    await tab.page.get_by_role("button", name="New queue").click()
    form = tab.page.get_by_role("dialog")
    await form.get_by_label("Name").fill("urgent")
    await form.get_by_label("Priority").fill("0")
    await form.get_by_label("Runs at a time").fill("2")
    await form.get_by_role("button", name="Add").click()
    await tab.page.get_by_role("button", name="Pause the queue urgent").click()
    await tab.page.get_by_role("button", name="Resume the queue urgent").wait_for()

    pool = await server.wiring.work.pool("my-pool")
    assert pool.queues == (WorkQueue(), WorkQueue(name="urgent", priority=0, limit=2, paused=True))

    await tab.page.get_by_role("button", name="Delete the queue urgent").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await tab.text("urgent").wait_for(state="detached")


async def test_a_pool_is_paused_and_deleted(tab: Tab, server: Server) -> None:
    await server.wiring.work.save_pool(WorkPool(name="my-pool"))
    await tab.show("/work-pools/my-pool")

    await tab.page.get_by_role("button", name="Pause", exact=True).click()
    await tab.page.get_by_role("button", name="Resume", exact=True).wait_for()
    assert (await server.wiring.work.pool("my-pool")).paused
    await tab.page.get_by_role("button", name="Delete", exact=True).click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await tab.sees("No work pools yet")


async def test_who_holds_the_slots_of_a_limit_is_seen_at_once(tab: Tab, server: Server) -> None:
    work = server.wiring.work
    await work.save_limit(Limit(name="database", slots=2))
    await tab.show("/limits")
    await tab.sees("0 of 2", "Live")

    run = await server.flow_run()
    lease = await work.acquire(["database"], 2, run.id)
    assert lease is not None
    await tab.sees("2 of 2")
    await tab.page.get_by_role("link", name=run.id).wait_for()
    await work.release(lease.id)

    await tab.sees("0 of 2")


async def test_a_limit_is_made_suspended_and_deleted(tab: Tab, server: Server) -> None:
    await tab.show("/limits")
    await tab.page.get_by_role("button", name="New limit").click()
    form = tab.page.get_by_role("dialog")
    await form.get_by_label("It bounds").select_option("rate")
    await form.get_by_label("Name").fill("api")
    await form.get_by_label("Slots", exact=True).fill("10")
    await form.get_by_label("Slots that come back").fill("0.5")
    await form.get_by_role("button", name="Make the limit").click()

    await tab.page.get_by_role("button", name="Suspend api").click()
    await tab.page.get_by_role("button", name="Apply api").wait_for()
    [limit] = await server.wiring.work.limits()
    assert (limit.slots, limit.refill, limit.active) == (10, 0.5, False)
    await tab.page.get_by_role("button", name="Delete api").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await tab.sees("No limits")


async def test_what_the_server_refuses_is_said_in_the_form(tab: Tab, server: Server) -> None:
    await tab.show("/work-pools")
    await tab.page.get_by_role("button", name="New pool").click()
    form = tab.page.get_by_role("dialog")

    await form.get_by_label("Name").fill("a/b")
    await form.get_by_role("button", name="Make the pool").click()

    await form.get_by_role("alert").filter(has_text="a/b").wait_for()
    tab.wrong = [one for one in tab.wrong if "422" not in one]

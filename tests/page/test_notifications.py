"""The page of what was told, by which rules; and API keys, which are shown once."""

from segue.settings import load_settings
from segue_events import Event

from ..server.conftest import Server
from .conftest import Tab


def told(outcome: str, **payload: object) -> Event:
    """What became of a message."""
    known = {"target": "ops", "rule": "failures", "title": "etl failed", **payload}
    return Event(kind=f"notification.{outcome}", subject="message", payload=known)


async def test_what_was_told_appears_with_what_became_of_it(tab: Tab, server: Server) -> None:
    await tab.show("/notifications")
    await tab.sees("Nobody has been told of anything", "Live")

    await server.record(told("queued"), told("failed", attempt=1, reason="HTTP 500 from the chat"))

    row = tab.page.get_by_role("listitem").filter(has_text="HTTP 500 from the chat")
    await row.get_by_text("Failed", exact=True).wait_for()
    await row.get_by_text("attempt 1").wait_for()


async def test_the_log_is_asked_for_one_target(tab: Tab, server: Server) -> None:
    await server.record(told("sent", target="ops"), told("sent", target="audit", title="seldom seen"))
    await tab.show("/notifications")
    await tab.sees("seldom seen")

    await tab.page.get_by_label("Target").select_option("ops")

    await tab.text("seldom seen").wait_for(state="detached")
    assert tab.page.url.endswith("/#/notifications?target=ops")


async def test_rules_are_told_in_words(tab: Tab, server: Server) -> None:
    home = load_settings().settings.home
    (home / "notifications.yaml").write_text(
        """
        targets: {ops: {url: "log://", tags: [oncall]}}
        rules:
          flaky:
            on: {kinds: flow-run.failed, flows: etl-*}
            count: 5
            within: 10m
            notify: oncall
        """
    )

    await tab.show("/notifications/rules")

    await tab.sees("flaky", "5 times flow-run.failed of etl-* within 10 min", "Tell oncall")
    assert await tab.page.get_by_text("log://").count() == 0


async def test_a_new_key_is_shown_once_and_revoked_by_its_name(tab: Tab, server: Server) -> None:
    await tab.show("/settings")
    await tab.page.get_by_role("button", name="New key").click()
    dialog = tab.page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("ci")
    await dialog.get_by_role("button", name="Make the key").click()

    secret = await dialog.locator(".secret").inner_text()
    await dialog.get_by_role("button", name="I have it").click()
    [key] = (await server.get("/keys"))["items"]
    assert (key["name"], secret[:4]) == ("ci", "sgk_")
    assert await tab.page.get_by_text(secret).count() == 0

    await tab.page.get_by_role("button", name="Revoke ci").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await tab.sees("The key ci lets nobody in any more.", "There are none.")
    assert (await server.get("/keys"))["items"] == []


async def test_a_name_that_is_taken_is_said_in_the_form(tab: Tab, server: Server) -> None:
    server.wiring.authentication.keys.create("ci", "read", now=0, expires=None)
    await tab.show("/settings")

    await tab.page.get_by_role("button", name="New key").click()
    await tab.page.get_by_role("dialog").get_by_label("Name").fill("ci")
    await tab.page.get_by_role("dialog").get_by_role("button", name="Make the key").click()

    await tab.page.get_by_role("dialog").get_by_role("alert").wait_for()
    tab.wrong = [one for one in tab.wrong if "409" not in one]

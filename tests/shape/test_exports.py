"""What the three packages give to users, frozen: a name comes or goes by decision only."""

import importlib
import subprocess
import sys

import pytest

STREAM = """
import sys
from segue_events import stream
print("websockets" in sys.modules)
print(set(stream.__all__) <= set(dir(stream)))
from segue_events.stream import *
print(stream.Reader is Reader and "websockets" in sys.modules)
"""

EXPORTS = {
    "segue": """
        Flow State Task __version__ allow_failure aserve deploy flow get_run_logger notify_on_failure
        opaque quote serve tags task unmapped
    """,
    "segue_events": """
        Bus BusClosed BusStatistics Clock Cursor CursorError CursorReset Event EventsError Filter
        Journal JournalCorrupt JournalError JournalFull JournalLocked JournalStatistics
        JournalTooNew JournalUnwritable MemoryJournal PayloadError Projection SqliteJournal
        StreamError Subscription SubscriptionStatistics SystemClock Write encode_payload new_id
        pack_id to_cloudevent unpack_id
    """,
    "segue_notifiers": """
        Act Action ActionFailed Actions AppriseChannel Attachment CallFunction CallWebhook
        ChangePool ChangeRun ChangeSchedule Channel Composed Compound Condition Daily
        DeliveryLine DeliveryLog Describe DiscordChannel EmailChannel Escalation Firing
        Forbidden InvalidChannel InvalidRule InvalidTemplate LogChannel Match MemoryState
        Message News NotDelivered Notifier NotifierError Notify Pace Policy Proactive Quiet Rate
        Reactive Route Rule RuleBook RunDeployment Sequence SlackChannel Source State StateFile
        Subject Target TeamsChannel Template TerminalChannel WebhookChannel channel_of check
        check_all compose
    """,
}


@pytest.mark.parametrize("package", EXPORTS)
def test_a_package_exports_these_names(package: str) -> None:
    assert list(importlib.import_module(package).__all__) == EXPORTS[package].split()


@pytest.mark.parametrize("package", EXPORTS)
def test_each_exported_name_is_there(package: str) -> None:
    module = importlib.import_module(package)

    assert [name for name in EXPORTS[package].split() if not hasattr(module, name)] == []


def test_the_stream_brings_no_websockets_before_they_are_used_and_hides_no_name() -> None:
    said = subprocess.run(
        [sys.executable, "-c", STREAM], capture_output=True, text=True, check=True, timeout=50
    ).stdout.split()

    assert said == ["False", "True", "True"]

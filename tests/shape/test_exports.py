"""What the three packages give to users, frozen: a name comes or goes by decision only."""

import importlib

import pytest

EXPORTS = {
    "segue": """
        Flow State Task __version__ allow_failure flow get_run_logger opaque quote tags task unmapped
    """,
    "segue_events": """
        Bus BusClosed BusStatistics Clock Cursor CursorError CursorReset Event EventsError Filter
        Journal JournalCorrupt JournalError JournalFull JournalLocked JournalStatistics
        JournalTooNew JournalUnwritable MemoryJournal PayloadError Projection SqliteJournal
        StreamError Subscription SubscriptionStatistics SystemClock Write encode_payload new_id
        pack_id to_cloudevent unpack_id
    """,
    "segue_notifiers": """
        AppriseChannel Attempts Channel CursorFile Cursors Delivery InvalidChannel LogChannel
        Message NotDelivered Notifier NotifierError Rule Source Subject decide
    """,
}


@pytest.mark.parametrize("package", EXPORTS)
def test_a_package_exports_these_names(package: str) -> None:
    assert list(importlib.import_module(package).__all__) == EXPORTS[package].split()


@pytest.mark.parametrize("package", EXPORTS)
def test_each_exported_name_is_there(package: str) -> None:
    module = importlib.import_module(package)

    assert [name for name in EXPORTS[package].split() if not hasattr(module, name)] == []

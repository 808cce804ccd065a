"""For tests of whatever uses events: a clock that the test moves, a recorder, journals that fail, contract suites."""

from segue_events.testing.failing_journal import FailingJournal as FailingJournal
from segue_events.testing.fake_clock import FakeClock as FakeClock
from segue_events.testing.journal_contract import JournalContract as JournalContract
from segue_events.testing.recorder import Recorder as Recorder
from segue_events.testing.tally import Tally as Tally
from segue_events.testing.tally import numbers as numbers

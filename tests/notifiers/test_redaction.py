"""No part of a URL leaves through a text or a log record."""

import logging
import threading

import pytest

from segue_notifiers.redaction import Redactor, guarded_loggers

URL = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23ops?footer=no&token=b%2Fc%3Dd"


@pytest.mark.parametrize("part", ["T1JJ3T3L2", "a1brtd4jd", "TIiajkdnlazkcOXrIdevi7FQ", "#ops", "b/c=d", URL])
def test_every_part_is_hidden(part: str) -> None:
    assert part not in Redactor(URL)(f"POST https://hooks.example/{part}: refused")


def test_the_rest_stays() -> None:
    assert Redactor(URL)("Failed to send: error=500, no answer") == "Failed to send: error=500, *** answer"


def test_a_url_without_a_scheme_is_hidden_too() -> None:
    assert Redactor("xoxb-123-456")("cannot read xoxb-123-456") == "cannot read ***"


def test_an_empty_url_hides_nothing() -> None:
    assert Redactor("")("as it is") == "as it is"


def test_log_records_of_the_libraries_are_redacted_and_debugging_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Also those of child loggers, which the filters of their parents do not see."""
    child = logging.getLogger("urllib3.connectionpool")
    with caplog.at_level(logging.DEBUG), guarded_loggers(Redactor(URL)):
        child.debug("POST %s", URL)
        child.warning("retrying %s", "/TIiajkdnlazkcOXrIdevi7FQ")
        try:
            raise OSError("T1JJ3T3L2")
        except OSError:
            logging.getLogger("apprise").exception("failed")

    assert [record.getMessage() for record in caplog.records] == ["retrying /***", "failed"]
    assert "T1JJ3T3L2" not in caplog.text
    assert "OSError: ***" in caplog.text


def test_what_other_threads_debug_is_theirs(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("requests")
    with caplog.at_level(logging.DEBUG), guarded_loggers(Redactor(URL)):
        thread = threading.Thread(target=logger.debug, args=("a request to elsewhere",))
        thread.start()
        thread.join()

    assert caplog.messages == ["a request to elsewhere"]


def test_afterwards_the_loggers_are_as_before() -> None:
    logger = logging.getLogger("apprise")
    before = list(logger.filters)
    with guarded_loggers(Redactor(URL)):
        assert logger.filters != before

    assert logger.filters == before

"""What people are told that a rule waited for."""

from datetime import time

import pytest

from segue_notifiers.rules import Compound, Condition, Daily, Match, Proactive, Reactive
from segue_notifiers.rules.expectation import expectation

from .story import COMPLETED, FAILURES, Story, rule

BERLIN = Daily(at=time(6), timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (
            Proactive(expect=Match(kinds=("flow-run.completed",), flows=("nightly", "weekly")), by=BERLIN),
            "completed flow run of nightly or weekly by 06:00 (Europe/Berlin)",
        ),
        (Proactive(expect=COMPLETED, after=COMPLETED, within=5400), "completed flow run within 90 minutes"),
        (Proactive(expect=COMPLETED, after=COMPLETED, within=1.5), "completed flow run within 1.5 seconds"),
        (Proactive(expect=COMPLETED, after=COMPLETED, within=86400), "completed flow run within 1 day"),
        (
            Proactive(expect=Match(kinds=("flow-run.*",), states=("Late",), tags=("prod",)), by=BERLIN),
            "flow-run.* in state Late with tag prod by 06:00 (Europe/Berlin)",
        ),
        (
            Proactive(expect=Match(labels={"region": "eu"}, deployments=("etl/eu",)), by=BERLIN),
            "event of deployment etl/eu with region eu by 06:00 (Europe/Berlin)",
        ),
        (
            Compound(parts=(FAILURES, Proactive(expect=COMPLETED, by=BERLIN)), require="any"),
            "completed flow run by 06:00 (Europe/Berlin)",
        ),
        (Reactive(on=COMPLETED), ""),
    ],
)
def test_it_says_what_and_until_when(condition: Condition, words: str) -> None:
    assert expectation(condition) == words


def test_what_is_missing_says_what_was_waited_for_and_good_news_does_not() -> None:
    story = Story(rule(when=Proactive(expect=COMPLETED, after=FAILURES.on, within=60), recovery=COMPLETED))
    story.happens(0)

    [missing] = story.passes(100)
    [recovered] = story.happens(200, kind="flow-run.completed")

    assert (missing.expected, recovered.expected) == ("completed flow run within 1 minute", "")

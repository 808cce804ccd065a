"""RuleBook: what comes goes in, what is to be told comes out."""

from .story import NOON, Story, rule


def test_what_a_rule_matches_is_told() -> None:
    [firing] = Story(rule()).happens(0, "e")

    assert (firing.rule, firing.reason, firing.count, firing.severity) == ("failures", "matched", 1, "failure")
    assert (firing.group, firing.level, firing.at) == ((), 0, NOON)

"""Grouping: by which values news are told apart."""

import pytest

from segue_notifiers.rules.grouping import MAX_VALUE, grouping

from .story import news

NEWS = news(
    run="r",
    flow="etl",
    deployment="etl/nightly",
    tags=("zone-b", "prod", "zone-a"),
    labels={"team": "data"},
    payload={"error": {"type": "ValueError", "code": 5, "path": ["a"]}, "name": "TimedOut"},
)


@pytest.mark.parametrize(
    ("facet", "value"),
    [
        ("subject", "r"),
        ("run", "r"),
        ("flow", "etl"),
        ("deployment", "etl/nightly"),
        ("tag.prod", "prod"),
        ("tag.zone-*", "zone-a,zone-b"),
        ("tag.none", ""),
        ("label.team", "data"),
        ("label.none", ""),
        ("payload.name", "TimedOut"),
        ("payload.error.type", "ValueError"),
        ("payload.error.code", "5"),
        ("payload.error.path", '["a"]'),
        ("payload.error.type.deeper", ""),
        ("payload.none", ""),
    ],
)
def test_a_facet_has_a_value(facet: str, value: str) -> None:
    assert grouping((facet,))(NEWS) == (value,)


def test_several_facets_are_several_values_and_none_are_none() -> None:
    assert grouping(("flow", "label.team"))(NEWS) == ("etl", "data")
    assert grouping(())(NEWS) == ()


def test_long_values_stay_apart_and_become_short() -> None:
    group_of = grouping(("payload.text",))
    one, other = (group_of(news(payload={"text": "x" * 10_000 + end}))[0] for end in "ab")

    assert one != other
    assert len(one) <= MAX_VALUE

"""Index: the rules an event can concern, without asking each of them."""

from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.rules import Match, Reactive, Rule
from segue_notifiers.rules.index import Index
from segue_notifiers.rules.match import CompiledMatch, matches_of

from .story import COMPLETED, news, rule

some = st.lists(st.sampled_from(["a", "b", "a*", "!b", "*"]), max_size=2).map(tuple)
some_kinds = st.sampled_from([("flow-run.failed",), ("flow-run.*",), ("*.failed", "!task-run.*"), ("task-run.failed",)])
some_matches = st.builds(Match, kinds=some_kinds, flows=some, tags=some, deployments=some)
some_rules = st.builds(
    lambda on, recovery: rule(when=Reactive(on=on), recovery=recovery), some_matches, st.none() | some_matches
)
some_news = st.builds(
    lambda kind, flow, tags, deployment: news(kind=kind, flow=flow, tags=tags, deployment=deployment),
    st.sampled_from(["flow-run.failed", "task-run.failed", "flow-run.completed"]),
    st.sampled_from(["a", "b", ""]),
    st.sets(st.sampled_from(["a", "b", "ab"])).map(tuple),
    st.sampled_from(["a", "b", ""]),
)


@given(st.lists(some_rules, max_size=6), some_news)
def test_no_rule_that_matches_is_left_out(rules: list[Rule], what: object) -> None:
    found = list(Index(rules).find(what))

    matching = [n for n, one in enumerate(rules) if any(CompiledMatch(it).matches(what) for it in matches_of(one))]
    assert set(matching) <= set(found)
    assert found == sorted(set(found))


def test_rules_on_other_flows_deployments_and_tags_are_not_asked() -> None:
    def on(**facets: tuple[str, ...]) -> Rule:
        return rule(when=Reactive(on=Match(kinds=("flow-run.failed",), **facets)), recovery=COMPLETED)

    rules = [on(flows=("a",)), on(flows=("b",)), on(deployments=("a",)), on(deployments=("b",)), on(tags=("a", "c"))]
    index = Index([*rules, on(tags=("b",)), on()])

    assert list(index.find(news(flow="a", deployment="a", tags=("a",)))) == [0, 2, 4, 6]
    assert list(index.find(news())) == [6]
    assert list(index.find(news(kind="flow-run.running"))) == []
    # The recoveries are on any flow.
    assert list(index.find(news(kind="flow-run.completed"))) == [0, 1, 2, 3, 4, 5, 6]

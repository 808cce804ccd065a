"""The inputs of task calls: futures are found and replaced, wherever in the arguments they lie."""

import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from segue import State, allow_failure, flow, quote, states, task
from segue.futures import TaskFuture, wait
from segue.inputs import find_upstream, resolved
from segue.testing import Harness


def ended(value: Any, name: str = "make-0") -> TaskFuture[Any]:
    """Return the future of a task run that returned `value`."""
    future: TaskFuture[Any] = TaskFuture("id-1", name)
    future.settle(states.Completed(data=value))
    return future


class Pair(NamedTuple):
    left: Any
    right: Any = 0


class Picky(namedtuple("Picky", "only")):
    def __new__(cls, text: str) -> "Picky":
        return super().__new__(cls, text.upper())


@dataclass
class Order:
    item: Any
    count: int = 1


@dataclass
class Draft:
    item: Any
    checked: bool = field(init=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    item: Any


class Labelled(list[Any]):
    def __init__(self, items: Any, label: str) -> None:
        super().__init__(items)
        self.label = label


class Uncopyable(dict[Any, Any]):
    def __copy__(self) -> Any:
        raise OSError("no copy")


@pytest.mark.parametrize(
    "made",
    [
        lambda x: [x, 1],
        lambda x: (x, 1),
        lambda x: {x, 1},
        lambda x: frozenset({x, 1}),
        lambda x: {"a": x},
        lambda x: {x: "a"},
        lambda x: {("a", x): {x: [x]}},
        lambda x: deque([x, 1], maxlen=2),
        lambda x: OrderedDict(a=1, b=x),
        Pair,
        Order,
        Sealed,
        lambda x: Uncopyable(a=x),
    ],
)
def test_a_future_is_replaced_wherever_it_is_found(made: Any) -> None:
    future = ended(7)
    assert {id(one.source) for one in find_upstream([made(future)])} == {id(future)}
    assert resolved(made(future)) == made(7)


def test_the_types_of_containers_stay_and_what_they_know_besides_their_parts() -> None:
    future = ended(7)
    counts = defaultdict(list[Any], a=future)
    assert resolved(counts) == {"a": 7}
    assert resolved(counts)["new"] == []
    assert resolved(Labelled([future], "mine")).label == "mine"
    assert resolved(deque([future], maxlen=3)).maxlen == 3
    assert type(resolved(Pair(future))) is Pair


def test_a_named_tuple_is_not_made_anew_by_its_own_constructor() -> None:
    picky = Picky("x")._replace(only=ended(7))
    assert resolved(picky)[0] == 7
    assert type(resolved(picky)) is Picky


def test_what_was_given_stays_as_it_was() -> None:
    future = ended(7)
    order, names = Order(future), {"a": future}
    resolved([order, names])
    assert (order.item, names["a"]) == (future, future)


def test_containers_without_futures_are_the_same_objects() -> None:
    given = [[1], {"a": 2}, ended(7)]
    after = resolved(given)
    assert after[0] is given[0]
    assert after[1] is given[1]


def test_a_list_that_contains_itself_is_resolved() -> None:
    given: list[Any] = [ended(7)]
    given.append(given)
    after = resolved(given)
    assert after[0] == 7
    assert after[1] is after


def test_a_set_whose_results_cannot_be_in_a_set_becomes_a_list() -> None:
    assert sorted(resolved({ended([1]), ended([2])})) == [[1], [2]]


def test_a_key_whose_result_cannot_be_a_key_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"make-0.*a list, cannot be one: pass it as a value"):
        resolved({ended([1]): "a"})


def test_a_dataclass_itself_is_a_value_like_any_other() -> None:
    assert find_upstream([Order]) == []
    assert resolved([Order, ended(7)]) == [Order, 7]


def test_an_unset_field_of_a_dataclass_is_left_alone() -> None:
    draft = resolved(Draft(ended(7)))
    assert draft.item == 7
    assert not hasattr(draft, "checked")


def test_quoted_futures_are_handed_on_and_allowed_failures_marked() -> None:
    future = ended(7)
    assert find_upstream([quote(future)]) == []
    assert [one.may_fail for one in find_upstream([Order(allow_failure(future))])] == [True]
    assert resolved([quote(future), future]) == [future, 7]


def test_a_task_waits_for_a_future_in_a_dataclass(harness: Harness) -> None:
    gate = threading.Event()

    @task
    def held() -> int:
        gate.wait()
        return 7

    @task
    def look(order: Order) -> Any:
        return order.item

    @flow
    def f() -> Any:
        future = look.submit(Order(held.submit()))
        gate.set()
        return future.result()

    assert f() == 7


def test_a_flow_may_return_a_set_of_futures(harness: Harness) -> None:
    @task
    def pack(x: int) -> list[int]:
        return [x]

    @flow
    def f() -> Any:
        return wait(pack.map([1, 2])).done

    assert sorted(f()) == [[1], [2]]


def test_a_state_made_by_hand_among_the_inputs_gives_its_value() -> None:
    state: State[int] = states.Completed(data=3)
    assert resolved({"a": deque([state])}) == {"a": deque([3])}

"""The schema of a flow's parameters: complete, in order, and always JSON."""

import json
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any

import pydantic
import pytest

from segue import flow
from segue.deploying.schema import check_parameters, parameter_schema
from segue.exceptions import InvalidRun


class Kind(Enum):
    """Two kinds."""

    YELLOW = "yellow"
    GREEN = "green"


class Odd:
    """What pydantic knows nothing of."""


class Model(pydantic.BaseModel):
    """A model with a default that JSON cannot say."""

    rows: int = 3
    odd: Any = Odd()


def test_a_schema_is_what_a_form_needs() -> None:
    @flow
    def hello(name: str = "world", *, times: int) -> None: ...

    assert parameter_schema(hello) == {
        "title": "Parameters",
        "type": "object",
        "properties": {
            "name": {"title": "name", "type": "string", "default": "world", "position": 0},
            "times": {"title": "times", "type": "integer", "position": 1},
        },
        "required": ["times"],
    }


def test_a_flow_without_parameters_has_a_schema() -> None:
    @flow
    def nothing() -> None: ...

    assert parameter_schema(nothing) == {"title": "Parameters", "type": "object", "properties": {}}


def test_any_annotation_and_any_default_gives_json() -> None:
    @flow
    def all_kinds(  # pyright: ignore[reportUnknownParameterType]
        schema: Kind = Kind.GREEN,
        _day: date = date(2026, 1, 2),
        model: Model = Model(),  # noqa: B008
        odd: Odd = Odd(),  # noqa: B008
        call: Callable[[int], int] = abs,
        later: "NotThere" = None,  # noqa: F821
        amount: Annotated[float, pydantic.Field(ge=0, description="In euros.")] = float("nan"),
        anything=b"\xff",
    ) -> None: ...

    properties = json.loads(json.dumps(parameter_schema(all_kinds), allow_nan=False))["properties"]

    assert [one["position"] for one in properties.values()] == list(range(8))
    assert properties["schema"] == {"$ref": "#/$defs/Kind", "title": "schema", "position": 0, "default": "green"}
    assert properties["_day"]["default"] == "2026-01-02"
    assert properties["amount"]["description"] == "In euros."
    assert [name for name, one in properties.items() if "default" not in one] == [
        "model",
        "odd",
        "call",
        "amount",
        "anything",
    ]


def test_a_methods_object_and_variable_arguments_are_no_parameters() -> None:
    class Shop:
        @flow
        def sell(self, item: str, *more: int, **others: str) -> None: ...

    schema = parameter_schema(Shop().sell)

    assert list(schema["properties"]) == ["item"]
    assert schema["additionalProperties"] is True


@flow
def typed(n: int, many: list[int] = []) -> None:  # noqa: B006
    """A flow that says what it takes."""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"man": 1}, r"Flow 'typed' has no parameter 'man'\. Did you mean 'many'\? It has n, many\."),
        ({"n": "x"}, r"The parameters do not fit flow 'typed': n: Input should be a valid integer.*\."),
        ({"many": [1, "x"]}, r"many\.1: Input should"),
    ],
)
def test_parameters_that_do_not_fit_are_told(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRun, match=sentence):
        check_parameters(typed, given)


def test_types_are_not_asked_for_where_nobody_wants_it() -> None:
    check_parameters(typed, {"n": "x"}, types=False)
    check_parameters(typed, {"n": "3"})

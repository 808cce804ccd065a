"""Parameters: bound as Python binds them, coerced as pydantic coerces them, and shown as JSON."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segue.exceptions import ParameterBindError, ParameterTypeError
from segue.parameters import TOTAL_CAP, VALUE_CAP, Parameters, record

if TYPE_CHECKING:
    from somewhere import Unknown  # pyright: ignore[reportMissingImports, reportUnknownVariableType]


class Color(Enum):
    RED = "red"


class Point(pydantic.BaseModel):
    x: int
    secret: pydantic.SecretStr = pydantic.SecretStr("hidden")


@dataclasses.dataclass
class Size:
    width: int


class Box(msgspec.Struct):
    height: int


class Plain:
    """A class that pydantic knows nothing of."""


# --- binding ---

NAMES = "abcdef"
KINDS = [
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
]


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., Any]:
    """A function with any signature that Python allows."""
    kinds = sorted(draw(st.lists(st.sampled_from(KINDS), max_size=6)))
    parameters: list[inspect.Parameter] = []
    optional = False
    for name, kind in zip(NAMES, kinds, strict=False):
        variadic = kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if variadic and any(one.kind is kind for one in parameters):
            continue
        has_default = not variadic and draw(st.booleans())
        if kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            has_default = optional = optional or has_default
        default = f"default {name}" if has_default else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kind, default=default))

    def made(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    made.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return made


@settings(deadline=None)
@given(functions(), st.lists(st.integers(), max_size=5), st.dictionaries(st.sampled_from(NAMES + "x"), st.integers()))
def test_arguments_are_bound_as_inspect_binds_them(fn: Any, args: list[int], kwargs: dict[str, int]) -> None:
    kinds = {name: parameter.kind for name, parameter in inspect.signature(fn).parameters.items()}
    # Python puts such a keyword into **kwargs; inspect before 3.13 refuses it.
    assume(all(kinds.get(name) is not inspect.Parameter.POSITIONAL_ONLY for name in kwargs))
    parameters = Parameters(fn)
    try:
        expected = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(ParameterBindError):
            parameters.bind(tuple(args), kwargs)
        return
    expected.apply_defaults()

    bound = parameters.bind(tuple(args), kwargs)

    assert list(bound.items()) == list(expected.arguments.items())
    assert parameters.call_args(bound) == (expected.args, expected.kwargs)


def test_a_keyword_may_bear_the_name_of_a_positional_parameter() -> None:
    def call(x: int = 0, /, **more: int) -> None: ...

    assert Parameters(call).bind((), {"x": 1}) == {"x": 0, "more": {"x": 1}}


def fetch(url: str, times: int = 3) -> None: ...


def test_an_argument_too_few_or_too_many_is_told_in_pythons_manner() -> None:
    with pytest.raises(
        ParameterBindError, match=r"^fetch\(\) missing 1 required positional argument: 'url'\. Its sign"
    ):
        Parameters(fetch).bind((), {})
    with pytest.raises(ParameterBindError, match=r"unexpected keyword argument 'retry'.*fetch\(url: 'str', times"):
        Parameters(fetch).bind(("x",), {"retry": 1})


class Service:
    def call(self, x: int, y: int = 2) -> None: ...

    @classmethod
    def make(cls, x: int) -> None: ...

    @staticmethod
    def help(x: int) -> None: ...

    def __call__(self, x: int) -> None: ...

    def __init__(self, x: int = 0) -> None: ...


async def coroutine(x: int) -> None: ...


async def asynchronous(x: int) -> AsyncIterator[int]:
    yield x


def generator(x: int) -> Iterator[int]:
    yield x


@wraps(coroutine)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    "fn",
    [
        Service().call,
        Service.make,
        Service.help,
        Service(),
        Service,
        coroutine,
        asynchronous,
        generator,
        wrapped,
        partial(fetch, "a"),
        partial(Service().call, y=3),
    ],
)
def test_every_kind_of_callable_has_parameters_without_self(fn: Any) -> None:
    parameters = Parameters(fn)

    bound = parameters.bind((), {"times": "4"} if "times" in parameters.names else {"x": "4"})

    assert "self" not in bound
    assert 4 in parameters.validate(bound).values()


def test_a_callable_without_a_signature_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="Wrap it in a function"):
        Parameters(max)


# --- validation ---


def typed(
    whole: int = 0,
    text: str = None,  # noqa: RUF013  # pyright: ignore[reportArgumentType]
    color: Color = Color.RED,
    point: Optional[Point] = None,  # noqa: UP045
    sizes: list[Size] = [],  # noqa: B006
    mode: Literal["r", "w"] = "r",
    plain: Plain | None = None,
    small: Annotated[int, pydantic.Field(lt=10)] = 1,
    missing: Unknown = None,  # pyright: ignore[reportUnknownParameterType]
    anything: Any = None,
    schema: float = 0.0,
    _hidden: bool = False,
    *rest: int,
    model_config: int = 1,
    **more: float,
) -> None: ...


def validated(**arguments: Any) -> dict[str, Any]:
    parameters = Parameters(typed)
    return parameters.validate(parameters.bind((), arguments))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("whole", "5", 5),
        ("whole", 5, 5),
        ("color", "red", Color.RED),
        ("point", {"x": "1"}, Point(x=1)),
        ("point", None, None),
        ("sizes", [{"width": 2}], [Size(2)]),
        ("mode", "w", "w"),
        ("small", "9", 9),
        ("missing", "left as it is", "left as it is"),
        ("schema", 1, 1.0),
        ("_hidden", "yes", True),
        ("model_config", "2", 2),
    ],
)
def test_a_value_is_coerced_to_its_annotation(name: str, value: Any, expected: Any) -> None:
    result = validated(**{name: value})[name]

    assert result == expected
    assert type(result) is type(expected)


def test_variadic_parameters_are_coerced_one_by_one() -> None:
    parameters = Parameters(typed)
    bound = parameters.bind((1, "t", Color.RED, None, [], "r", None, 1, None, None, 0.5, True, "7", 8), {"extra": "2"})

    result = parameters.validate(bound)

    assert (result["rest"], result["more"]) == ((7, 8), {"extra": 2.0})


def test_every_wrong_value_has_its_line() -> None:
    with pytest.raises(ParameterTypeError) as failed:
        validated(whole="x", point={"x": "y"}, plain=3, extra="z")

    lines = str(failed.value).split("\n")
    assert lines[0] == "Flow run received invalid parameters:"
    assert lines[1].startswith(" - whole: Input should be a valid integer")
    assert lines[2].startswith(" - point.x: Input should be a valid integer")
    assert lines[3].startswith(" - plain: Input should be an instance of Plain")
    assert lines[4].startswith(" - more.extra: Input should be a valid number")


def test_an_instance_is_handed_on_as_it_is() -> None:
    point, plain, sizes = Point(x=1), Plain(), [Size(1)]

    result = validated(point=point, plain=plain, sizes=sizes)

    assert result["point"] is point
    assert result["plain"] is plain
    assert result["sizes"][0] is sizes[0]


def test_a_default_is_not_validated() -> None:
    assert validated()["text"] is None


def test_an_annotation_of_no_type_is_left_alone() -> None:
    def odd(x: int, y: int, z: object) -> None: ...

    odd.__annotations__.update(x=5, y="not python!")
    parameters = Parameters(odd)

    assert parameters.validate({"x": "a", "y": "b", "z": "c"}) == {"x": "a", "y": "b", "z": "c"}


def free(a: Any, b: object = 1) -> None: ...


def test_only_annotations_that_say_something_need_validation() -> None:
    assert not Parameters(lambda a, *b, c=1, **d: None).needs_validation
    assert not Parameters(free).needs_validation
    assert Parameters(fetch).needs_validation


def test_plain_values_of_their_plain_types_do_not_import_pydantic() -> None:
    program = """
import sys
from typing import Any, Optional
from segue.parameters import Parameters, record
def flow(x: int, y: "str" = "a", z: Optional[float] = None, *rest: int, w: Any = 1, u: list = (), **more: int): ...
parameters = Parameters(flow)
bound = parameters.bind((3, "b", 1.5, 4), {"w": object(), "u": [1], "k": 2})
assert parameters.validate(bound) is bound
record(bound)
print("pydantic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"


# --- the record ---


class Unreadable(dict[str, int]):
    def values(self) -> Any:
        raise OSError("the database is gone")


class Broken(pydantic.BaseModel):
    @pydantic.model_serializer
    def fail(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        ((1, (2,)), [1, [2]]),
        ({"$tuple": 1}, {"$tuple": 1}),
        ({1: {2: 3}}, {"1": {"2": 3}}),
        (Point(x=1), {"x": 1, "secret": "**********"}),
        ([Size(1), Box(2)], [{"width": 1}, {"height": 2}]),
        (Color.RED, "red"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (timedelta(minutes=1), 60.0),
        (Decimal("1.50"), "1.50"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Path("a/b"), "a/b"),
        ([float("nan"), float("-inf")], ["NaN", "-Infinity"]),
        (2**80, 2**80),
        pytest.param(10**5000, "<int of 16610 bits>", id="huge"),
        (b"x", "<bytes>"),
        (Plain(), "<Plain>"),
        ([Plain()], ["<Plain>"]),
        (Broken(), "<Broken>"),
        (Unreadable(a=1), "<Unreadable>"),
        (print, "<builtin_function_or_method>"),
        pytest.param("lone \ud800", "lone \\ud800", id="surrogate"),
    ],
)
def test_a_value_is_shown_as_json(value: Any, shown: Any) -> None:
    assert json.loads(record({"x": value})) == {"x": shown}


def test_what_is_left_out_is_told() -> None:
    circle: list[Any] = []
    circle.append(circle)

    shown = json.loads(record({"text": "a" * 10_000_200, "many": [object()] * 100_000, "circle": circle, "x": 1}))

    assert shown["text"] == "a" * 200 + "<… 10 MB left out>"
    assert shown["many"] == shown["circle"] == f"<list … more than {round(VALUE_CAP / 1000)} kB left out>"
    assert shown["x"] == 1


def test_all_values_together_are_bounded() -> None:
    text = record({f"p{number}": "a" * 60_000 for number in range(20)})

    assert len(text) < TOTAL_CAP + 2_000
    assert json.loads(text)["p19"] == "<… 60 kB left out>"


texts = st.text(st.characters() | st.sampled_from("\ud800\udfff\0$"))


@settings(deadline=None)
@given(st.dictionaries(texts, st.floats() | texts | st.binary()))
def test_a_record_is_always_strict_json(parameters: dict[str, Any]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert isinstance(json.loads(record(parameters), parse_constant=refuse), dict)

"""The template language."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue_notifiers.errors import InvalidTemplate
from segue_notifiers.messages import Template
from segue_notifiers.messages.filters import MAX_TEXT

NOON = 1_764_072_000_000_000
VALUES: dict[str, Any] = {
    "flow_run": {"name": "brave-otter", "tags": ["etl", "eu"], "parameters": {"my day": 3, "none": None, "on": True}},
    "event": {"occurred": NOON, "payload": {"error": {"message": "no such day"}, "lines": "a\nb"}},
}


def rendered(text: str) -> str:
    written, flaw = Template.parse(text).render(VALUES)
    assert flaw == ""
    return written


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("plain { text } with }} and {# no #} marks", "plain { text } with }} and {# no #} marks"),
        ("{{ flow_run.name }}", "brave-otter"),
        ("{{flow_run.name}}/{{  event.payload.error.message  }}", "brave-otter/no such day"),
        ("{{ flow_run.tags.1 }}", "eu"),
        ('{{ flow_run.parameters."my day" }}', "3"),
        ("{{ flow_run.parameters.on }}{{ flow_run.parameters.none }}", "true"),
        ("{{ flow_run.tags }}", '["etl","eu"]'),
        ('{{ "{{" }} {{ \'a "quote" and \\\'\' }}', '{{ a "quote" and \''),
        ("{{ flow_run.name | upper }}", "BRAVE-OTTER"),
        ("{{ flow_run.name | upper | lower | truncate: 6 }}", "brave…"),
        ("{{ event.payload.error.message | title }}", "No Such Day"),
        ('{{ "  a " | trim }}', "a"),
        ("{{ flow_run.tags | join }} {{ flow_run.tags | join: '+' }}", "etl, eu etl+eu"),
        ("{{ flow_run.tags | length }} {{ flow_run.name | length }}", "2 11"),
        ("{{ flow_run.nothing.at.all | default: 'none' }}", "none"),
        ("{{ flow_run.nothing | upper | default: 7 }}", "7"),
        ("{{ flow_run.parameters.none | default: '-' }}", "-"),
        (
            "{{ flow_run.name | json }} {{ flow_run.parameters | json }}",
            '"brave-otter" {"my day":3,"none":null,"on":true}',
        ),
        ("{{ flow_run.tags | json: 2 }}", '[\n  "etl",\n  "eu"\n]'),
        ("{{ event.occurred | date }}", "2025-11-25 12:00:00 UTC"),
        ('{{ event.occurred | date: "%H:%M", "Europe/Berlin" }}', "13:00"),
        ("{{ '2026-06-01T12:00:00' | date: '%d.%m. %H:%M', 'Europe/Berlin' }}", "01.06. 14:00"),
        ("{{ 'a b/c?' | url }}", "a%20b%2Fc%3F"),
        ("{{ event.payload.lines | indent: 2 }}", "  a\n  b"),
        ("{{ event.payload.lines | code }}", "a\nb"),
        ("", ""),
    ],
)
def test_what_a_template_writes(template: str, written: str) -> None:
    assert rendered(template) == written


@pytest.mark.parametrize(
    ("template", "place", "why"),
    [
        ("{{ flow_run.name | uper }}", "line 1, column 20", "did you mean 'upper'?"),
        ("a\nb {{ name(3) }}", "line 2, column 10", "nothing can be called"),
        ("{% for x in y %}", "line 1, column 1", "no loops and no conditions"),
        ("{{ name", "line 1, column 8", "not closed"),
        ("{{", "line 1, column 3", "not closed"),
        ("{{ }}", "line 1, column 4", "write the name of a value"),
        ("{{ 3 }}", "line 1, column 4", "write the name of a value"),
        ("{{ a b }}", "line 1, column 6", "write | and a filter"),
        ("{{ a. }}", "line 1, column 7", "after a dot"),
        ("{{ a.-1 }}", "line 1, column 6", "after a dot"),
        ("{{ a | }}", "line 1, column 8", "write a filter"),
        ("{{ 'a }}", "line 1, column 4", "not closed"),
        ("{{ a + b }}", "line 1, column 6", "'+' cannot stand"),
        ("{{ a | truncate }}", "line 1, column 8", "needs a number"),
        ("{{ a | truncate: 'x' }}", "line 1, column 8", "needs a number"),
        ("{{ a | truncate: 0 }}", "line 1, column 8", "above 0"),
        ("{{ a | truncate: b }}", "line 1, column 18", "a number"),
        ("{{ a | upper: 3 }}", "line 1, column 8", "takes no arguments"),
        ("{{ a | join: ',', ';' }}", "line 1, column 8", "at most 1"),
        ("{{ a | indent: 41 }}", "line 1, column 8", "0 to 40"),
        ("{{ a | date: '%9999999d' }}", "line 1, column 8", "format"),
        ("{{ a | date: '%Y', 'Mars/Olympus' }}", "line 1, column 8", "time zone"),
        ("{{ a | date: '%Y', '../../etc/passwd' }}", "line 1, column 8", "time zone"),
        ("{{ a | code | upper }}", "line 1, column 13", "no other filter"),
        ("{{ a" + ".b" * 20 + " }}", "line 1", "at most 20 names"),
        ("{{ a " + "| trim" * 11 + " }}", "line 1", "at most 10 filters"),
        ("{{ a }} " * 201, "line 1", "at most 200 expressions"),
    ],
)
def test_a_mistake_is_told_with_its_place(template: str, place: str, why: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        Template.parse(template)

    assert place in str(caught.value)
    assert why in str(caught.value)


def test_a_template_is_not_endless() -> None:
    with pytest.raises(InvalidTemplate, match="64,001 characters"):
        Template.parse("x" * 64_001)


def test_values_begin_with_a_known_name_where_names_are_given() -> None:
    Template.parse("{{ flow_run.name }}", ["flow_run"])

    with pytest.raises(InvalidTemplate, match="no value 'flowrun'; did you mean 'flow_run'"):
        Template.parse("{{ flowrun.name }}", ["flow_run"])


def test_an_unknown_value_is_a_flaw_and_leaves_a_gap() -> None:
    written, flaw = Template.parse("a {{ flow_run.nme }} b").render(VALUES)

    assert written == "a  b"
    assert flaw == "flow_run.nme at line 1, column 6 is not known."


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ flow_run.name | date }}", "not an instant"),
        ("{{ flow_run.name | join }}", "not a list"),
        ("{{ event.occurred | length }}", "no length"),
        ("{{ flow_run.tags.2 }}", "not known"),
        ("{{ flow_run.name.0 }}", "not known"),
    ],
)
def test_a_value_that_does_not_fit_is_a_flaw(template: str, why: str) -> None:
    assert why in Template.parse(template).render(VALUES)[1]


@pytest.mark.parametrize("path", ["name.__class__", "it.secret", "it.__init__.__globals__", "name.upper"])
def test_attributes_of_objects_are_out_of_reach(path: str) -> None:
    class It:
        secret = "t0p"

    written, flaw = Template.parse(f"{{{{ {path} }}}}").render({"name": "x", "it": It()})

    assert written == ""
    assert "is not known" in flaw


def test_an_object_is_written_as_its_type() -> None:
    assert Template.parse("{{ it }}").render({"it": object()}) == ("<object>", "")


def test_what_is_too_long_is_cut_and_said() -> None:
    written, flaw = Template.parse("{{ x }}{{ x }}{{ x }}").render({"x": "y" * 10_000_000})

    assert len(written) == MAX_TEXT
    assert "longer than 64,000" in flaw


def test_filters_cannot_blow_a_value_up() -> None:
    template = "{{ x " + "| indent: 40" * 10 + "}}"

    assert len(Template.parse(template).render({"x": "\n" * 60_000})[0]) <= MAX_TEXT


FRAGMENTS = st.sampled_from(
    ["{{", "}}", " ", ".", "|", ":", ",", "a", "b.c", "'x'", '"', "3", "upper", "date", "join", "default", "code", "{%",
     "truncate: 2", "\n", "é", "(", "json", "indent", "length"]
)  # fmt: skip
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(template=st.lists(FRAGMENTS, max_size=12).map("".join) | st.text(), a=DATA, c=DATA)
@example(template="{{ a | date }}", a=10**30, c=None)
@example(template="{{ a | date }}", a=float("nan"), c=None)
@example(template="{{ a | json: 2 }}", a=2**70, c=None)
def test_any_text_is_a_template_or_a_clear_mistake(template: str, a: Any, c: Any) -> None:
    """Nothing but InvalidTemplate comes of reading, and nothing at all of rendering."""
    try:
        read = Template.parse(template)
    except InvalidTemplate:
        return
    written, flaw = read.render({"a": a, "b": {"c": c}})

    assert isinstance(written, str)
    assert isinstance(flaw, str)


@given(st.text().filter(lambda text: "{{" not in text and "{%" not in text))
def test_a_text_without_marks_is_written_as_it_is(text: str) -> None:
    assert Template.parse(text).render({}) == (text, "")

"""Grouping: by which values a rule tells its news apart."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from segue_notifiers.firing import News
from segue_notifiers.rules.glob import Globs

Group = tuple[str, ...]

# Values longer than this are told apart by a digest, so that no payload fills the memory with its groups.
MAX_VALUE = 200

PLAIN_FACETS: Mapping[str, Callable[[News], str]] = {
    "subject": lambda news: news.event.subject,
    "run": lambda news: news.event.run,
    "flow": lambda news: news.subject.flow,
    "deployment": lambda news: news.subject.deployment,
}
DOTTED_FACETS = ("tag", "label", "payload")


def grouping(for_each: tuple[str, ...]) -> Callable[[News], Group]:
    """Return the function from news to the values of `for_each`, "" where the news have none."""
    values = [_value(facet) for facet in for_each]
    return lambda news: tuple([_bounded(value(news)) for value in values])


def _value(facet: str) -> Callable[[News], str]:
    noun, _, rest = facet.partition(".")
    if noun == "tag":
        tags = Globs((rest,))
        return lambda news: ",".join(sorted(filter(tags.fit, news.subject.tags)))
    if noun == "label":
        return lambda news: news.subject.labels.get(rest, "")
    if noun == "payload":
        path = rest.split(".")
        return lambda news: _text(_at(news.event.payload, path))
    return PLAIN_FACETS[facet]


def _at(payload: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(payload, dict):
            return None
        payload = cast("dict[str, Any]", payload).get(name)
    return payload


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _bounded(value: str) -> str:
    if len(value) <= MAX_VALUE:
        return value
    digest = hashlib.sha256(value.encode(errors="replace")).hexdigest()[:16]
    return f"{value[: MAX_VALUE - 20]}… {digest}"

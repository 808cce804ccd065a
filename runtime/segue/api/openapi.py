"""The OpenAPI document: made from the table of routes and the wire types, which are all that it says."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from segue.api.types import API_VERSION, ProblemBody
from segue.version import __version__

__all__ = ("Described", "document")

_JSON, _PROBLEM = "application/json", "application/problem+json"
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, as `segue api-key create` prints it."},
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-segue", "description": "The login of the page."},
}


class Described(Protocol):
    """What the document tells of a route: see Route of the server."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def scope(self) -> Any: ...
    @property
    def summary(self) -> str: ...
    @property
    def answer(self) -> Any: ...
    @property
    def query(self) -> type[msgspec.Struct]: ...
    @property
    def body(self) -> Any: ...
    @property
    def status(self) -> int: ...
    @property
    def tag(self) -> Any: ...
    @property
    def media(self) -> tuple[str, ...]: ...


def document(routes: Sequence[Described]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these routes; websockets, for which it has no words, are left out."""
    told = [route for route in routes if route.method.isalpha() and route.method != "WEBSOCKET"]
    named = [ProblemBody, *(kind for route in told for kind in (route.answer, route.body) if kind is not None)]
    schemas, components = msgspec.json.schema_components(named, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(map(repr, named), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in told:
        path = route.path.replace(":path}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "segue", "version": __version__, "x-api": API_VERSION},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def _operation(route: Described, path: str, by_type: Mapping[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{path.replace('/', '_').replace('{', '').replace('}', '')}",
        "summary": route.summary,
        "parameters": [*_in_path(path), *_in_query(route.query, components), *_in_headers(route)],
        "responses": _responses(route, by_type),
        "security": [] if route.scope is None else [{"key": []}, {"session": []}],
    }
    if route.scope is not None:
        operation["x-scope"] = str(route.scope.name).lower()
    if route.body is not None:
        operation["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(route.body)),
            "content": {_JSON: {"schema": by_type[repr(route.body)]}},
        }
    return operation


def _responses(route: Described, by_type: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in route.media}
    if route.answer is not None:
        content[_JSON] = {"schema": by_type[repr(route.answer)]}
    responses: dict[str, Any] = {
        str(route.status): {"description": route.summary} | ({"content": content} if content else {}),
        "default": {
            "description": "What went wrong, and what to do about it.",
            "content": {_PROBLEM: {"schema": by_type[repr(ProblemBody)]}},
        },
    }
    if route.tag is not None:
        responses["304"] = {"description": "What the client has is still what there is."}
    return responses


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(query: type[msgspec.Struct], components: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a parameter for each field of the query's type."""
    fields = msgspec.structs.fields(query)
    schemas, more = msgspec.json.schema_components(
        [field.type for field in fields], ref_template="#/components/schemas/{name}"
    )
    components.update(more)
    return [
        {"name": field.encode_name, "in": "query", "required": field.required, "schema": _without_null(schema)}
        for field, schema in zip(fields, schemas, strict=True)
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is left out; there is no way to write that it is null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return kinds[0]
    if None in schema.get("enum", ()):
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}
    return schema


def _in_headers(route: Described) -> list[dict[str, Any]]:
    schema: dict[str, Any]
    if route.method == "POST":
        name, schema = "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 200}
        why = "The same request under the same key is done once, within 24 hours."
    elif route.tag is not None:
        name, schema, why = "If-None-Match", {"type": "string"}, "The ETag of the answer that the client has."
    else:
        return []
    return [{"name": name, "in": "header", "required": False, "schema": schema, "description": why}]

"""`/api/openapi.json` and `/api/docs`: the API told by itself, as JSON and as a page that loads nothing foreign."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import blake2b
from typing import Any

from flask import Flask, Response, render_template, request
from markupsafe import Markup, escape

from api.auth import needs
from api.file_format import FileFormat
from api.principal import Permission
from api.problems import ProblemApi
from api.services import services
from shared.wire import encode

DESCRIPTION = (
    "Builds of every CI system in one place. Instants are RFC 3339 in UTC; durations are seconds; `id` is ours, "
    "`external_id` the provider's. Lists are paged: send `next_cursor` back as `cursor`, or follow `Link: rel=next`. "
    "Reads carry an ETag and answer `If-None-Match` with 304. Errors are problems (RFC 9457) that say what was wrong "
    "and what would be right. Live events come by WebSocket at `/ws`."
)

_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "a key made with `observatory key create`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "observatory_session", "description": "see /api/session"},
}

# What narrows a list comes first, how it is cut into pages last.
_LAST = ("since", "until", "format", "limit", "cursor")

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


def register(app: Flask, api: ProblemApi) -> None:
    """Add the description and the page made from it."""

    @cache
    def spec() -> dict[str, Any]:
        return _complete(app, api.spec.to_dict())

    @needs(Permission.READ)
    def openapi() -> Response:
        return _cacheable(encode(spec()), "application/json")

    @needs(Permission.PUBLIC)
    def page() -> Response:
        return _cacheable(_render(spec()).encode(), "text/html; charset=utf-8")

    app.add_url_rule("/api/openapi.json", "openapi", openapi)
    app.add_url_rule("/api/docs", "docs", page)
    needs(Permission.PUBLIC)(app.view_functions["static"])
    app.jinja_env.filters["prose"] = prose


def prose(text: str) -> Markup:
    """Plain text with `code` in backticks and paragraphs, as HTML."""
    return Markup("").join(
        Markup("<p>{}</p>").format(Markup("").join(_spans(part.strip())))
        for part in re.split(r"\n\s*\n", text)
        if part.strip()
    )


def _spans(paragraph: str) -> Iterator[Markup]:
    for place, part in enumerate(paragraph.split("`")):
        yield Markup("<code>{}</code>").format(part) if place % 2 else escape(part)


def type_words(schema: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """A schema's type in words, each with the name of the shape it links to, if it is one."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield name, name
    elif "allOf" in schema or "anyOf" in schema:
        for place, part in enumerate(schema.get("allOf") or schema["anyOf"]):
            if place:
                yield " or ", None
            yield from type_words(part)
    elif schema.get("type") == "array":
        yield "list of ", None
        yield from type_words(schema.get("items", {}))
    else:
        kinds = schema.get("type", "anything")
        words = " or ".join([kinds] if isinstance(kinds, str) else kinds)
        yield "instant".join(words.split("string")) if schema.get("format") == "date-time" else words, None


def _complete(app: Flask, spec: dict[str, Any]) -> dict[str, Any]:
    """What smorest does not know: who may, and a name for each operation."""
    spec["info"]["description"] = DESCRIPTION
    spec["components"]["securitySchemes"] = _SECURITY
    spec["components"]["schemas"].pop("PaginationMetadata", None)
    for rule in app.url_map.iter_rules():
        path = spec["paths"].get(_PARAMETER.sub(r"{\1}", rule.rule), {})
        permission = app.view_functions[rule.endpoint].__dict__["permission"]
        for method in (rule.methods or set()) & {key.upper() for key in path}:
            operation = path[method.lower()]
            operation.get("parameters", []).sort(key=_place)
            operation["operationId"] = rule.endpoint.rpartition(".")[2]
            _add_files(operation)
            is_public = permission is Permission.PUBLIC
            scope = Permission.READ if permission is Permission.BADGE else permission
            operation["security"] = [] if is_public else [{name: [str(scope)]} for name in _SECURITY]
    return spec


def _add_files(operation: dict[str, Any]) -> None:
    """A list that may be had as a file says so, behind what its page looks like."""
    if any(parameter["name"] == "format" for parameter in operation.get("parameters", [])):
        forms = (form for form in FileFormat if form is not FileFormat.JSON)
        content = operation["responses"]["200"]["content"]
        content |= {form.content_type.partition(";")[0]: {"schema": {"type": "string"}} for form in forms}


def _place(parameter: dict[str, Any]) -> int:
    return _LAST.index(parameter["name"]) if parameter["name"] in _LAST else -1


def _render(spec: dict[str, Any]) -> str:
    operations = [
        {"path": path, "method": method, "parameters": [*item.get("parameters", []), *operation.get("parameters", [])]}
        | {key: value for key, value in operation.items() if key != "parameters"}
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "delete", "patch"}
    ]
    schemas = spec["components"]["schemas"]
    return render_template(
        "docs.html",
        spec=spec,
        tags=[(tag, [op for op in operations if tag["name"] in op["tags"]]) for tag in spec["tags"]],
        schemas=schemas,
        base_url=services().config.server.base_url,
        type_words=type_words,
        resolve=_resolver(schemas),
    )


def _resolver(schemas: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def resolve(schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = schemas.get(name, schema)
        return found

    return resolve


def _cacheable(body: bytes, content_type: str) -> Response:
    etag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.if_none_match.contains_weak(etag[3:-1]):
        return Response(status=304, headers=headers)
    return Response(body, headers=headers, content_type=content_type)

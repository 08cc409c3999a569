"""Reading requests: unknown, repeated and malformed parts are refused in words, never passed over in silence."""

from collections.abc import Callable
from typing import Any

import flask
import orjson
from flask import Response
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, missing
from webargs.flaskparser import FlaskParser, is_json_request
from webargs.multidictproxy import MultiDictProxy

from api.problems import Problem
from api.schemas import known_names


class Parser(FlaskParser):
    """webargs that refuses what it does not know, in the query too, and reads JSON with bounded depth."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 (webargs' own)
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "json": RAISE,
    }

    def load_querystring(self, req: flask.Request, schema: Schema) -> Any:
        """The query; a parameter given twice is only accepted where several values are."""
        query = MultiDictProxy(req.args, schema)
        twice = {name for name, values in req.args.lists() if len(values) > 1} - query.multiple_keys
        if twice and twice & set(known_names(schema)):
            message = "is given more than once; give it once"
            errors = [{"in": "query", "field": name, "message": message} for name in sorted(twice)]
            raise Problem(422, f"{', '.join(sorted(twice))}: {message}", errors=errors)
        return query

    def _raw_load_json(self, req: flask.Request) -> Any:
        """The body; none is an empty document, and any other type than JSON is refused rather than ignored."""
        body = req.get_data(cache=True)
        if not body:
            return missing
        if not is_json_request(req):
            raise Problem(415, "The body must be JSON, sent with Content-Type: application/json.")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, f"The body is not JSON: {error}.") from None


View = Callable[..., Response]
Decorator = Callable[[View], View]


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """A blueprint whose arguments are read by our parser; its decorators are typed, which smorest's are not."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Decorator:
        """Serve a view at an address and document it."""
        found: Decorator = super().route(rule, **options)
        return found

    def arguments(self, schema: Schema | type[Schema], **options: Any) -> Decorator:
        """Read the query or the body by a schema and pass it to the view."""
        # One instance for all requests: building a schema costs more than loading by it.
        found: Decorator = super().arguments(schema() if isinstance(schema, type) else schema, **options)
        return found

    def response(self, status: int, schema: type[Schema] | None = None, **options: Any) -> Decorator:
        """Document an answer; the view makes it itself."""
        found: Decorator = super().response(status, schema, **options)
        return found

    def alt_response(self, status: int, **options: Any) -> Decorator:
        """Document another answer."""
        found: Decorator = super().alt_response(status, **options)
        return found

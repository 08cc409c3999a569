"""Every error as a problem (RFC 9457) that names the parameter and says what would be accepted."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_smorest import Api
from marshmallow import Schema, fields
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from shared.log.redaction import redact
from shared.wire import encode

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""After how long to try again when the database is away."""

_SLOW = "57014"
_UNMIGRATED = frozenset({"42P01", "42703", "3F000"})
# Connection trouble, too few resources, an operator at work (57P01-03), a standby that is read-only.
_AWAY = ("08", "53", "57P", "25006", "3D000", "28")

_WORDS = {
    404: "Nothing is at this address. GET /api/docs lists what there is.",
    405: "This address does not take {method}; it takes {allowed}.",
    413: "The body is larger than the 64 KB accepted here.",
    415: "The body must be JSON, sent with Content-Type: application/json.",
    500: "Something went wrong here, not with your request. The server's log has it under the request id.",
}


class Problem(HTTPException):
    """An error with words of ours: `errors` tells which part of the request, and what it should be.

    `more` are members of its own that the document has besides.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = status
        self.errors = errors or []
        self.more = dict(more or {})
        self.headers = dict(headers or {})


def wrong(location: str, field: str, message: str) -> Problem:
    """422: one part of the request has a value that cannot be meant."""
    return Problem(422, f"{field}: {message}", errors=[{"in": location, "field": field, "message": message}])


def not_found(what: str, identity: object) -> Problem:
    """404 for a thing of ours."""
    return Problem(404, f"There is no {what} {identity}.")


class ProblemSchema(Schema):
    """RFC 9457 problem details."""

    type = fields.String(metadata={"description": "`about:blank`: the status says what kind of problem it is"})
    title = fields.String(metadata={"description": "the status in words"})
    status = fields.Integer()
    detail = fields.String(metadata={"description": "what was wrong and what would be right"})
    instance = fields.String(metadata={"description": "the path asked for"})
    request_id = fields.String(metadata={"description": "the id under which the server's log has this request"})
    errors = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "each wrong part: `in` (query, json, header), `field`, `message`"},
    )


class ProblemApi(Api):  # type: ignore[misc]
    """flask-smorest that answers and documents its errors as problems."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        """Document error responses as what they are: smorest would call them application/json."""
        phrases = [(status.name, status.phrase, status >= 400) for status in HTTPStatus]
        for name, phrase, is_error in [*phrases, ("DEFAULT_ERROR", "A problem", True)]:
            response: dict[str, Any] = {"description": phrase}
            if is_error:
                response["content"] = {CONTENT_TYPE: {"schema": self.ERROR_SCHEMA}}
            self.spec.components.response(name, response, lazy=True)

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer an error raised on purpose, by us, by Flask or by the argument parser."""
        return problem_response(error)


def register(app: Flask) -> None:
    """Answer everything else that can be raised: the database being away, and what nobody expected."""
    app.register_error_handler(DBAPIError, _on_database_error)
    app.register_error_handler(PoolTimeout, _on_database_error)
    app.register_error_handler(Exception, _on_unexpected)


def problem_response(error: HTTPException) -> Response:
    """The problem document of an error, with the headers the error brings (Allow, Retry-After)."""
    status = error.code or 500
    errors = error.errors if isinstance(error, Problem) else list(_parser_errors(error))
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _detail(error, status, errors),
        "instance": redact(request.path),
        "request_id": g.get("request_id"),
    }
    document |= {"errors": errors} if errors else {}
    document |= error.more if isinstance(error, Problem) else {}
    response = Response(encode(document), status, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    return response


def _detail(error: HTTPException, status: int, errors: list[dict[str, str]]) -> str:
    if isinstance(error, Problem):
        return error.description or ""
    if errors:
        return "; ".join(f"{part['field']}: {part['message']}" if part["field"] else part["message"] for part in errors)
    if status in _WORDS:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
        return _WORDS[status].format(method=request.method, allowed=allowed)
    return error.description or HTTPStatus(status).phrase


def _parser_errors(error: HTTPException) -> Iterator[dict[str, str]]:
    """What the argument parser found, flattened: one entry for each wrong part."""
    for location, parts in (getattr(error, "data", None) or {}).get("messages", {}).items():
        for field, message in _flatten("", parts):
            yield {"in": location, "field": field, "message": message}


def _flatten(path: str, found: object) -> Iterator[tuple[str, str]]:
    match found:
        case dict():
            for key, value in found.items():
                step = "" if key == "_schema" else str(key)
                yield from _flatten(".".join(filter(None, (path, step))), value)
        case list():
            for value in found:
                yield from _flatten(path, value)
        case _:
            yield path, str(found)


def _on_database_error(error: Exception) -> Response:
    """503 while the database is away, too slow for this question, or not migrated; anything else is our mistake."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if state == _SLOW:
        words = "This question took the database longer than 3 s. Narrow it: a later since, a pipeline, a repository."
    elif state in _UNMIGRATED:
        words = "The database's schema is not the one this version needs. Run: observatory migrate"
    elif state.startswith(_AWAY) or (not state and isinstance(error, OperationalError | InterfaceError | PoolTimeout)):
        words = "The database cannot be reached or is overloaded; collected builds are safe. Try again shortly."
    else:
        return _on_unexpected(error)
    log.warning("database unavailable", path=request.path, sqlstate=state or None, error=type(error).__name__)
    return problem_response(Problem(503, words, headers={"Retry-After": str(RETRY_SECONDS)}))


def _on_unexpected(error: Exception) -> Response:
    """The last resort, at the edge of one request: logged whole, answered without a word of what it was."""
    if isinstance(error, HTTPException):
        return problem_response(error)
    log.error("request failed", path=request.path, method=request.method, exc_info=error)
    return problem_response(InternalServerError())

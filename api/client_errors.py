"""`/api/client-errors`: what went wrong in a page that somebody looked at; nobody here would know of it otherwise."""

import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from marshmallow import ValidationError, fields

from api.auth import needs
from api.fields import OneOf, Parsed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem
from api.schemas import NoQuery, Refusing, about
from api.throttle import Throttle

MOST_A_MINUTE = 60
"""So many may be told from one address: anyone may tell them, and a page can fail with every picture it draws."""

MOST_REMEMBERED = 500

_NAME = "client_errors"

log = structlog.get_logger()

blueprint = ApiBlueprint(
    "client_errors", __name__, url_prefix="/api/client-errors", description="What went wrong in the dashboard"
)


class PageErrorKind(StrEnum):
    """Where in a page it was caught; few and fixed, because every one is a label for ever."""

    RENDER = "render"
    SCRIPT = "script"
    PROMISE = "promise"
    REQUEST = "request"
    STREAM = "stream"
    WORKER = "worker"
    OTHER = "other"


class Told(Parsed, fields.String):
    """Text of a page: cut rather than refused, on one line, and without what a terminal would obey."""

    def __init__(self, longest: int, description: str, **options: Any) -> None:
        self.longest = longest
        super().__init__(metadata=about(f"{description}; the first {longest} characters are kept"), **options)

    def parse(self, value: object) -> str:
        """What can be printed of it."""
        if not isinstance(value, str):
            raise ValidationError("must be text")
        kept = "".join(character if character.isprintable() else " " for character in value[: 2 * self.longest])
        return " ".join(kept.split())[: self.longest]


class PageErrorBody(Refusing):
    """One error of a page."""

    message = Told(500, "what the browser says of it", required=True)
    where = Told(200, "the file and line, or the part of the page", required=True)
    view = Told(200, "which view was open", required=True)
    kind = OneOf(
        [str(kind) for kind in PageErrorKind],
        load_default=str(PageErrorKind.OTHER),
        metadata=about("where in the page it was caught"),
    )
    stack = Told(2000, "the calls that led there", load_default=None)
    user_agent = Told(300, "the browser; its `User-Agent` unless said", load_default=None)


@dataclass(frozen=True, slots=True)
class Record:
    """What this process was told: how often of each kind, and which were logged lately."""

    counts: Counter[str] = field(default_factory=lambda: Counter({str(kind): 0 for kind in PageErrorKind}))
    throttle: Throttle = field(default_factory=lambda: Throttle(most=MOST_A_MINUTE))
    logged: OrderedDict[tuple[str, ...], None] = field(default_factory=OrderedDict)

    def add(self, kind: str, *words: str) -> bool:
        """Count one; whether it is news, and not what is being told all the time."""
        self.counts[kind] += 1
        known = (kind, *words) in self.logged
        self.logged[kind, *words] = None
        self.logged.move_to_end((kind, *words))
        if len(self.logged) > MOST_REMEMBERED:
            self.logged.popitem(last=False)
        return not known


def register(app: Flask) -> None:
    """Give an application its record."""
    app.extensions[_NAME] = Record()


def counts() -> Mapping[str, int]:
    """How often something of each kind went wrong, as this process was told."""
    return _record().counts


@blueprint.route("", methods=["POST"])
@needs(Permission.PUBLIC)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(PageErrorBody)
@blueprint.response(204)
def tell_client_error(_: dict[str, Any], body: dict[str, Any]) -> Response:
    """Tell of an error in a page of ours, once for each.

    It is logged when it is new and counted in `observatory_client_errors_total`. 429 after sixty a minute.
    """
    _throttle()
    if _record().add(body["kind"], body["message"], body["where"]):
        told = body | {"user_agent": body["user_agent"] or request.user_agent.string[:300]}
        log.warning("page failed", **{name: value for name, value in told.items() if value})
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _throttle() -> None:
    throttle, address, now = _record().throttle, request.remote_addr or "", time.monotonic()
    if wait := throttle.wait_seconds(address, now):
        words = f"This address told of {MOST_A_MINUTE} errors within a minute; they are known by now."
        raise Problem(429, words, headers={"Retry-After": str(wait)})
    throttle.count(address, now)


def _record() -> Record:
    found = current_app.extensions[_NAME]
    assert isinstance(found, Record)  # noqa: S101 (put there by `register`, above)
    return found

"""`/api/errors`: what went wrong while collecting, by source and kind."""

from datetime import datetime
from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.fields import Instant
from api.fresh import staleness
from api.paging import decode_cursor, split_page
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import ScopedPageQuery, about, scope_of
from api.services import read
from api.shapes import CollectorErrorsSchema
from shared import collector_errors

blueprint = ApiBlueprint("errors", __name__, url_prefix="/api/errors", description="What went wrong while collecting")


class ErrorsQuery(ScopedPageQuery):
    """A page of errors, narrowed to installations and to what happened since."""

    since = Instant(metadata={**about("seen at this instant or later"), "type": "string", "format": "date-time"})


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(ErrorsQuery(exclude=("repo", "repository")), location="query")
@blueprint.response(200, CollectorErrorsSchema)
def list_errors(query: dict[str, Any]) -> Response:
    """List errors of collecting by source and kind, the one seen last first.

    `count` is of all time, whatever `since` says; `example` is the latest sentence. What was put aside in quarantine
    is counted too.
    """
    scope, limit = scope_of(query), query["limit"]
    after = decode_cursor("errors", (datetime, str), query.get("cursor"))
    with read() as opened:
        found = collector_errors.errors(opened.session, scope, limit=limit + 1, since=query.get("since"), after=after)
        stale = staleness(opened.session, scope)
    page, next_cursor = split_page("errors", found, limit, ("last_seen_at", "place"))
    for row in page:
        del row["place"]
    return answer({"errors": page, "next_cursor": next_cursor} | stale, opened.as_of, next_cursor=next_cursor)

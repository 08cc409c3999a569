"""`/api/errors`: what went wrong while collecting, by source and kind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response

from api.auth import needs
from api.fields import Instant
from api.listing import Listing, Part, Position, keyset
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import ScopedPageQuery, about, scope_of
from api.shapes import CollectorErrorSchema, CollectorErrorsSchema
from shared import collector_errors
from shared.reading import Reading

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
    scope = scope_of(query)
    fetch = partial(collector_errors.errors, scope=scope, since=query.get("since"))
    key = {"last_seen_at": datetime, "place": str}
    listing = keyset(key, fetch, name="errors", shape=CollectorErrorSchema, scope=scope)
    return listed(replace(listing, read=_without_place(listing)), query)


def _without_place(listing: Listing) -> Callable[[Reading, int, Position | None], Part]:
    """How the list is read, without the one column that is only there to order it."""

    def read(opened: Reading, limit: int, after: Position | None) -> Part:
        part = listing.read(opened, limit, after)
        return Part([{name: row[name] for name in row if name != "place"} for row in part.rows], part.next)

    return read

"""`/api/events/{pos}/decisions`: why an event was told, to whom, or why not."""

from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.alert_shapes import DecisionsSchema, RouteDecisionSchema
from api.answers import answer
from api.auth import needs
from api.exports import exported
from api.listing import items, whole
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import FileQuery
from api.services import read
from shared import alert_queries
from shared.rows import Row

blueprint = ApiBlueprint("decisions", __name__, url_prefix="/api/events", description="Why somebody was told, or not")


@blueprint.route("/<id:pos>/decisions")
@needs(Permission.READ)
@blueprint.arguments(FileQuery, location="query")
@blueprint.response(200, DecisionsSchema)
def list_decisions(query: dict[str, Any], pos: int) -> Response:
    """Show what was decided about an event: every route and receiver, and the reason.

    Of an incident's event this is what was decided about the build's event that caused it.
    """
    listing = whole(lambda session: items(_find(session, pos), "routes"), name="decisions", shape=RouteDecisionSchema)
    if file := exported(listing, query):
        return file
    with read() as opened:
        found = _find(opened.session, pos)
    return answer(found, opened.as_of)


def _find(session: Session, pos: int) -> Row:
    found = alert_queries.event_decisions(session, pos)
    if found is None:
        raise not_found("event", pos)
    return found

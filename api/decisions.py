"""`/api/events/{pos}/decisions`: why an event was told, to whom, or why not."""

from typing import Any

from flask import Response

from api.alert_shapes import DecisionsSchema
from api.answers import answer
from api.auth import needs
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import NoQuery
from api.services import read
from shared import alert_queries

blueprint = ApiBlueprint("decisions", __name__, url_prefix="/api/events", description="Why somebody was told, or not")


@blueprint.route("/<id:pos>/decisions")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, DecisionsSchema)
def list_decisions(_: dict[str, Any], pos: int) -> Response:
    """Show what was decided about an event: every route and receiver, and the reason.

    Of an incident's event this is what was decided about the build's event that caused it.
    """
    with read() as opened:
        found = alert_queries.event_decisions(opened.session, pos)
    if found is None:
        raise not_found("event", pos)
    return answer(found, opened.as_of)

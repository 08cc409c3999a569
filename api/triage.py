"""`/api/triage`: what failed, by what broke, by job, and what it has in common."""

from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.fresh import staleness
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import filter_of
from api.services import read
from api.triage_shapes import TriageQuery, TriageSchema
from shared import metrics
from shared.triage import triage

blueprint = ApiBlueprint("triage", __name__, url_prefix="/api/triage", description="Failures, grouped")


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(TriageQuery, location="query")
@blueprint.response(200, TriageSchema)
def show_triage(query: dict[str, Any]) -> Response:
    """Show the failures of the last 24 hours, or of another window: by incident, by failed job, and by what they share.

    What they share is told by how much larger a pipeline's, a branch's, a runner's, an hour's share of the failures is
    than its share of all verdicts.
    """
    wanted = filter_of(query)
    with read(is_one_snapshot=True) as opened:
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        found = triage(opened.session, wanted, frame, query["timezone"])
        stale = staleness(opened.session, wanted.scope)
    return answer(found | stale, opened.as_of)

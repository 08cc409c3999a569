"""`/api/waterfall`: commits of a branch by pipelines and their jobs."""

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs
from api.fresh import staleness
from api.paging import decode_cursor, encode_cursor
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import scope_of
from api.services import read
from api.waterfall_shapes import WaterfallQuery, WaterfallSchema
from shared.branch_commits import CommitPosition
from shared.scope import Scope
from shared.waterfall import Waterfall, waterfall, waterfall_of

blueprint = ApiBlueprint("waterfall", __name__, url_prefix="/api/waterfall", description="Commits by pipelines")

_CURSOR = "waterfall"


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(WaterfallQuery, location="query")
@blueprint.response(200, WaterfallSchema)
def show_waterfall(query: dict[str, Any]) -> Response:
    """Show what the newest commits of a branch came to in each pipeline and each of its jobs.

    A commit stands where its first build does, so answers neither repeat nor skip one. Where few of many builds are
    on the branch, an answer may hold few commits or none while `next_cursor` says that there is more.
    """
    scope = scope_of(query)
    after = _begins_after(query)
    with read(is_one_snapshot=True) as opened:
        found = _found(opened.session, scope, query, after)
        stale = staleness(opened.session, scope)
    next_cursor = None if found.next is None else encode_cursor(_CURSOR, found.next)
    payload = found.parts | {"next_cursor": next_cursor} | stale
    return answer(payload, opened.as_of, next_cursor=next_cursor)


def _found(session: Session, scope: Scope, query: dict[str, Any], after: CommitPosition | None) -> Waterfall:
    branches = query.get("branch", ())
    if "commit_sha" in query:
        return waterfall_of(session, scope, branches, query["commit_sha"])
    return waterfall(session, scope, branches, limit=query["limit"], after=after)


def _begins_after(query: dict[str, Any]) -> CommitPosition | None:
    """Where the cursor says; without one, at `until`."""
    if position := decode_cursor(_CURSOR, (datetime, str), query.get("cursor")):
        return position
    return (query["until"], "") if "until" in query else None

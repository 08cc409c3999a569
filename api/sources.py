"""`/api/sources` and `/api/collect/trigger`: how fresh we are, and polling now."""

from functools import partial
from typing import Any

import structlog
from flask import Response

from api.auth import needs, principal
from api.listing import keyset
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem, not_found, wrong
from api.schemas import NoQuery, ScopedPageQuery, TriggerBody, scope_of
from api.services import write
from api.shapes import SourceSchema, SourcesSchema, TriggeredSchema
from shared.freshness import sources
from shared.trigger import providers_with_sources, trigger
from shared.wire import encode

log = structlog.get_logger()

blueprint = ApiBlueprint("sources", __name__, url_prefix="/api", description="Freshness, and polling now")


@blueprint.route("/sources")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery(exclude=("repo", "repository")), location="query")
@blueprint.response(200, SourcesSchema)
def list_sources(query: dict[str, Any]) -> Response:
    """List sources: last contact, schedule, request budget left, failures, lag, and which are stale and why.

    Those are among them that are no longer watched (`is_active`), or no longer found by their pattern (`archived_at`).
    """
    scope = scope_of(query)
    fetch = partial(sources, scope=scope)
    return listed(keyset({"id": int}, fetch, start=0, name="sources", shape=SourceSchema, scope=scope), query)


@blueprint.route("/collect/trigger", methods=["POST"])
@needs(Permission.COLLECT)
@blueprint.arguments(NoQuery, location="query")
@blueprint.arguments(TriggerBody, required=False)
@blueprint.response(202, TriggeredSchema)
def trigger_collection(_: dict[str, Any], body: dict[str, Any]) -> Response:
    """Poll sources now, each at most once a minute.

    Without a body every source. Repeated requests are one poll; when all sources asked for were polled on request
    within the last minute, the answer is 429 with the seconds to wait.
    """
    with write() as session:
        done = trigger(session, **body)
        if not done.targets:
            raise _nothing_fits(body, providers_with_sources(session))
    if not done.sources:
        words = f"Polled on request within the last minute; again in {done.rest_seconds} s."
        raise Problem(429, words, headers={"Retry-After": str(done.rest_seconds)})
    log.info("requested poll", sources=done.sources, by=principal().name)
    payload = encode({"sources": done.sources, "requested_at": done.at})
    return Response(payload, 202, {"Cache-Control": "no-store"}, content_type="application/json")


def _nothing_fits(body: dict[str, Any], providers: list[str]) -> Problem:
    """Why no source fits: a thing that is not there, or words that exclude each other."""
    ids = {name: body[name] for name in ("source_id", "pipeline_id", "build_id") if name in body}
    if ids and "provider" not in body and len(ids) == 1:
        ((name, value),) = ids.items()
        return not_found("polled source for the", f"{name.removesuffix('_id')} {value}")
    if "provider" in body and not ids:
        return wrong("json", "provider", f"must be one that is polled: {', '.join(providers) or 'none is'}")
    return Problem(404, "No polled source fits all of that." if body else "There are no sources to poll yet.")

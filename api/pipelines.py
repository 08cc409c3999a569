"""`/api/pipelines`, `/api/projects`, `/api/repositories`, `/api/branches`: what there is, and its health."""

from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.fresh import staleness
from api.paging import decode_cursor, split_page
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import NoQuery, PageQuery, ScopedPageQuery, scope_of
from api.services import read
from api.shapes import BranchesSchema, OnePipelineSchema, PipelinesSchema, ProjectsSchema, RepositoriesSchema
from shared import catalog
from shared.scope import Scope

blueprint = ApiBlueprint("pipelines", __name__, url_prefix="/api", description="What is built, and its health")


@blueprint.route("/projects")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ProjectsSchema)
def list_projects(query: dict[str, Any]) -> Response:
    """List projects."""
    limit = query["limit"]
    with read() as opened:
        rows = catalog.projects(opened.session, limit=limit + 1, after=_after_id("projects", query))
        stale = staleness(opened.session, Scope())
    page, next_cursor = split_page("projects", rows, limit, ("id",))
    return answer({"projects": page, "next_cursor": next_cursor} | stale, opened.as_of, next_cursor=next_cursor)


@blueprint.route("/repositories")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, RepositoriesSchema)
def list_repositories(query: dict[str, Any]) -> Response:
    """List repositories that builds were seen of."""
    limit, after = query["limit"], _after_id("repositories", query)
    with read() as opened:
        rows = catalog.repositories(opened.session, scope_of(query), limit=limit + 1, after=after)
        stale = staleness(opened.session, scope_of(query))
    page, next_cursor = split_page("repositories", rows, limit, ("id",))
    return answer({"repositories": page, "next_cursor": next_cursor} | stale, opened.as_of, next_cursor=next_cursor)


@blueprint.route("/branches")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, BranchesSchema)
def list_branches(query: dict[str, Any]) -> Response:
    """List branches that builds were seen on, those included that the provider has forgotten."""
    limit, after = query["limit"], decode_cursor("branches", (int, str), query.get("cursor"))
    with read() as opened:
        rows = catalog.branches(opened.session, scope_of(query), limit=limit + 1, after=after)
        stale = staleness(opened.session, scope_of(query))
    page, next_cursor = split_page("branches", rows, limit, ("repository_id", "name"))
    return answer({"branches": page, "next_cursor": next_cursor} | stale, opened.as_of, next_cursor=next_cursor)


@blueprint.route("/pipelines")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, PipelinesSchema)
def list_pipelines(query: dict[str, Any]) -> Response:
    """List pipelines, each with its last build and what its newest builds say of its health."""
    scope, limit, after = scope_of(query), query["limit"], _after_id("pipelines", query)
    with read() as opened:
        rows = catalog.pipelines(opened.session, scope, limit=limit + 1, after=after)
        stale = staleness(opened.session, scope)
    page, next_cursor = split_page("pipelines", rows, limit, ("id",))
    payload = {"pipelines": page, "next_cursor": next_cursor} | stale
    return answer(payload, opened.as_of, next_cursor=next_cursor)


@blueprint.route("/pipelines/<id:pipeline_id>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OnePipelineSchema)
def one_pipeline(_: dict[str, Any], pipeline_id: int) -> Response:
    """Show one pipeline, with its last build and its health."""
    with read() as opened:
        found = catalog.pipeline(opened.session, pipeline_id)
        if found is None:
            raise not_found("pipeline", pipeline_id)
        stale = staleness(opened.session, Scope(instance=(str(found["instance"]),)))
    return answer(found | stale, opened.as_of)


def _after_id(kind: str, query: dict[str, Any]) -> int:
    (after,) = decode_cursor(kind, (int,), query.get("cursor")) or (0,)
    return after

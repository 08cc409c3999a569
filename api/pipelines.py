"""`/api/pipelines`, `/api/projects`, `/api/repositories`, `/api/branches`: what there is, and its health."""

from functools import partial
from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.fresh import staleness
from api.listing import keyset
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import DurationsQuery, NoQuery, PageQuery, ScopedPageQuery, scope_of
from api.services import read
from api.shapes import (
    BranchesSchema,
    BranchSchema,
    DurationsSchema,
    OnePipelineSchema,
    PipelineSchema,
    PipelinesSchema,
    ProjectSchema,
    ProjectsSchema,
    RepositoriesSchema,
    RepositorySchema,
)
from shared import catalog
from shared.metrics.usual import lately, usual_durations
from shared.scope import Scope

blueprint = ApiBlueprint("pipelines", __name__, url_prefix="/api", description="What is built, and its health")


@blueprint.route("/projects")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ProjectsSchema)
def list_projects(query: dict[str, Any]) -> Response:
    """List projects."""
    listing = keyset({"id": int}, catalog.projects, start=0, name="projects", shape=ProjectSchema, scope=Scope())
    return listed(listing, query)


@blueprint.route("/repositories")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, RepositoriesSchema)
def list_repositories(query: dict[str, Any]) -> Response:
    """List repositories that builds were seen of."""
    scope = scope_of(query)
    fetch = partial(catalog.repositories, scope=scope)
    return listed(keyset({"id": int}, fetch, start=0, name="repositories", shape=RepositorySchema, scope=scope), query)


@blueprint.route("/branches")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, BranchesSchema)
def list_branches(query: dict[str, Any]) -> Response:
    """List branches that builds were seen on, those included that the provider has forgotten."""
    scope = scope_of(query)
    fetch = partial(catalog.branches, scope=scope)
    return listed(
        keyset({"repository_id": int, "name": str}, fetch, name="branches", shape=BranchSchema, scope=scope), query
    )


@blueprint.route("/pipelines")
@needs(Permission.READ)
@blueprint.arguments(ScopedPageQuery, location="query")
@blueprint.response(200, PipelinesSchema)
def list_pipelines(query: dict[str, Any]) -> Response:
    """List pipelines, each with its last build and what its newest builds say of its health."""
    scope = scope_of(query)
    fetch = partial(catalog.pipelines, scope=scope)
    return listed(keyset({"id": int}, fetch, start=0, name="pipelines", shape=PipelineSchema, scope=scope), query)


@blueprint.route("/pipelines/durations")
@needs(Permission.READ)
@blueprint.arguments(DurationsQuery, location="query")
@blueprint.response(200, DurationsSchema)
def list_durations(query: dict[str, Any]) -> Response:
    """Show how long builds of some pipelines usually take, when they succeed: for a page of builds at once."""
    ids = query["pipeline_id"]
    with read() as opened:
        frame = lately(opened.as_of)
        found = usual_durations(opened.session, ids, frame)
        stale = staleness(opened.session, Scope(pipeline_id=tuple(ids)))
    return answer({"window": frame.as_row, "pipelines": found} | stale, opened.as_of)


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

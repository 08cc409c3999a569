"""`/api/builds`: the list, one build, and what lies under it."""

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs
from api.fresh import staleness
from api.listing import Listing, Part, Position, keyset
from api.lists import listed
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import BuildsQuery, JobsQuery, NoQuery, PageQuery, filter_of
from api.services import read
from api.shapes import BuildSchema, BuildsSchema, EventSchema, EventsSchema, JobSchema, JobsSchema, OneBuildSchema
from shared import build_parts, queries
from shared.reading import Planning, Reading
from shared.scope import Scope

MOST_CHILDREN = 100

blueprint = ApiBlueprint("builds", __name__, url_prefix="/api/builds", description="Builds, their attempts and jobs")


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(BuildsQuery, location="query")
@blueprint.response(200, BuildsSchema)
def list_builds(query: dict[str, Any]) -> Response:
    """List builds, newest first.

    Pages neither repeat nor skip a build while new ones arrive. Every filter takes several values, by comma. Where few
    of many builds fit, a page may be short or even empty while `next_cursor` says that there is more: so far was
    looked. The list ends where `next_cursor` is null.
    """
    wanted = filter_of(query)

    def read_part(opened: Reading, limit: int, after: Position | None) -> Part:
        page = queries.list_builds(opened.session, wanted, limit=limit, after=after)
        return Part(page.rows, page.next)

    position = (datetime, int)
    listing = Listing(name="builds", shape=BuildSchema, position=position, read=read_part, scope=wanted.scope)
    return listed(listing, query)


@blueprint.route("/<id:build_id>")
@needs(Permission.READ)
@blueprint.arguments(NoQuery, location="query")
@blueprint.response(200, OneBuildSchema)
def one_build(_: dict[str, Any], build_id: int) -> Response:
    """Show one build, with all its attempts, its pipeline, the build that started it and those it started."""
    with read(planning=Planning.FOR_ANY_VALUES) as opened:
        build = queries.one_build(opened.session, build_id, most_children=MOST_CHILDREN)
        if build is None:
            raise not_found("build", build_id)
        stale = staleness(opened.session, Scope(instance=(str(build["instance"]),)))
    return answer(build | stale, opened.as_of)


@blueprint.route("/<id:build_id>/jobs")
@needs(Permission.READ)
@blueprint.arguments(JobsQuery, location="query")
@blueprint.response(200, JobsSchema)
def list_jobs(query: dict[str, Any], build_id: int) -> Response:
    """List the jobs of a build, attempt by attempt."""
    fetch = partial(build_parts.jobs, build_id=build_id, attempt=query.get("attempt"))
    scope = partial(_scope_of, build_id=build_id)
    return listed(keyset({"attempt": int, "id": int}, fetch, name="jobs", shape=JobSchema, scope=scope), query)


@blueprint.route("/<id:build_id>/events")
@needs(Permission.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, EventsSchema)
def list_events(query: dict[str, Any], build_id: int) -> Response:
    """List what happened to a build, in order."""
    fetch = partial(build_parts.build_events, build_id=build_id)
    scope = partial(_scope_of, build_id=build_id)
    return listed(keyset({"pos": int}, fetch, start=0, name="events", shape=EventSchema, scope=scope), query)


def _scope_of(session: Session, build_id: int) -> Scope:
    """The installation a build is from; raises a 404 problem when there is no such build."""
    instance = build_parts.instance_of(session, build_id)
    if instance is None:
        raise not_found("build", build_id)
    return Scope(instance=(instance,))

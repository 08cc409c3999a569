"""`/api/metrics`: rates, durations and what runs, over a window of time."""

from typing import Any

from flask import Response

from api.answers import answer
from api.auth import needs
from api.figure_shapes import GroupsSchema, OverviewSchema, PipelineFiguresSchema
from api.fresh import staleness
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found
from api.schemas import FiguresQuery, GroupsQuery, PipelineFiguresQuery, filter_of
from api.services import read
from shared import catalog, metrics
from shared.metrics import Grouping
from shared.scope import Scope

blueprint = ApiBlueprint("metrics", __name__, url_prefix="/api/metrics", description="Numbers over a window of time")


@blueprint.route("/overview")
@needs(Permission.READ)
@blueprint.arguments(FiguresQuery, location="query")
@blueprint.response(200, OverviewSchema)
def overview(query: dict[str, Any]) -> Response:
    """Show the figures of the last 24 hours, or of another window.

    Each figure comes with what it counts, what it leaves out and its formula.
    """
    wanted = filter_of(query)
    with read() as opened:
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        figures = metrics.overview(opened.session, wanted, frame)
        stale = staleness(opened.session, wanted.scope)
    return answer(figures | stale, opened.as_of)


@blueprint.route("/pipeline/<id:pipeline_id>")
@needs(Permission.READ)
@blueprint.arguments(PipelineFiguresQuery, location="query")
@blueprint.response(200, PipelineFiguresSchema)
def of_pipeline(query: dict[str, Any], pipeline_id: int) -> Response:
    """Show the figures of one pipeline."""
    wanted = filter_of(query | {"pipeline_id": [pipeline_id]})
    with read() as opened:
        pipeline = catalog.plain_pipeline(opened.session, pipeline_id)
        if pipeline is None:
            raise not_found("pipeline", pipeline_id)
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        figures = metrics.overview(opened.session, wanted, frame)
        stale = staleness(opened.session, Scope(instance=(str(pipeline["instance"]),)))
    return answer({"pipeline": pipeline} | figures | stale, opened.as_of)


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(GroupsQuery, location="query")
@blueprint.response(200, GroupsSchema)
def by_group(query: dict[str, Any]) -> Response:
    """Show the figures whole and by group: by repository, branch, pipeline, project, instance or provider."""
    wanted, by = filter_of(query), Grouping(query["by"])
    with read() as opened:
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        figures = metrics.overview(opened.session, wanted, frame)
        groups, count = metrics.groups(opened.session, wanted, frame, by, limit=query["limit"])
        stale = staleness(opened.session, wanted.scope)
    payload = figures | {"by": str(by), "groups": groups, "group_count": count} | stale
    return answer(payload, opened.as_of)

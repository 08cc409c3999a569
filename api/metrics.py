"""`/api/metrics`: rates, durations, flakes and what runs, over a window of time."""

from contextlib import AbstractContextManager
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from flask import Response
from marshmallow import Schema
from sqlalchemy.orm import Session

from api.answers import answer
from api.auth import needs
from api.exports import exported
from api.figure_shapes import (
    FlakyPipelineSchema,
    FlakySchema,
    GroupSchema,
    GroupsSchema,
    OverviewSchema,
    PipelineFiguresSchema,
    ProjectFiguresSchema,
    SlowdownsSchema,
    SlowPipelineSchema,
)
from api.fresh import staleness
from api.listing import ranked
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import not_found, wrong
from api.schemas import AnalyticsQuery, FiguresQuery, GroupsQuery, PipelineFiguresQuery, RankingQuery, filter_of
from api.services import read
from shared import catalog, metrics
from shared.metrics import Grouping, Window, flaky, slowdowns
from shared.metrics.ranking import Ranking
from shared.queries import BuildFilter
from shared.reading import Planning, Reading
from shared.rows import Row
from shared.scope import Scope

MOST_IN_FILE = 10_000
"""How many groups or pipelines a file of them has at most: they are ranked in memory."""

blueprint = ApiBlueprint("metrics", __name__, url_prefix="/api/metrics", description="Numbers over a window of time")
analytics = ApiBlueprint("analytics", __name__, url_prefix="/api/projects", description="Numbers of one project")


@blueprint.route("/overview")
@needs(Permission.READ)
@blueprint.arguments(FiguresQuery, location="query")
@blueprint.response(200, OverviewSchema)
def overview(query: dict[str, Any]) -> Response:
    """Show the figures of the last 24 hours, or of another window.

    Each figure comes with what it counts, what it leaves out, its formula and a link to its builds.
    """
    wanted = filter_of(query)
    with _read_figures() as opened:
        figures = _figures(opened, wanted, query)
        stale = staleness(opened.session, wanted.scope)
    return answer(figures | stale, opened.as_of)


@blueprint.route("/pipeline/<id:pipeline_id>")
@needs(Permission.READ)
@blueprint.arguments(PipelineFiguresQuery, location="query")
@blueprint.response(200, PipelineFiguresSchema)
def of_pipeline(query: dict[str, Any], pipeline_id: int) -> Response:
    """Show the figures of one pipeline, and whether it became slower."""
    wanted = filter_of(query | {"pipeline_id": [pipeline_id]})
    with _read_figures() as opened:
        pipeline = catalog.plain_pipeline(opened.session, pipeline_id)
        if pipeline is None:
            raise not_found("pipeline", pipeline_id)
        figures = _figures(opened, wanted, query, has_slowdown=True)
        stale = staleness(opened.session, Scope(instance=(str(pipeline["instance"]),)))
    return answer({"pipeline": pipeline} | figures | stale, opened.as_of)


@blueprint.route("")
@needs(Permission.READ)
@blueprint.arguments(GroupsQuery, location="query")
@blueprint.response(200, GroupsSchema)
def by_group(query: dict[str, Any]) -> Response:
    """Show the figures whole and by group: by repository, branch, pipeline, project, instance or provider."""
    wanted, by = filter_of(query), Grouping(query["by"])

    def rows(opened: Reading) -> list[Row]:
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        return metrics.groups(opened.session, wanted, frame, by, limit=query.get("limit", MOST_IN_FILE)).rows

    if file := exported(ranked("groups", GroupSchema, rows), query):
        return file
    with _read_figures() as opened:
        figures = _figures(opened, wanted, query)
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        found = metrics.groups(opened.session, wanted, frame, by, limit=query["limit"])
        stale = staleness(opened.session, wanted.scope)
    of_groups = {"groups": found.rows, "group_count": found.count, "group_window": found.window}
    payload = figures | {"by": str(by)} | of_groups | stale
    return answer(payload, opened.as_of)


@blueprint.route("/flaky")
@needs(Permission.READ)
@blueprint.arguments(RankingQuery, location="query")
@blueprint.response(200, FlakySchema)
def rank_flaky(query: dict[str, Any]) -> Response:
    """List the pipelines in which commits passed right after they had failed, the most certain first."""
    return _ranking(query, flaky.ranking, metrics.FORMULA["flaky"], FlakyPipelineSchema)


@blueprint.route("/slowdowns")
@needs(Permission.READ)
@blueprint.arguments(RankingQuery, location="query")
@blueprint.response(200, SlowdownsSchema)
def rank_slowdowns(query: dict[str, Any]) -> Response:
    """List the pipelines that became slower than in the period before, for certain; the greatest growth first."""
    return _ranking(query, slowdowns.ranking, metrics.FORMULA["slowdown"], SlowPipelineSchema)


@analytics.route("/<key>/analytics")
@needs(Permission.READ)
@analytics.arguments(AnalyticsQuery, location="query")
@analytics.response(200, ProjectFiguresSchema)
def of_project(query: dict[str, Any], key: str) -> Response:
    """Show the figures of one project."""
    wanted = filter_of(query | {"project": [key]})
    with _read_figures() as opened:
        project = catalog.plain_project(opened.session, key)
        if project is None:
            raise not_found("project", key)
        figures = _figures(opened, wanted, query)
        stale = staleness(opened.session, wanted.scope)
    return answer({"project": project} | figures | stale, opened.as_of)


def _read_figures() -> AbstractContextManager[Reading]:
    """What figures are read in: their statements are long, and take one way whatever they are asked for."""
    return read(is_one_snapshot=True, planning=Planning.FOR_ANY_VALUES)


def _figures(opened: Reading, wanted: BuildFilter, query: dict[str, Any], *, has_slowdown: bool = False) -> Row:
    """What a loaded query asks for; 422 where it would make too many buckets."""
    frame = metrics.window(opened.as_of, wanted.since, wanted.until)
    bucket = query.get("bucket")
    cut = metrics.Cut(metrics.Bucket(bucket), ZoneInfo(query["timezone"])) if bucket else None
    try:
        return metrics.overview(opened.session, wanted, frame, cut, has_slowdown=has_slowdown)
    except metrics.TooManyBuckets as error:
        raise wrong("query", "bucket", str(error)) from None


class Rank(Protocol):
    """What ranks pipelines: the rows of the first ones."""

    def __call__(self, session: Session, wanted: BuildFilter, frame: Window, *, limit: int) -> Ranking: ...


def _ranking(query: dict[str, Any], rank: Rank, formula: str, shape: type[Schema]) -> Response:
    wanted = filter_of(query)

    def ranking(opened: Reading) -> Ranking:
        frame = metrics.window(opened.as_of, wanted.since, wanted.until)
        return rank(opened.session, wanted, frame, limit=query.get("limit", MOST_IN_FILE))

    if file := exported(ranked("pipelines", shape, lambda opened: ranking(opened).rows), query):
        return file
    with read(is_one_snapshot=True) as opened:
        found = ranking(opened)
        payload = {
            "window": found.window,
            "pipelines": found.rows,
            "reason": found.reason,
            "counting": metrics.counting(opened.session),
            "formula": formula,
        } | staleness(opened.session, wanted.scope)
    return answer(payload, opened.as_of)

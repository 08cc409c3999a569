"""`/badge/…`: how a pipeline stands, as an image for README files and wikis, and as JSON for shields.io."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import Response
from marshmallow import fields

from api.auth import is_anyone, needs
from api.badge_svg import LONGEST_LABEL, Badge, Color, Style, badge_json, badge_svg
from api.documents import document
from api.fields import Identifier, OneOf, Words
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.schemas import Refusing, about
from api.services import read, services
from api.shapes import Shape, flag_field, integer_field, text_field
from shared.branch_states import branch_states, pipelines_called
from shared.metrics.brief import Brief, brief
from shared.metrics.totals import seconds_at
from shared.reading import Reading
from shared.rows import Row, as_int
from shared.scope import Scope
from shared.status import Status
from shared.wire import encode

LAST_DAYS = 30
"""Over how long the rate and the duration are taken."""

SECONDS_KEPT = 60

_VERDICTS = {
    Status.SUCCEEDED: ("passing", Color.GREEN),
    Status.FAILED: ("failing", Color.RED),
    Status.TIMED_OUT: ("timed out", Color.RED),
}

blueprint = ApiBlueprint("badges", __name__, url_prefix="/badge", description="For README files and wikis")


class Kind(StrEnum):
    """What a badge tells."""

    STATUS = "status"
    SUCCESS_RATE = "success_rate"
    DURATION = "duration"


class BadgeQuery(Refusing):
    """What a badge tells, and how it looks."""

    kind = OneOf(
        [str(kind) for kind in Kind],
        load_default=str(Kind.STATUS),
        metadata=about(f"status: the newest verdict; success_rate, duration: of the last {LAST_DAYS} days, the median"),
    )
    branch = Words(metadata=about("name of a branch; the pipeline's default one unless said"))
    label = Words(metadata=about(f"the left field, up to {LONGEST_LABEL} characters; the pipeline's name unless said"))
    style = OneOf([str(style) for style in Style], load_default=str(Style.FLAT), metadata=about("the corners"))


class NamedBadgeQuery(BadgeQuery):
    """The same, and which one is meant where several pipelines are called so."""

    pipeline_id = Identifier(metadata=about("which of several pipelines that are called so: its id"))


class ShieldSchema(Shape):
    """What shields.io draws a badge from."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise all but the mark of an error."""
        field_obj.required = field_name != "isError"

    schemaVersion = integer_field("1", is_known=True)  # noqa: N815 (shields.io's word)
    label = text_field("the left field", is_known=True)
    message = text_field("the right field", is_known=True)
    color = text_field("of the right field", is_known=True)
    isError = flag_field("true when there is no such pipeline, or not one alone")  # noqa: N815 (shields.io's word)


@blueprint.route("/pipeline/<id:pipeline_id>.svg")
@needs(Permission.READ)
@blueprint.arguments(BadgeQuery, location="query")
@blueprint.response(200, content_type="image/svg+xml", description="The badge; with 404 one that says unknown")
def badge_of_pipeline(query: dict[str, Any], pipeline_id: int) -> Response:
    """Show a pipeline's badge."""
    return _image(query, _badge(query, [pipeline_id]))


@blueprint.route("/pipeline/<id:pipeline_id>.json")
@needs(Permission.READ)
@blueprint.arguments(BadgeQuery, location="query")
@blueprint.response(200, ShieldSchema)
def shield_of_pipeline(query: dict[str, Any], pipeline_id: int) -> Response:
    """Show a pipeline's badge as shields.io's endpoint badge reads it."""
    return _shield(_badge(query, [pipeline_id]))


@blueprint.route("/<string:installation>/<path:name>.svg")
@needs(Permission.BADGE)
@blueprint.arguments(NamedBadgeQuery, location="query")
@blueprint.response(200, content_type="image/svg+xml", description="The badge; with 404 one that says unknown")
def badge_by_name(query: dict[str, Any], installation: str, name: str) -> Response:
    """Show the badge of the pipeline called so: `/badge/github/acme/web/ci.svg`.

    First the kind of provider, or the configured name of the installation; then the repository, if it has one; then
    the pipeline's name. Where several are called so, name the installation, and if that is not enough `pipeline_id`.
    """
    return _embeddable(_image(query, _badge(query, _called(installation, name, query.get("pipeline_id")))))


@blueprint.route("/<string:installation>/<path:name>.json")
@needs(Permission.BADGE)
@blueprint.arguments(NamedBadgeQuery, location="query")
@blueprint.response(200, ShieldSchema)
def shield_by_name(query: dict[str, Any], installation: str, name: str) -> Response:
    """Show the badge of the pipeline called so, as shields.io's endpoint badge reads it."""
    return _embeddable(_shield(_badge(query, _called(installation, name, query.get("pipeline_id")))))


def status_badge(label: str, state: Row) -> Badge:
    """The newest verdict; a build that was cancelled, or still runs, changes nothing of it. Pure."""
    where = f"on {state['branch']}" if state["branch"] else ""
    if state["status"] is None:
        words = ("running", Color.BLUE) if state["is_building"] else ("unknown", Color.GREY)
        return Badge(label, *words, where)
    return Badge(label, *_VERDICTS[Status(str(state["status"]))], where)


def rate_badge(label: str, found: Brief) -> Badge:
    """The share of verdicts that were good. Pure."""
    totals = found.totals
    more = _span(totals.verdicts, found.cut_at)
    if not totals.verdicts:
        return Badge(label, "unknown", Color.GREY, more)
    rate = totals.by_status[Status.SUCCEEDED] / totals.verdicts
    color = Color.GREEN if rate >= 0.95 else Color.AMBER if rate >= 0.8 else Color.RED
    # Never 100 % where something failed.
    percent = f"{int(rate * 1000) / 10:.1f}".removesuffix(".0")
    return Badge(label, f"{percent} %", color, more)


def duration_badge(label: str, found: Brief) -> Badge:
    """The median duration. Pure."""
    durations = found.totals.duration
    (seconds,) = seconds_at(durations.histogram, (50,))
    more = f"median of {_span(durations.builds, found.cut_at)}"
    if seconds is None:
        return Badge(label, "unknown", Color.GREY, more)
    return Badge(label, duration_words(seconds), Color.BLUE, more)


def _span(builds: int, cut_at: datetime | None) -> str:
    """Over how many builds, of which time; since when where older ones of the time are left out."""
    count = f"{builds} build{'' if builds == 1 else 's'}"
    return f"{count} of the last {LAST_DAYS} days" if cut_at is None else f"{count} since {cut_at:%Y-%m-%d %H:%M} UTC"


def duration_words(seconds: float) -> str:
    """`42 s`, `4 min 12 s`, `1 h 5 min`. Pure."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min" if left else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def _called(installation: str, name: str, pipeline_id: int | None) -> list[int]:
    if "\0" in installation or "\0" in name:
        return []
    with read() as opened:
        return pipelines_called(opened.session, installation, name, pipeline_id)


_NONE = Badge("build", "unknown", Color.GREY, "no such pipeline")
_SEVERAL = Badge("build", "ambiguous", Color.GREY, "several pipelines are called so: add pipeline_id= of one of them")


def _badge(query: dict[str, Any], pipelines: list[int]) -> Badge:
    """The badge asked for; _NONE or _SEVERAL when that is not one pipeline."""
    if len(pipelines) != 1:
        return _SEVERAL if pipelines else _NONE
    branches = (query["branch"],) if "branch" in query else ()
    scope = Scope(pipeline_id=tuple(pipelines))
    with read() as opened:
        states = branch_states(opened.session, scope, limit=1)
        if not states:
            return _NONE
        state = states[0]
        if branches:
            nothing = state | {"branch": query["branch"], "status": None, "is_building": False}
            found = branch_states(opened.session, scope, branches=branches, limit=1)
            state = found[0] if found else nothing
        return _told(opened, query, state)


def _told(opened: Reading, query: dict[str, Any], state: Row) -> Badge:
    kind, name = Kind(query["kind"]), str(state["pipeline_name"])
    if kind is Kind.STATUS:
        return status_badge(query.get("label", name), state)
    branch = str(state["branch"]) if state["branch"] else None
    is_rate, since = kind is Kind.SUCCESS_RATE, opened.as_of - timedelta(days=LAST_DAYS)
    found = brief(opened.session, as_int(state["pipeline_id"]), branch, since, has_percentiles=not is_rate)
    if is_rate:
        return rate_badge(query.get("label", f"{name} success"), found)
    return duration_badge(query.get("label", f"{name} duration"), found)


def _image(query: dict[str, Any], badge: Badge) -> Response:
    svg = badge_svg(badge, Style(query["style"]))
    return document(svg, "image/svg+xml; charset=utf-8", _kept(badge), status=_status(badge))


def _shield(badge: Badge) -> Response:
    shield = encode(badge_json(badge, is_error=_status(badge) != 200)).decode()
    return document(shield, "application/json", _kept(badge), status=_status(badge))


def _status(badge: Badge) -> int:
    return 404 if badge is _NONE or badge is _SEVERAL else 200


def _kept(badge: Badge) -> str:
    """For how long it may be shown again; by anyone's proxy only where anyone may read it."""
    if _status(badge) != 200:
        return "no-cache"
    return f"{'public' if is_anyone() else 'private'}, max-age={SECONDS_KEPT}"


def _embeddable(response: Response) -> Response:
    """Pages elsewhere may show it where everyone may see it; else a page could look here with its visitor's browser."""
    server = services().config.server
    if server.public_badges or server.public_read:
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response

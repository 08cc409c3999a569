"""The shapes of answers: what the documentation promises and the tests hold every answer to."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import Instant
from api.schemas import about
from shared.status import CancelReason, Status

_STATUSES = validate.OneOf([str(status) for status in Status])


def _status(description: str, *, is_known: bool = True) -> fields.String:
    return fields.String(validate=_STATUSES, allow_none=not is_known, metadata=about(description))


def _text(description: str, *, is_known: bool = False) -> fields.String:
    return fields.String(allow_none=not is_known, metadata=about(description))


def _integer(description: str, *, is_known: bool = False) -> fields.Integer:
    return fields.Integer(allow_none=not is_known, metadata=about(description))


def _number(description: str) -> fields.Float:
    return fields.Float(allow_none=True, metadata=about(description))


def _flag(description: str) -> fields.Boolean:
    return fields.Boolean(metadata=about(description))


def _instant(description: str, *, is_known: bool = False) -> Instant:
    return Instant(allow_none=not is_known, metadata=about(description) | {"type": "string", "format": "date-time"})


class Shape(Schema):
    """An answer carries every field it may carry; what is not known is null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002 (marshmallow's)
        """Promise the field."""
        field_obj.required = True


class BuildSchema(Shape):
    """One run of a pipeline, showing its latest attempt."""

    id = _integer("ours", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    project = _text("key of the project", is_known=True)
    pipeline_id = _integer("ours", is_known=True)
    pipeline_name = _text("as the build called it", is_known=True)
    repository = _text("full name")
    external_id = _text("the provider's", is_known=True)
    number = _integer("for humans")
    attempt = _integer("1, 2, …: a re-run is a new attempt", is_known=True)
    status = _status("one of nine words")
    raw_status = _text("the provider's own words", is_known=True)
    is_unstable = _flag("failed with Jenkins' UNSTABLE, or succeeded with GitLab's warnings")
    branch = _text("kept after the provider forgets it")
    commit_sha = _text("what was built")
    commit_message = _text("of that commit")
    author = _text("who caused the build")
    event = _text("what caused it, in the provider's word")
    queued_at = _instant("the provider's creation instant; the order of every list", is_known=True)
    started_at = _instant("start of this attempt")
    finished_at = _instant("end of this attempt")
    duration_seconds = _number("what the provider shows its own users")
    queued_seconds = _number("how long it waited")
    progress = _number("share done, where the provider tells")
    web_url = _text("the build at its provider")
    recorded_at = _instant("when we last learned something new about it", is_known=True)


class AttemptSchema(Shape):
    """One try of a build."""

    number = _integer("1, 2, …", is_known=True)
    status = _status("one of nine words")
    raw_status = _text("the provider's own words", is_known=True)
    is_unstable = _flag("see the build")
    cancel_reason = fields.String(allow_none=True, validate=validate.OneOf([str(reason) for reason in CancelReason]))
    started_at = _instant("start")
    finished_at = _instant("end")
    duration_seconds = _number("what the provider shows")
    queued_seconds = _number("how long it waited")
    web_url = _text("the attempt at its provider")
    has_jobs = _flag("the complete list of its jobs is recorded")
    recorded_at = _instant("when we last learned something new about it", is_known=True)


class PlainPipelineSchema(Shape):
    """The definition that runs."""

    id = _integer("ours", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    project = _text("key of the project", is_known=True)
    repository = _text("full name")
    external_id = _text("the provider's", is_known=True)
    name = _text("as its newest build called it", is_known=True)
    url = _text("the pipeline at its provider")
    default_branch = _text("whose verdict counts")
    source_id = _integer("the source it is collected from")


class HealthSchema(Shape):
    """What a pipeline's newest builds say."""

    verdict = fields.String(
        allow_none=True,
        validate=validate.OneOf(["succeeded", "failed", "timed_out"]),
        metadata=about("the newest verdict on the default branch (on any, where that is not known)"),
    )
    is_broken = fields.Boolean(allow_none=True, metadata=about("whether that verdict is failed or timed_out"))
    recent_builds = _integer("how many builds this was read from: the newest 20 at most", is_known=True)
    succeeded = _integer("of these", is_known=True)
    failed = _integer("of these", is_known=True)
    timed_out = _integer("of these", is_known=True)
    success_rate = _number("succeeded / (succeeded + failed + timed_out) of these")


class PipelineSchema(PlainPipelineSchema):
    """A pipeline with its last build and its health."""

    last_build = fields.Nested(BuildSchema, allow_none=True, metadata=about("newest queued_at"))
    health = fields.Nested(HealthSchema)


class JobSchema(Shape):
    """A part of an attempt."""

    id = _integer("ours", is_known=True)
    attempt = _integer("whose part it is", is_known=True)
    external_id = _text("the provider's", is_known=True)
    name = _text("as the provider shows it", is_known=True)
    stage = _text("where the provider has stages")
    status = _status("one of nine words")
    raw_status = _text("the provider's own words", is_known=True)
    queued_at = _instant("creation")
    started_at = _instant("start")
    finished_at = _instant("end")
    duration_seconds = _number("from start to finish")
    runner = _text("where it ran")
    web_url = _text("the job at its provider")


class EventSchema(Shape):
    """One row of the event log about this build."""

    pos = _integer("position in the one log", is_known=True)
    kind = _text("what kind of event", is_known=True)
    attempt = _integer("of which attempt")
    version = _integer("counts this build's events", is_known=True)
    from_status = _status("before", is_known=False)
    to_status = _status("after", is_known=False)
    is_superseded = _flag("about an attempt that is no longer the latest")
    is_backfill = _flag("learned while collecting the past")
    at = _instant("when it happened", is_known=True)
    recorded_at = _instant("when we learned of it", is_known=True)
    data = fields.Dict(keys=fields.String(), allow_none=True, metadata=about("more, by kind"))


class StaleSourceSchema(Shape):
    """A source whose builds may be older than they look."""

    id = _integer("ours", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    scope = _text("what is polled", is_known=True)
    last_contact_at = _instant("last successful contact")
    reason = _text("why it is stale, in words", is_known=True)


class AnswerSchema(Shape):
    """What every answer carries."""

    as_of = _instant("the instant of reading, by the database's clock", is_known=True)


class FreshAnswerSchema(AnswerSchema):
    """An answer that depends on sources."""

    stale_sources = fields.List(fields.Nested(StaleSourceSchema), metadata=about("those it depends on, 50 at most"))


class ListSchema(AnswerSchema):
    """A page of a list."""

    next_cursor = _text("send as cursor for the next page; null on the last")


class BuildsSchema(FreshAnswerSchema, ListSchema):
    """A page of builds, newest queued_at first."""

    builds = fields.List(fields.Nested(BuildSchema))


class OneBuildSchema(FreshAnswerSchema, BuildSchema):
    """A build with its attempts and its pipeline."""

    attempts = fields.List(fields.Nested(AttemptSchema), metadata=about("first to latest"))
    pipeline = fields.Nested(PlainPipelineSchema)


class JobsSchema(ListSchema):
    """A page of a build's jobs, by attempt."""

    jobs = fields.List(fields.Nested(JobSchema))


class EventsSchema(ListSchema):
    """A page of a build's trail, in order."""

    events = fields.List(fields.Nested(EventSchema))


class PipelinesSchema(FreshAnswerSchema, ListSchema):
    """A page of pipelines, by id."""

    pipelines = fields.List(fields.Nested(PipelineSchema))


class OnePipelineSchema(FreshAnswerSchema, PipelineSchema):
    """A pipeline."""


class ProjectSchema(Shape):
    """A named group of pipelines."""

    id = _integer("ours", is_known=True)
    key = _text("in URLs and filters", is_known=True)
    name = _text("for people", is_known=True)
    team = _text("that owns it")
    pipelines = _integer("how many", is_known=True)
    created_at = _instant("when it was first configured", is_known=True)


class ProjectsSchema(ListSchema):
    """A page of projects, by id."""

    projects = fields.List(fields.Nested(ProjectSchema))


class RepositorySchema(Shape):
    """What builds are built from."""

    id = _integer("ours", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    external_id = _text("the provider's", is_known=True)
    name = _text("full name, as the newest build called it", is_known=True)
    url = _text("the repository at its provider")
    default_branch = _text("where known")
    pipelines = _integer("how many", is_known=True)


class RepositoriesSchema(ListSchema):
    """A page of repositories, by id."""

    repositories = fields.List(fields.Nested(RepositorySchema))


class BranchSchema(Shape):
    """A branch seen on a build."""

    repository_id = _integer("ours", is_known=True)
    repository = _text("full name", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    name = _text("kept after the provider forgets it", is_known=True)
    is_default = _flag("the repository's default branch")
    first_seen_at = _instant("first recorded", is_known=True)


class BranchesSchema(ListSchema):
    """A page of branches, by repository and name."""

    branches = fields.List(fields.Nested(BranchSchema))


class BudgetSchema(Shape):
    """What the provider lets us ask."""

    request_limit = _integer("requests per period")
    remaining = _integer("requests left")
    reset_at = _instant("when the period ends")
    blocked_until = _instant("asked to wait until")
    is_rejected = _flag("the provider refused the credential")


class SourceSchema(Shape):
    """One thing polled, and how fresh our knowledge of it is."""

    id = _integer("ours", is_known=True)
    provider = _text("kind of CI system", is_known=True)
    instance = _text("configured name of the installation", is_known=True)
    project = _text("key of the project", is_known=True)
    scope = _text("what is polled", is_known=True)
    origin = _text("config or added", is_known=True)
    is_active = _flag("is polled at all")
    interval_seconds = _number("wait between polls now")
    next_poll_at = _instant("due then", is_known=True)
    requested_at = _instant("last asked for by hand")
    is_polling = _flag("a poll is under way")
    last_poll_at = _instant("last poll, successful or not")
    last_contact_at = _instant("last successful contact")
    baseline_at = _instant("first complete collection; nothing alerts about what ended before")
    failures = _integer("failed polls in a row", is_known=True)
    last_error = _text("in words")
    last_error_at = _instant("when")
    lag_seconds = _number("median of a build's finish to our record of it, over the last day")
    is_stale = _flag("its builds may be older than they look")
    stale_reason = _text("why, in words")
    budget = fields.Nested(BudgetSchema, allow_none=True)


class SourcesSchema(ListSchema):
    """A page of sources, by id."""

    sources = fields.List(fields.Nested(SourceSchema))


class WindowSchema(Shape):
    """Builds whose queued_at lies in it."""

    since = _instant("included", is_known=True)
    until = _instant("excluded; null: up to the newest")


class DurationsSchema(Shape):
    """Over builds with a verdict."""

    average = _number("seconds")
    p50 = _number("seconds")
    p95 = _number("seconds")
    builds = _integer("how many have a duration", is_known=True)


class FiguresSchema(Shape):
    """Rates with what they count and what they leave out."""

    builds = _integer("in the window", is_known=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about("by status"))
    verdicts = _integer("succeeded + failed + timed_out", is_known=True)
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about("not in the rates, by status"))
    success_rate = _number("0 to 1; null without a verdict")
    failure_rate = _number("0 to 1; null without a verdict")
    duration_seconds = fields.Nested(DurationsSchema)


class ActiveSchema(Shape):
    """What is not finished now."""

    builds = _integer("how many", is_known=True)
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer())


class OverviewSchema(FiguresSchema, FreshAnswerSchema):
    """Figures over a window."""

    window = fields.Nested(WindowSchema)
    active = fields.Nested(ActiveSchema)
    last_build = fields.Nested(BuildSchema, allow_none=True)
    formula = fields.Dict(keys=fields.String(), values=fields.String(), metadata=about("how each figure comes about"))


class PipelineFiguresSchema(OverviewSchema):
    """Figures of one pipeline."""

    pipeline = fields.Nested(PlainPipelineSchema)


class GroupSchema(FiguresSchema):
    """One group's figures; it bears the names it was grouped by."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise the figures; which names there are depends on the grouping."""
        field_obj.required = field_name in FiguresSchema().fields

    provider = _text("when grouped by provider")
    instance = _text("when grouped by instance")
    project = _text("when grouped by project")
    repository = _text("when grouped by repository, branch or pipeline")
    branch = _text("when grouped by branch")
    pipeline_id = _integer("when grouped by pipeline")
    pipeline_name = _text("when grouped by pipeline")


class GroupsSchema(OverviewSchema):
    """Figures over a window, whole and by group."""

    by = _text("what it is grouped by", is_known=True)
    groups = fields.List(fields.Nested(GroupSchema), metadata=about("most builds first"))
    group_count = _integer("how many groups there are in all", is_known=True)


class TriggeredSchema(Shape):
    """What is due now."""

    sources = fields.List(fields.Integer(), metadata=about("ids of the sources made due"))
    requested_at = _instant("when", is_known=True)


class SessionSchema(Shape):
    """Who the session is."""

    name = _text("of the key", is_known=True)
    scopes = fields.List(fields.String(), metadata=about("what it may do"))
    expires_at = _instant("when it ends by itself", is_known=True)


class AliveSchema(Shape):
    """The process answers."""

    status = _text("ok", is_known=True)


class CheckSchema(Shape):
    """One thing that has to be right."""

    is_ok = _flag("right")
    detail = _text("in words", is_known=True)


class ReadySchema(Shape):
    """Whether everything needed is there."""

    status = _text("ready or not ready", is_known=True)
    checks = fields.Dict(keys=fields.String(), values=fields.Nested(CheckSchema))

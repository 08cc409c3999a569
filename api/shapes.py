"""The shapes of answers: what the documentation promises and the tests hold every answer to."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import Instant
from api.schemas import about
from shared.collector_errors import ErrorKind
from shared.status import CancelReason, Status

_STATUSES = validate.OneOf([str(status) for status in Status])


def status_field(description: str, *, is_known: bool = True) -> fields.String:
    """One of the nine statuses."""
    return fields.String(validate=_STATUSES, allow_none=not is_known, metadata=about(description))


def text_field(description: str, *, is_known: bool = False) -> fields.String:
    """Text; null unless it is always known."""
    return fields.String(allow_none=not is_known, metadata=about(description))


def integer_field(description: str, *, is_known: bool = False) -> fields.Integer:
    """A whole number; null unless it is always known."""
    return fields.Integer(allow_none=not is_known, metadata=about(description))


def number_field(description: str) -> fields.Float:
    """A number; null when not known."""
    return fields.Float(allow_none=True, metadata=about(description))


def flag_field(description: str) -> fields.Boolean:
    """True or false."""
    return fields.Boolean(metadata=about(description))


def instant_field(description: str, *, is_known: bool = False) -> Instant:
    """An instant; null unless it is always known."""
    return Instant(allow_none=not is_known, metadata=about(description) | {"type": "string", "format": "date-time"})


class Shape(Schema):
    """An answer carries every field it may carry; what is not known is null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002 (marshmallow's)
        """Promise the field."""
        field_obj.required = True


class BuildSchema(Shape):
    """One run of a pipeline, showing its latest attempt."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    project = text_field("key of the project", is_known=True)
    pipeline_id = integer_field("ours", is_known=True)
    pipeline_name = text_field("as the build called it", is_known=True)
    repository = text_field("full name")
    external_id = text_field("the provider's", is_known=True)
    number = integer_field("for humans")
    attempt = integer_field("1, 2, …: a re-run is a new attempt", is_known=True)
    status = status_field("one of nine words")
    raw_status = text_field("the provider's own words", is_known=True)
    is_unstable = flag_field("failed with Jenkins' UNSTABLE, or succeeded with GitLab's warnings")
    branch = text_field("kept after the provider forgets it")
    commit_sha = text_field("what was built")
    commit_message = text_field("of that commit")
    author = text_field("who caused the build")
    event = text_field("what caused it, in the provider's word")
    queued_at = instant_field("the provider's creation instant; the order of every list", is_known=True)
    started_at = instant_field("when the provider began this attempt; the first job may have waited after it")
    finished_at = instant_field("end of this attempt")
    duration_seconds = number_field("what the provider shows its own users")
    queued_seconds = number_field("how long its first job waited for a runner, whatever started_at says")
    progress = number_field("share done, where the provider tells")
    web_url = text_field("the build at its provider")
    recorded_at = instant_field("when we last learned something new about it", is_known=True)
    stale_since = instant_field(
        "an open build that nobody should believe to run since then: older than any lives, no longer shown by its "
        "provider, or its source not reached for a day; it counts as active nowhere, and heals by itself"
    )


class AttemptSchema(Shape):
    """One try of a build."""

    number = integer_field("1, 2, …", is_known=True)
    status = status_field("one of nine words")
    raw_status = text_field("the provider's own words", is_known=True)
    is_unstable = flag_field("see the build")
    cancel_reason = fields.String(allow_none=True, validate=validate.OneOf([str(reason) for reason in CancelReason]))
    started_at = instant_field("when the provider began it")
    finished_at = instant_field("end")
    duration_seconds = number_field("what the provider shows")
    queued_seconds = number_field("how long its first job waited for a runner, whatever started_at says")
    web_url = text_field("the attempt at its provider")
    has_jobs = flag_field("the complete list of its jobs is recorded")
    recorded_at = instant_field("when we last learned something new about it", is_known=True)


class PlainPipelineSchema(Shape):
    """The definition that runs."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    project = text_field("key of the project", is_known=True)
    repository = text_field("full name")
    external_id = text_field("the provider's", is_known=True)
    name = text_field("as its newest build called it", is_known=True)
    url = text_field("the pipeline at its provider")
    default_branch = text_field("whose verdict counts")
    source_id = integer_field("the source it is collected from")


class HealthSchema(Shape):
    """What a pipeline's newest builds say."""

    verdict = fields.String(
        allow_none=True,
        validate=validate.OneOf(["succeeded", "failed", "timed_out"]),
        metadata=about("the newest verdict on the default branch (on any, where that is not known)"),
    )
    is_broken = fields.Boolean(allow_none=True, metadata=about("whether that verdict is failed or timed_out"))
    recent_builds = integer_field("how many builds this was read from: the newest 20 at most", is_known=True)
    succeeded = integer_field("of these", is_known=True)
    failed = integer_field("of these", is_known=True)
    timed_out = integer_field("of these", is_known=True)
    success_rate = number_field("succeeded / (succeeded + failed + timed_out) of these")


class RecentBuildSchema(Shape):
    """A finished build in short."""

    id = integer_field("ours", is_known=True)
    status = status_field("one of nine words")
    is_flaky = flag_field("it passed right after a failure of the same commit")
    duration_seconds = number_field("what the provider shows its own users")
    queued_at = instant_field("the provider's creation instant", is_known=True)


class PipelineSchema(PlainPipelineSchema):
    """A pipeline with its last build and its health."""

    last_build = fields.Nested(BuildSchema, allow_none=True, metadata=about("newest queued_at"))
    health = fields.Nested(HealthSchema)
    recent = fields.List(
        fields.Nested(RecentBuildSchema),
        metadata=about("those of the newest 20 builds that are finished, newest first"),
    )
    usual_seconds = number_field("median duration of those of the newest 20 builds that succeeded")


class JobSchema(Shape):
    """A part of an attempt."""

    id = integer_field("ours", is_known=True)
    attempt = integer_field("whose part it is", is_known=True)
    external_id = text_field("the provider's", is_known=True)
    name = text_field("as the provider shows it", is_known=True)
    stage = text_field("where the provider has stages")
    status = status_field("one of nine words")
    raw_status = text_field("the provider's own words", is_known=True)
    queued_at = instant_field("creation")
    started_at = instant_field("start")
    finished_at = instant_field("end")
    duration_seconds = number_field("from start to finish")
    runner = text_field("where it ran")
    web_url = text_field("the job at its provider")


class EventSchema(Shape):
    """One row of the event log about this build."""

    pos = integer_field("position in the one log", is_known=True)
    kind = text_field("what kind of event", is_known=True)
    attempt = integer_field("of which attempt")
    version = integer_field("counts this build's events", is_known=True)
    from_status = status_field("before", is_known=False)
    to_status = status_field("after", is_known=False)
    is_superseded = flag_field("about an attempt that is no longer the latest")
    is_backfill = flag_field("learned while collecting the past")
    at = instant_field("when it happened", is_known=True)
    recorded_at = instant_field("when we learned of it", is_known=True)
    data = fields.Dict(keys=fields.String(), allow_none=True, metadata=about("more, by kind"))


class CommitSchema(Shape):
    """A commit."""

    sha = text_field("in full", is_known=True)
    author = text_field("as the commit says")
    message = text_field("whole")
    committed_at = instant_field("by the committer's clock")


class StaleSourceSchema(Shape):
    """A source whose builds may be older than they look."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    scope = text_field("what is polled", is_known=True)
    last_contact_at = instant_field("last successful contact")
    reason = text_field("why it is stale, in words", is_known=True)


class AnswerSchema(Shape):
    """What every answer carries."""

    as_of = instant_field("the instant of reading, by the database's clock", is_known=True)


class FreshAnswerSchema(AnswerSchema):
    """An answer that depends on sources."""

    stale_sources = fields.List(fields.Nested(StaleSourceSchema), metadata=about("those it depends on, 50 at most"))


class ListSchema(FreshAnswerSchema):
    """A page of a list."""

    next_cursor = text_field("send as cursor for the next page; null on the last")


class BuildsSchema(ListSchema):
    """A page of builds, newest queued_at first."""

    builds = fields.List(fields.Nested(BuildSchema))


class RelatedBuildSchema(Shape):
    """A build in short, where another one names it; of one that is not recorded little more than its id is known."""

    id = integer_field("ours; null while it is not recorded")
    pipeline_id = integer_field("ours; null while nothing of that pipeline is recorded")
    pipeline_name = text_field("as the build called it")
    status = status_field("one of nine words; null while it is not recorded", is_known=False)
    web_url = text_field("the build at its provider")
    external_id = text_field("the provider's", is_known=True)


class OneBuildSchema(FreshAnswerSchema, BuildSchema):
    """A build with its attempts, its pipeline, and the builds it belongs with."""

    attempts = fields.List(fields.Nested(AttemptSchema), metadata=about("first to latest"))
    pipeline = fields.Nested(PlainPipelineSchema)
    parent = fields.Nested(RelatedBuildSchema, allow_none=True, metadata=about("the build that started it, if one did"))
    children = fields.List(
        fields.Nested(RelatedBuildSchema), metadata=about("the builds it started, newest first, 100 at most")
    )


class JobsSchema(ListSchema):
    """A page of a build's jobs, by attempt."""

    jobs = fields.List(fields.Nested(JobSchema))


class EventsSchema(ListSchema):
    """A page of a build's trail, in order."""

    events = fields.List(fields.Nested(EventSchema))


class PipelinesSchema(ListSchema):
    """A page of pipelines, by id."""

    pipelines = fields.List(fields.Nested(PipelineSchema))


class DurationSchema(Shape):
    """How long builds of a pipeline that succeeded took."""

    pipeline_id = integer_field("ours", is_known=True)
    builds = integer_field("how many", is_known=True)
    p50_seconds = number_field("half of them were not longer, within 2 %; null of none")
    p95_seconds = number_field("19 of 20 were not longer, within 2 %; null of none")


class FullHoursSchema(Shape):
    """Builds whose queued_at lies in it."""

    since = instant_field("included", is_known=True)
    until = instant_field("excluded: the last full hour", is_known=True)


class DurationsSchema(FreshAnswerSchema):
    """Usual durations, in the order asked for; ids that are no pipeline's are left out."""

    window = fields.Nested(FullHoursSchema)
    pipelines = fields.List(fields.Nested(DurationSchema))


class OnePipelineSchema(FreshAnswerSchema, PipelineSchema):
    """A pipeline."""


class ProjectSchema(Shape):
    """A named group of pipelines."""

    id = integer_field("ours", is_known=True)
    key = text_field("in URLs and filters", is_known=True)
    name = text_field("for people", is_known=True)
    team = text_field("that owns it")
    pipelines = integer_field("how many", is_known=True)
    created_at = instant_field("when it was first configured", is_known=True)


class ProjectsSchema(ListSchema):
    """A page of projects, by id."""

    projects = fields.List(fields.Nested(ProjectSchema))


class RepositorySchema(Shape):
    """What builds are built from."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    external_id = text_field("the provider's", is_known=True)
    name = text_field("full name, as the newest build called it", is_known=True)
    url = text_field("the repository at its provider")
    default_branch = text_field("where known")
    pipelines = integer_field("how many", is_known=True)


class RepositoriesSchema(ListSchema):
    """A page of repositories, by id."""

    repositories = fields.List(fields.Nested(RepositorySchema))


class BranchSchema(Shape):
    """A branch seen on a build."""

    repository_id = integer_field("ours", is_known=True)
    repository = text_field("full name", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    name = text_field("kept after the provider forgets it", is_known=True)
    is_default = flag_field("the repository's default branch")
    first_seen_at = instant_field("first recorded", is_known=True)


class BranchesSchema(ListSchema):
    """A page of branches, by repository and name."""

    branches = fields.List(fields.Nested(BranchSchema))


class BudgetSchema(Shape):
    """What the provider lets us ask."""

    request_limit = integer_field("requests per period")
    remaining = integer_field("requests left")
    reset_at = instant_field("when the period ends")
    blocked_until = instant_field("asked to wait until")
    is_rejected = flag_field("the provider refused the credential")


class BackfillSchema(Shape):
    """The past of a source being collected, newest first."""

    state = fields.String(
        validate=validate.OneOf(["waiting", "running", "done", "cancelled"]), metadata=about("how far it is")
    )
    since = instant_field("back to here", is_known=True)
    until = instant_field("from here", is_known=True)
    reached = instant_field("everything from here on is collected", is_known=True)
    share = number_field("of the window that is collected, 0 to 1, by time")
    builds = integer_field("read so far, those included that were known", is_known=True)
    reason = text_field("what keeps it, or why nobody had to ask for it, in words")


class SourceSchema(Shape):
    """One thing polled, and how fresh our knowledge of it is."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    project = text_field("key of the project", is_known=True)
    scope = text_field("what is polled", is_known=True)
    origin = text_field("config, added, or found by a pattern", is_known=True)
    pattern = text_field("that found it")
    is_active = flag_field("is polled at all")
    archived_at = instant_field("since when its pattern finds it no more")
    interval_seconds = number_field("wait between polls now")
    interval_reason = text_field("why it is polled more rarely than every three minutes, in words")
    next_poll_at = instant_field("due then", is_known=True)
    requested_at = instant_field("last asked for by hand")
    is_polling = flag_field("a poll is under way")
    last_poll_at = instant_field("last poll, successful or not")
    last_contact_at = instant_field("last successful contact")
    baseline_at = instant_field("first complete collection; nothing alerts about what ended before")
    failures = integer_field("failed polls in a row", is_known=True)
    last_error = text_field("in words")
    last_error_at = instant_field("when")
    lag_seconds = number_field("median of a build's finish to our record of it, over the last day")
    is_stale = flag_field("its builds may be older than they look")
    stale_reason = text_field("why, in words")
    budget = fields.Nested(BudgetSchema, allow_none=True)
    backfill = fields.Nested(BackfillSchema, allow_none=True, metadata=about("the one asked for last"))


class SourcesSchema(ListSchema):
    """A page of sources, by id."""

    sources = fields.List(fields.Nested(SourceSchema))


class CollectorErrorSchema(Shape):
    """What went wrong while collecting one source, counted by kind."""

    source_id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    scope = text_field("what is polled", is_known=True)
    kind = fields.String(validate=validate.OneOf([str(kind) for kind in ErrorKind]), metadata=about("one of few words"))
    count = integer_field("how often, in all", is_known=True)
    example = text_field("the latest, in words", is_known=True)
    first_seen_at = instant_field("first time", is_known=True)
    last_seen_at = instant_field("latest time", is_known=True)


class CollectorErrorsSchema(ListSchema):
    """A page of errors by source and kind, newest last_seen_at first."""

    errors = fields.List(fields.Nested(CollectorErrorSchema))


class TriggeredSchema(Shape):
    """What is due now."""

    sources = fields.List(fields.Integer(), metadata=about("ids of the sources made due"))
    requested_at = instant_field("when", is_known=True)


class PendingLogSchema(Shape):
    """A log that is being fetched."""

    state = text_field("requested or fetching", is_known=True)
    requested_at = instant_field("when it was asked for")
    retry_after_seconds = integer_field("how soon to ask again", is_known=True)


class ReceiptSchema(Shape):
    """A webhook that is stored."""

    id = integer_field("of the receipt", is_known=True)
    state = text_field("received, processing, done, ignored or parked", is_known=True)
    reason = text_field("why it is ignored or waits")
    seen = integer_field("how often this body was delivered", is_known=True)


class SessionSchema(Shape):
    """Who the session is."""

    name = text_field("of the key", is_known=True)
    scopes = fields.List(fields.String(), metadata=about("what it may do"))
    expires_at = instant_field("when it ends by itself", is_known=True)


class CallerSchema(Shape):
    """Who asks, as the server sees it now."""

    is_signed_in = flag_field("presents a session or a key that holds")
    name = text_field("of the key")
    scopes = fields.List(fields.String(), metadata=about("what the caller may do, with a key or without"))
    expires_at = instant_field("when the session or key ends by itself")
    is_reading_free = flag_field("everybody who reaches the server may read everything: no answer depends on a session")


class AliveSchema(Shape):
    """The process answers."""

    status = text_field("ok", is_known=True)


class CheckSchema(Shape):
    """One thing that has to be right."""

    is_ok = flag_field("right")
    detail = text_field("in words", is_known=True)


class ReadySchema(Shape):
    """Whether everything needed is there."""

    status = text_field("ready; degraded: some job of a scheduler fails each time; not ready", is_known=True)
    checks = fields.Dict(keys=fields.String(), values=fields.Nested(CheckSchema))

"""The shapes of `/api/incidents`: what may be asked, and what is answered."""

from typing import Any

from marshmallow import fields, validate

from api.fields import Identifier, OneOf, Several, Words
from api.schemas import ScopedPageQuery, WindowQuery, about, instant_parameter, scope_of
from api.shapes import (
    BuildSchema,
    CommitSchema,
    FreshAnswerSchema,
    ListSchema,
    Shape,
    flag_field,
    instant_field,
    integer_field,
    number_field,
    text_field,
)
from shared.incident_queries import IncidentFilter
from shared.incident_status import OPEN, IncidentStatus

ANY_OPEN = "open"
"""What stands in a filter for every status of an incident that is not over."""


class IncidentsQuery(ScopedPageQuery, WindowQuery):
    """A page of incidents, narrowed; since and until bound `opened_at`."""

    pipeline_id = Several(Identifier(), metadata=about("id of a pipeline; several by comma"))
    branch = Several(Words(), metadata=about("name of a branch; several by comma"))
    is_default_branch = OneOf(
        ["true", "false"], metadata=about("true: on pipelines' default branches; false: on all others")
    )
    status = Several(
        OneOf([ANY_OPEN, *(str(status) for status in IncidentStatus)]),
        metadata=about("how it stands; open means broken or flapping; several by comma"),
    )
    fixed_since = instant_parameter("that was fixed at this instant or later")
    fixed_until = instant_parameter("that was fixed before this instant")
    red_since = instant_parameter("that was not over before this instant: fixed later, or open")


def filter_of(query: dict[str, Any]) -> IncidentFilter:
    """The filter over incidents that loaded parameters name."""
    words, default = query.get("status", ()), query.get("is_default_branch")
    return IncidentFilter(
        scope=scope_of(query),
        branch=tuple(query.get("branch", ())),
        is_default_branch=None if default is None else default == "true",
        status=tuple(status for status in IncidentStatus if status in words or (ANY_OPEN in words and status in OPEN)),
        fixed_since=query.get("fixed_since"),
        fixed_until=query.get("fixed_until"),
        red_since=query.get("red_since"),
        since=query.get("since"),
        until=query.get("until"),
    )


def incident_status_field(description: str, *, is_known: bool = True) -> fields.String:
    """One of the words of an incident."""
    words = validate.OneOf([str(status) for status in IncidentStatus])
    return fields.String(validate=words, allow_none=not is_known, metadata=about(description))


class IncidentSchema(Shape):
    """One pipeline on one branch being broken, from its first failure to its recovery."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    project = text_field("key of the project", is_known=True)
    repository = text_field("full name")
    pipeline_id = integer_field("ours", is_known=True)
    pipeline_name = text_field("as its newest build called it", is_known=True)
    branch = text_field("the one that is broken; null where builds know none")
    is_default_branch = flag_field("it is the pipeline's default branch, as that is known now")
    status = incident_status_field("broken or flapping while it is open, fixed once it is over")
    opened_at = instant_field("finish of the first failure; the order of every list", is_known=True)
    last_failed_at = instant_field("finish of the latest failure", is_known=True)
    fixed_at = instant_field("finish of the attempt that passed and closed it; null while it is open")
    duration_seconds = number_field("from opened_at to fixed_at, or to as_of while it is open")
    failures = integer_field("how often the branch's newest build failed, from the first on", is_known=True)
    flaps = integer_field("incidents of the same branch that were opened in the hour before this one", is_known=True)
    is_flaky = flag_field("the same build failed and passed in a later attempt")
    is_silent = flag_field("it is no news: it was there before we watched, is of the past, or was learnt of too late")
    first_bad_build_id = integer_field("the build that failed first", is_known=True)
    first_bad_attempt = integer_field("which attempt of it", is_known=True)
    first_bad_author = text_field("who authored the commit of that build, as the build has it; null where unknown")
    first_bad_job = text_field("the job of that attempt that failed first; null where no failed job is known")
    last_bad_build_id = integer_field("the build that failed last", is_known=True)
    last_bad_attempt = integer_field("which attempt of it", is_known=True)
    last_good_build_id = integer_field("the last one to succeed before; null when none did while we watched")
    last_good_attempt = integer_field("which attempt of it")
    fixed_by_build_id = integer_field("the build that closed it; null while it is open")
    fixed_by_attempt = integer_field("which attempt of it")
    commits_url = text_field("where the commits between last good and first bad are told", is_known=True)


class IncidentsSchema(ListSchema):
    """A page of incidents, newest opened_at first."""

    incidents = fields.List(fields.Nested(IncidentSchema))


class IncidentEventSchema(Shape):
    """One row of the event log about this incident; from a status to the same one, it goes on."""

    pos = integer_field("position in the one log", is_known=True)
    kind = text_field("what kind of event", is_known=True)
    version = integer_field("counts this incident's events", is_known=True)
    from_status = incident_status_field("before; null when it opened", is_known=False)
    to_status = incident_status_field("after")
    is_backfill = flag_field("learned while collecting the past")
    at = instant_field("finish of the attempt that brought it about", is_known=True)
    recorded_at = instant_field("when we learned of it", is_known=True)
    data = fields.Dict(
        keys=fields.String(),
        allow_none=True,
        metadata=about("build_id and attempt that brought it about, cause_pos in the log, failures counted by then"),
    )


class TellingSchema(Shape):
    """What one receiver knows of an incident."""

    receiver = text_field("name of the receiver", is_known=True)
    route = text_field("the route that asked last", is_known=True)
    told = text_field("what it was last told: broken, flapping or fixed; null while nothing")
    told_at = instant_field("when it took that message")
    failures = integer_field("how many it was told of by then", is_known=True)
    is_wanted = flag_field("there may be more to tell it")
    due_at = instant_field("until when that waits at least")
    held = text_field("what holds it, in words: a silence, quiet hours, an outage")
    repeat_at = instant_field("when it is said again that it still fails")


class OneIncidentSchema(FreshAnswerSchema, IncidentSchema):
    """An incident with its builds, the commits it may be due to, and what happened."""

    first_bad = fields.Nested(BuildSchema, allow_none=True, metadata=about("null if it was deleted since"))
    last_bad = fields.Nested(BuildSchema, allow_none=True, metadata=about("null if it was deleted since"))
    last_good = fields.Nested(BuildSchema, allow_none=True, metadata=about("null when none is known"))
    fixed_by = fields.Nested(BuildSchema, allow_none=True, metadata=about("null while it is open"))
    commits = fields.List(
        fields.Nested(CommitSchema), metadata=about("between last good and first bad, newest first, 250 at most")
    )
    has_all_commits = flag_field("all of them are here")
    commits_reason = text_field("why not, in words")
    events = fields.List(fields.Nested(IncidentEventSchema), metadata=about("the newest 100, in order"))
    told = fields.List(fields.Nested(TellingSchema), metadata=about("what each receiver knows of it"))


class IncidentCommitsSchema(FreshAnswerSchema):
    """The commits that the first bad build of an incident has and the last good one has not."""

    incident_id = integer_field("ours", is_known=True)
    base_build_id = integer_field("the last good build; null when none is known")
    base_sha = text_field("what that built")
    head_sha = text_field("what the first bad build built")
    commits = fields.List(fields.Nested(CommitSchema), metadata=about("newest first, 250 at most"))
    is_complete = flag_field("all of them are here")
    reason = text_field("why not, in words")


class IncidentEventsSchema(ListSchema):
    """A page of an incident's trail, in order."""

    events = fields.List(fields.Nested(IncidentEventSchema))

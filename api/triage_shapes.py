"""The shapes of `/api/triage`: what may be asked, and what is answered."""

from typing import Any

from marshmallow import fields

from api.fields import Identifier, Several, Words, ZoneName
from api.incident_shapes import IncidentSchema
from api.schemas import ScopeQuery, WindowQuery, about
from api.shapes import (
    FreshAnswerSchema,
    Shape,
    flag_field,
    instant_field,
    integer_field,
    number_field,
    text_field,
)
from shared.triage import MOST_GROUPS
from shared.triage_grid import MOST_BUILDS, MOST_FAILURES, MOST_ROWS


class TriageQuery(ScopeQuery, WindowQuery):
    """Whose failures; of the last 24 hours unless said otherwise."""

    pipeline_id = Several(Identifier(), metadata=about("id of a pipeline; several by comma"))
    branch = Several(Words(), metadata=about("name of a branch; several by comma"))
    timezone = ZoneName(load_default="UTC", metadata=about("zone of the hours of the day, such as Europe/Berlin"))


class TriageWindowSchema(Shape):
    """Builds whose queued_at lies in it."""

    since = instant_field("included", is_known=True)
    until = instant_field("excluded; null: up to the newest")
    is_cut = flag_field(f"since is later than asked for: only the newest {MOST_BUILDS} builds are counted")


class FailureGroupSchema(Shape):
    """Failures that belong together."""

    builds = integer_field("how many failures", is_known=True)
    first_at = instant_field("queued_at of the oldest of them", is_known=True)
    last_at = instant_field("queued_at of the newest of them", is_known=True)
    build_ids = fields.List(fields.Integer(), metadata=about("the newest five"))


class IncidentGroupSchema(FailureGroupSchema):
    """Failures of one incident."""

    incident = fields.Nested(IncidentSchema)


class JobGroupSchema(FailureGroupSchema):
    """Failures in whose latest attempt the same job failed."""

    name = text_field("of the job; null: no failed job is known")
    pipelines = integer_field("how many", is_known=True)
    branches = integer_field("how many", is_known=True)


class GridRowSchema(Shape):
    """What has something in common."""

    value = text_field("name of the pipeline, branch or runner, or 00 to 23; null: none is named")
    pipeline_id = integer_field("by pipeline only")
    repository = text_field("by pipeline only")
    failures = integer_field("failed and timed_out", is_known=True)
    verdicts = integer_field("succeeded, failed and timed_out", is_known=True)
    lift = number_field("its share of all failures / its share of all verdicts; null where nothing failed")


def _grid(description: str) -> fields.List[Any]:
    return fields.List(fields.Nested(GridRowSchema), metadata=about(description))


class GridSchema(Shape):
    """What failures have in common; first what has most more of them than it would have at the rate of all."""

    pipeline = _grid(f"{MOST_ROWS} at most")
    branch = _grid(f"{MOST_ROWS} at most")
    runner = _grid(f"jobs of runner_sample, by where they ran; {MOST_ROWS} at most")
    hour = _grid("of the day, in order; those with verdicts")


class RunnerSampleSchema(Shape):
    """Which builds the runners are counted in: every n-th that has a verdict."""

    builds = integer_field("how many", is_known=True)
    every = integer_field("n; 1: all of them", is_known=True)


class TriageSchema(FreshAnswerSchema):
    """Failures, grouped."""

    window = fields.Nested(TriageWindowSchema)
    timezone = text_field("of the hours", is_known=True)
    failures = integer_field("failed and timed_out", is_known=True)
    verdicts = integer_field("succeeded, failed and timed_out", is_known=True)
    grouped = integer_field(f"how many of them are in groups: the newest {MOST_FAILURES} at most", is_known=True)
    link = text_field("the failures themselves", is_known=True)
    incidents = fields.List(
        fields.Nested(IncidentGroupSchema),
        metadata=about(f"open ones first, then the longest first; {MOST_GROUPS} at most"),
    )
    incident_count = integer_field("how many there are", is_known=True)
    without_incident = integer_field("failures in groups that belong to no incident", is_known=True)
    jobs = fields.List(
        fields.Nested(JobGroupSchema), metadata=about(f"those of most failures first; {MOST_GROUPS} at most")
    )
    job_count = integer_field("how many there are", is_known=True)
    grid = fields.Nested(GridSchema)
    runner_sample = fields.Nested(RunnerSampleSchema)

"""The shapes of figures over a window: rates, durations, groups."""

from typing import Any

from marshmallow import fields

from api.schemas import about
from api.shapes import (
    BuildSchema,
    FreshAnswerSchema,
    PlainPipelineSchema,
    Shape,
    instant_field,
    integer_field,
    number_field,
    text_field,
)


class WindowSchema(Shape):
    """Builds whose queued_at lies in it."""

    since = instant_field("included", is_known=True)
    until = instant_field("excluded; null: up to the newest")


class DurationsSchema(Shape):
    """Over builds with a verdict."""

    average = number_field("seconds")
    p50 = number_field("seconds")
    p95 = number_field("seconds")
    builds = integer_field("how many have a duration", is_known=True)


class FiguresSchema(Shape):
    """Rates with what they count and what they leave out."""

    builds = integer_field("in the window", is_known=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about("by status"))
    verdicts = integer_field("succeeded + failed + timed_out", is_known=True)
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about("not in the rates, by status"))
    success_rate = number_field("0 to 1; null without a verdict")
    failure_rate = number_field("0 to 1; null without a verdict")
    duration_seconds = fields.Nested(DurationsSchema)


class ActiveSchema(Shape):
    """What is not finished now."""

    builds = integer_field("how many", is_known=True)
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer())
    stale = integer_field("open builds besides, not to be believed: see a build's stale_since", is_known=True)


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

    provider = text_field("when grouped by provider")
    instance = text_field("when grouped by instance")
    project = text_field("when grouped by project")
    repository = text_field("when grouped by repository, branch or pipeline")
    branch = text_field("when grouped by branch")
    pipeline_id = integer_field("when grouped by pipeline")
    pipeline_name = text_field("when grouped by pipeline")


class GroupsSchema(OverviewSchema):
    """Figures over a window, whole and by group."""

    by = text_field("what it is grouped by", is_known=True)
    groups = fields.List(fields.Nested(GroupSchema), metadata=about("most builds first"))
    group_count = integer_field("how many groups there are in all", is_known=True)

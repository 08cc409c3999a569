"""The shapes of figures over a window: rates, durations, waits, recoveries, how they changed, groups and rankings."""

from typing import Any

from marshmallow import fields

from api.schemas import about
from api.shapes import (
    BuildSchema,
    FreshAnswerSchema,
    PlainPipelineSchema,
    Shape,
    flag_field,
    instant_field,
    integer_field,
    number_field,
    text_field,
)
from shared.metrics import trend


def _counts(description: str) -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about(description))


class RankingWindowSchema(Shape):
    """Builds whose queued_at lies in it."""

    since = instant_field("included", is_known=True)
    until = instant_field("excluded; null: up to the newest")
    is_cut = flag_field("since is later than asked for: only the newest 20,000 builds of a branch are counted")


class WindowSchema(RankingWindowSchema):
    """The same with what it is cut into."""

    bucket = text_field("what the series is cut into; null without one")
    timezone = text_field("zone of the buckets; null without any")


class SpreadSchema(Shape):
    """Seconds, over builds with a verdict."""

    average = number_field("seconds, exact")
    p50 = number_field("seconds; half of the builds were not longer")
    p90 = number_field("seconds")
    p95 = number_field("seconds")
    p99 = number_field("seconds")
    builds = integer_field("how many have one", is_known=True)


class ExclusionsSchema(Shape):
    """What the rates leave out, and why."""

    cancelled_superseded = integer_field("cancelled, because a newer build took its place", is_known=True)
    cancelled_person = integer_field("cancelled by a person", is_known=True)
    cancelled_timeout = integer_field("cancelled for its time, where the provider calls that cancelled", is_known=True)
    cancelled_unknown = integer_field("cancelled, and nobody says why", is_known=True)
    skipped = integer_field("had nothing to do", is_known=True)
    unknown_status = integer_field("with a word we do not know", is_known=True)
    open = integer_field("queued, blocked or running", is_known=True)


class FirstTrySchema(Shape):
    """Builds by their first attempt alone."""

    succeeded = integer_field("whose first attempt succeeded", is_known=True)
    broken = integer_field("whose first attempt failed or timed out", is_known=True)
    verdicts = integer_field("both together", is_known=True)
    success_rate = number_field("succeeded / verdicts")


class FlakyRateSchema(Shape):
    """Builds that passed right after a failure of the same commit."""

    builds = integer_field("how many", is_known=True)
    verdicts = integer_field("of how many builds with a verdict", is_known=True)
    rate = number_field("builds / verdicts")
    lower = number_field("lower bound of the rate's 95 % Wilson interval")
    upper = number_field("upper bound of it")


class FiguresSchema(Shape):
    """Rates with what they count and what they leave out."""

    builds = integer_field("in the window", is_known=True)
    counts = _counts("by status")
    verdicts = integer_field("succeeded + failed + timed_out", is_known=True)
    left_out = _counts("not in the rates, by status")
    exclusions = fields.Nested(ExclusionsSchema)
    success_rate = number_field("0 to 1; null without a verdict")
    failure_rate = number_field("0 to 1; null without a verdict")
    error_rate = number_field("0 to 1, of all finished builds; null without any")
    builds_per_hour = number_field("over the hours of the window that have passed")
    duration_seconds = fields.Nested(SpreadSchema)
    queued_seconds = fields.Nested(SpreadSchema, metadata=about("how long a runner was waited for"))
    first_try = fields.Nested(FirstTrySchema)
    flaky = fields.Nested(FlakyRateSchema)


class BucketSchema(FiguresSchema):
    """Figures of a part of the window."""

    starts_at = instant_field("included", is_known=True)
    ends_at = instant_field("excluded; null: up to the newest")
    link = text_field("its builds", is_known=True)


class RecoverySchema(Shape):
    """Incidents of default branches, or of the branches asked for."""

    fixed = integer_field("how many ended in the window", is_known=True)
    average = number_field("seconds from first failure to the pass, of these")
    p50 = number_field("seconds, within 2 %: half of them did not last longer")
    red_seconds = number_field("how long incidents were open in the window, summed up")
    open = integer_field("how many were open when the window ended, or are at its last full minute", is_known=True)


class RecoveryTimeSchema(Shape):
    """DORA's failed deployment recovery time, from incidents."""

    seconds = number_field("average time to green")
    p50 = number_field("seconds, within 2 %: half of them did not last longer")
    incidents = integer_field("of how many", is_known=True)
    reason = text_field("why there is none")


class ChangeFailureRateSchema(Shape):
    """DORA's change failure rate, from builds whose event is deployment."""

    rate = number_field("failed / deployments")
    failed = integer_field("deployments that failed or timed out", is_known=True)
    deployments = integer_field("with a verdict", is_known=True)
    reason = text_field("why there is none")


class DoraSchema(Shape):
    """What DORA measures, where the data has it."""

    recovery_time = fields.Nested(RecoveryTimeSchema)
    change_failure_rate = fields.Nested(ChangeFailureRateSchema)


class ChangeSchema(Shape):
    """A figure against the period before."""

    before = number_field("what it was")
    change = number_field("now minus before")


class TrendSchema(Shape.from_dict({name: fields.Nested(ChangeSchema) for name in trend.NAMES})):  # type: ignore[misc]
    """Figures against the period before, as long as the window."""

    since = instant_field("where that began", is_known=True)
    until = instant_field("where that ended", is_known=True)
    builds = integer_field("queued in it", is_known=True)
    links = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata=about("where the builds behind what was are listed")
    )


class SlowdownSchema(Shape):
    """Builds that succeeded, against the period before."""

    is_slower = flag_field("for certain, and by at least a tenth")
    builds_before = integer_field("that succeeded in the period before", is_known=True)
    builds = integer_field("that succeeded in the window", is_known=True)
    median_before = number_field("seconds")
    median = number_field("seconds")
    growth = number_field("of the median: 0.25 is a quarter longer")
    p_value = number_field("how likely chance alone makes such a difference; null with too few builds")
    words = text_field("the same in words", is_known=True)
    link = text_field("the builds of the window", is_known=True)
    link_before = text_field("the builds of the period before", is_known=True)


class ActiveSchema(Shape):
    """What is not finished now."""

    builds = integer_field("how many", is_known=True)
    by_status = _counts("by status")
    stale = integer_field("open builds besides, not to be believed: see a build's stale_since", is_known=True)


class OverviewSchema(FiguresSchema, FreshAnswerSchema):
    """Figures over a window."""

    window = fields.Nested(WindowSchema)
    recovery = fields.Nested(RecoverySchema)
    dora = fields.Nested(DoraSchema)
    trend = fields.Nested(TrendSchema, allow_none=True, metadata=about("null where there is no period before"))
    series = fields.List(
        fields.Nested(BucketSchema), allow_none=True, metadata=about("the window's buckets; null unless asked for")
    )
    active = fields.Nested(ActiveSchema)
    last_build = fields.Nested(BuildSchema, allow_none=True)
    counting = integer_field("pipelines whose builds are not all counted yet", is_known=True)
    formula = fields.Dict(keys=fields.String(), values=fields.String(), metadata=about("how each figure comes about"))
    links = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata=about("where the builds behind each figure are listed")
    )


class PipelineFiguresSchema(OverviewSchema):
    """Figures of one pipeline."""

    pipeline = fields.Nested(PlainPipelineSchema)
    slowdown = fields.Nested(
        SlowdownSchema, allow_none=True, metadata=about("null where there is no period before to compare with")
    )


class PlainProjectSchema(Shape):
    """A named group of pipelines."""

    id = integer_field("ours", is_known=True)
    key = text_field("its name in filters", is_known=True)
    name = text_field("for humans", is_known=True)
    team = text_field("who owns it")


class ProjectFiguresSchema(OverviewSchema):
    """Figures of one project."""

    project = fields.Nested(PlainProjectSchema)


class GroupSchema(FiguresSchema):
    """One group's figures; it bears the names it was grouped by."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise the figures; which names there are depends on the grouping."""
        field_obj.required = field_name in {*FiguresSchema().fields, "link"}

    provider = text_field("when grouped by provider")
    instance = text_field("when grouped by instance")
    project = text_field("when grouped by project")
    repository = text_field("when grouped by repository, branch or pipeline")
    branch = text_field("when grouped by branch")
    pipeline_id = integer_field("when grouped by pipeline")
    pipeline_name = text_field("when grouped by pipeline")
    link = text_field("its builds; null where they have no repository or branch to be named by")


class GroupsSchema(OverviewSchema):
    """Figures over a window, whole and by group."""

    by = text_field("what it is grouped by", is_known=True)
    groups = fields.List(fields.Nested(GroupSchema), metadata=about("most builds first"))
    group_count = integer_field("how many groups there are in all", is_known=True)
    group_window = fields.Nested(RankingWindowSchema, metadata=about("what the groups are counted over"))


class RankedSchema(Shape):
    """A pipeline of a ranking."""

    pipeline_id = integer_field("ours", is_known=True)
    pipeline_name = text_field("as its newest build called it", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    project = text_field("key of the project", is_known=True)
    repository = text_field("full name")


class LastFlakeSchema(Shape):
    """The newest build that passed right after a failure of its commit."""

    build_id = integer_field("which passed", is_known=True)
    branch = text_field("of it")
    commit_sha = text_field("that failed and passed", is_known=True)
    queued_at = instant_field("of the build that passed", is_known=True)
    passed_attempt = integer_field("which of its attempts passed", is_known=True)
    failed_build_id = integer_field("which had failed; the same one after a re-run", is_known=True)
    failed_attempt = integer_field("which of its attempts had failed", is_known=True)


class FlakyPipelineSchema(RankedSchema, FlakyRateSchema):
    """How flaky a pipeline is."""

    last_flake = fields.Nested(LastFlakeSchema, allow_none=True)
    link = text_field("its flaky builds", is_known=True)


class SlowPipelineSchema(RankedSchema, SlowdownSchema):
    """How much slower a pipeline became."""


class RankingSchema(FreshAnswerSchema):
    """What every ranking carries."""

    window = fields.Nested(RankingWindowSchema)
    reason = text_field("why nothing is ranked; null where it is")
    counting = integer_field("pipelines whose builds are not all counted yet", is_known=True)
    formula = text_field("how it comes about", is_known=True)


class FlakySchema(RankingSchema):
    """Flaky pipelines, the most certain first."""

    pipelines = fields.List(fields.Nested(FlakyPipelineSchema))


class SlowdownsSchema(RankingSchema):
    """Pipelines that became slower for certain, the greatest growth first."""

    pipelines = fields.List(fields.Nested(SlowPipelineSchema))

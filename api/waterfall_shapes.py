"""The shapes of `/api/waterfall`: what may be asked, and what is answered."""

from typing import Any

from marshmallow import fields, validate

from api.fields import Count, Identifier, Several, Words
from api.schemas import ScopeQuery, about, instant_parameter
from api.shapes import (
    FreshAnswerSchema,
    Shape,
    flag_field,
    instant_field,
    integer_field,
    number_field,
    status_field,
    text_field,
)
from shared.branch_commits import BUILDS_OF_COMMIT
from shared.status import VERDICTS
from shared.waterfall import MOST_PIPELINES
from shared.waterfall_cells import MOST_JOBS, MOST_JOBS_OF_BUILD

MOST_COMMITS = 100


class WaterfallQuery(ScopeQuery):
    """Which commits and pipelines."""

    pipeline_id = Several(Identifier(), metadata=about("id of a pipeline; several by comma"))
    branch = Several(
        Words(), metadata=about("name of a branch; each pipeline's default branch unless said; several by comma")
    )
    commit_sha = Several(
        Words(), most=MOST_COMMITS, metadata=about("in full; these commits alone, without `last`; several by comma")
    )
    limit = Count(1, MOST_COMMITS, load_default=50, metadata=about("how many commits at most"))
    until = instant_parameter("commits whose first build was queued before this instant")
    cursor = Words(metadata=about("next_cursor of the answer before, as it stands"))


class WaterfallCommitSchema(Shape):
    """A row: a commit that was built on the branch."""

    sha = text_field("in full", is_known=True)
    message = text_field("its first line")
    author = text_field("who caused its first build")
    repository = text_field("of its first build")
    queued_at = instant_field("of its first build in these pipelines; the order of the rows", is_known=True)


class LastSchema(Shape):
    """What something came to before the commits shown."""

    status = fields.String(validate=validate.OneOf(sorted(VERDICTS)), metadata=about("the newest verdict"))
    commit_sha = text_field("of which commit")
    queued_at = instant_field("of that build", is_known=True)
    build_id = integer_field("ours", is_known=True)


class LastBuildSchema(LastSchema):
    """What a pipeline last came to."""

    web_url = text_field("the build at its provider")


class LastJobSchema(LastSchema):
    """What a job last came to."""

    job_id = integer_field("ours", is_known=True)


_IDLE = "where there is no cell: the newest verdict of a commit that is not shown; null where a look back found none"


class WaterfallJobSchema(Shape):
    """A job of a pipeline, by its name."""

    name = text_field("as the provider shows it", is_known=True)
    stage = text_field("where the provider has stages")
    last = fields.Nested(LastJobSchema, allow_none=True, metadata=about(_IDLE))


class WaterfallPipelineSchema(Shape):
    """A column: a pipeline, with its jobs."""

    id = integer_field("ours", is_known=True)
    name = text_field("as its newest build called it", is_known=True)
    repository = text_field("full name")
    provider = text_field("kind of CI system", is_known=True)
    default_branch = text_field("where known")
    jobs = fields.List(fields.Nested(WaterfallJobSchema), metadata=about("in the order they were first seen"))
    last = fields.Nested(LastBuildSchema, allow_none=True, metadata=about(_IDLE))


class WaterfallCellSchema(Shape):
    """What a commit came to in a pipeline: all attempts of all its builds merged."""

    commit = integer_field("place in commits, from 0", is_known=True)
    pipeline = integer_field("place in pipelines, from 0", is_known=True)
    status = status_field("while one is open that; else the newest verdict; else the newest other status")
    former = status_field("the merged status so far, while one is open; else null", is_known=False)
    is_flaky = flag_field("it passed after a failure")
    build_id = integer_field("the newest build", is_known=True)
    builds = integer_field("how many", is_known=True)
    attempts = integer_field("how many, of all these builds", is_known=True)
    duration_seconds = number_field("of the newest build")
    queued_at = instant_field("of the newest build", is_known=True)
    web_url = text_field("of the newest build")
    failure = text_field("of a failure: the jobs that failed, else the provider's word; equal failures have equal text")


def _column(inner: fields.Field[Any], description: str) -> fields.List[Any]:
    return fields.List(inner, metadata=about(description))


def _status(*, is_known: bool = True) -> fields.String:
    return status_field("one of nine words", is_known=is_known)


class WaterfallJobCellsSchema(Shape):
    """What commits came to in jobs, merged likewise, as columns: entry i of each list is of cell i."""

    commit = _column(fields.Integer(), "place in commits, from 0")
    pipeline = _column(fields.Integer(), "place in pipelines, from 0")
    job = _column(fields.Integer(), "place in that pipeline's jobs, from 0")
    status = _column(_status(), "as in cells")
    former = _column(_status(is_known=False), "as in cells")
    is_flaky = _column(fields.Boolean(), "as in cells")
    build_id = _column(fields.Integer(), "of the newest job")
    job_id = _column(fields.Integer(), "the newest job")
    duration_seconds = _column(fields.Float(allow_none=True), "of the newest job; null when not known")
    failure = _column(fields.String(allow_none=True), "of a failure: the provider's word; else null")


class WaterfallSchema(FreshAnswerSchema):
    """Commits by pipelines and jobs."""

    commits = fields.List(fields.Nested(WaterfallCommitSchema), metadata=about("newest first"))
    pipelines = fields.List(
        fields.Nested(WaterfallPipelineSchema), metadata=about(f"by repository and name, {MOST_PIPELINES} at most")
    )
    has_all_pipelines = flag_field(f"false: of more than {MOST_PIPELINES} those built most recently are shown")
    cells = fields.List(
        fields.Nested(WaterfallCellSchema),
        metadata=about(f"where a commit was built; of a commit {BUILDS_OF_COMMIT} builds at most are looked at"),
    )
    job_cells = fields.Nested(WaterfallJobCellsSchema)
    has_all_jobs = flag_field(
        f"false: job cells of the oldest commits were left out, at {MOST_JOBS} jobs, or jobs of one build, "
        f"at {MOST_JOBS_OF_BUILD}"
    )
    next_cursor = text_field("send as cursor for older commits; null at the end")

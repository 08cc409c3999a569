"""What commits came to in pipelines and in their jobs: one merged result for each, whatever their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from shared.branch_commits import BUILDS_OF_COMMIT, SHOWN, BranchOf
from shared.ghosts import IS_LIVE
from shared.merged_verdict import IS_BROKEN, MERGED, MERGED_SUMS, RANK_SQL
from shared.rows import Row, as_int, rows
from shared.status import Status

MOST_JOBS_OF_BUILD = 300
MOST_JOBS = 40_000
"""So many jobs are looked at for one answer; those of the oldest commits are left out."""

_ATTEMPT_BITS = 20
"""Of a place: which attempt, and whether nothing of the same name came after it; the build's place is above."""

_MOST_ATTEMPTS = 2 ** (_ATTEMPT_BITS - 1) - 1
_PLACE = f"m.place << {_ATTEMPT_BITS} | least({{attempt}}, {_MOST_ATTEMPTS}) << 1"

# A build that nobody should believe to run is not known to do anything.
_BUILDS = f"""
    {SHOWN},
    mine AS MATERIALIZED (
        SELECT c.place - 1 AS commit, s.place AS pipeline, b.id, b.attempt, b.status, b.raw_status, b.is_finished,
               b.duration_seconds, b.queued_at, b.web_url, {IS_LIVE} AS is_open,
               row_number() OVER (ORDER BY b.queued_at, b.id) AS place
        FROM unnest(CAST(:shas AS text[])) WITH ORDINALITY AS c(sha, place)
        CROSS JOIN LATERAL (SELECT * FROM builds WHERE commit_sha = c.sha LIMIT {BUILDS_OF_COMMIT}) b
        JOIN shown s ON s.id = b.pipeline_id JOIN pipelines p ON p.id = s.id
        WHERE {{is_on_branch}}
    )
"""

_RANK_OF_BUILD = f"CASE WHEN m.is_finished OR m.is_open THEN {RANK_SQL.format(status='m.status')} ELSE 0 END"

_CELLS = f"""
    WITH {_BUILDS},
    history AS (
        SELECT m.commit, m.pipeline, {_PLACE.format(attempt="m.attempt")} AS place,
               {_RANK_OF_BUILD} AS rank, m.is_open, m.raw_status
        FROM mine m
        UNION ALL
        SELECT m.commit, m.pipeline, {_PLACE.format(attempt="a.number")},
               {RANK_SQL.format(status="a.status")}, false, a.raw_status
        FROM mine m JOIN attempts a ON a.build_id = m.id AND a.number < m.attempt AND a.is_finished
        WHERE m.attempt > 1
    ),
    sums AS (
        SELECT h.commit, h.pipeline, {MERGED_SUMS},
               (array_agg(h.raw_status ORDER BY h.place DESC) FILTER (WHERE {IS_BROKEN}))[1] AS failure
        FROM history h GROUP BY h.commit, h.pipeline
    ),
    newest AS (
        SELECT DISTINCT ON (commit, pipeline) commit, pipeline, id, duration_seconds, queued_at, web_url,
               count(*) OVER w AS builds, sum(attempt) OVER w AS attempts
        FROM mine WINDOW w AS (PARTITION BY commit, pipeline) ORDER BY commit, pipeline, place DESC
    )
    SELECT commit, pipeline, {MERGED}, n.id AS build_id, n.builds, n.attempts, n.duration_seconds, n.queued_at,
           n.web_url, g.failure
    FROM sums g JOIN newest n USING (commit, pipeline) ORDER BY commit, pipeline
"""

# An unfinished job of a build that is over is not known to do anything, unless it waits for a person. Of the same name
# in one attempt, a job that was made once another was over takes its place; jobs side by side count together.
_RANK_OF_JOB = f"""
    CASE WHEN m.is_finished OR m.is_open OR m.status = '{Status.BLOCKED}' THEN {RANK_SQL.format(status="m.status")}
         ELSE 0 END
"""
_IS_LAST = """
    (NOT coalesce(max(m.queued_at) OVER w > m.queued_at AND max(m.queued_at) OVER w >= m.finished_at, false))::int
"""
_MILLISECONDS = "(extract(epoch FROM greatest(m.finished_at - m.started_at, interval '0')) * 1000)::bigint"

_COLUMNS = (
    "commit",
    "pipeline",
    "name",
    "status",
    "former",
    "is_flaky",
    "build_id",
    "job_id",
    "duration_seconds",
    "failure",
)

# Names are not numbered by pipeline: rows in that order would be merged by pipeline alone, each job with all its names.
_JOB_CELLS = f"""
    WITH {_BUILDS},
    looked_at AS MATERIALIZED (
        SELECT m.commit, m.pipeline, m.build_place, m.build_id, j.*,
               m.is_running AND j.attempt = m.latest AND NOT j.is_finished AS is_open
        FROM (SELECT commit, pipeline, place AS build_place, id AS build_id, is_open AS is_running, attempt AS latest
              FROM mine ORDER BY commit, place DESC) m
        CROSS JOIN LATERAL (
            SELECT j.id, j.attempt, j.name, j.stage, j.status, j.raw_status, j.is_finished, j.queued_at, j.started_at,
                   j.finished_at
            FROM jobs j WHERE j.build_id = m.build_id ORDER BY j.attempt DESC, j.external_id DESC
            LIMIT {MOST_JOBS_OF_BUILD}
        ) j
        LIMIT {MOST_JOBS}
    ),
    named AS MATERIALIZED (
        SELECT pipeline, name, max(stage) AS stage, min(id) AS first_id,
               row_number() OVER (ORDER BY min(id)) - 1 AS place
        FROM looked_at GROUP BY pipeline, name
    ),
    history AS (
        SELECT m.commit, m.pipeline, n.place AS name, m.id, m.build_id, m.raw_status, m.is_open,
               m.build_place << {_ATTEMPT_BITS} | least(m.attempt, {_MOST_ATTEMPTS}) << 1 | {_IS_LAST} AS place,
               {_RANK_OF_JOB} AS rank, coalesce({_MILLISECONDS}, -1) AS milliseconds
        FROM looked_at m JOIN named n ON n.pipeline = m.pipeline AND n.name = m.name
        WINDOW w AS (PARTITION BY m.build_id, m.attempt, n.place)
    ),
    sums AS (
        SELECT h.commit, h.pipeline, h.name, {MERGED_SUMS},
               max(ARRAY[h.place, h.id, h.build_id, h.milliseconds]) AS newest,
               (array_agg(h.raw_status ORDER BY h.place DESC) FILTER (WHERE {IS_BROKEN}))[1] AS raw_status
        FROM history h GROUP BY h.commit, h.pipeline, h.name
    ),
    cell AS (
        SELECT commit, pipeline, name, {MERGED}, newest, raw_status FROM sums g ORDER BY commit, pipeline, name
    )
    SELECT cells.*, names.*, (SELECT count(*) FROM looked_at) AS looked_at,
           EXISTS (SELECT FROM looked_at GROUP BY build_id HAVING count(*) = {MOST_JOBS_OF_BUILD}) AS is_cut
    FROM (
        SELECT array_agg(commit::int) AS commit, array_agg(pipeline::int) AS pipeline, array_agg(name::int) AS name,
               array_agg(status) AS status, array_agg(former) AS former, array_agg(is_flaky) AS is_flaky,
               array_agg(newest[2]) AS job_id, array_agg(newest[3]) AS build_id,
               array_agg(CASE WHEN newest[4] >= 0 THEN newest[4]::float8 / 1000 END) AS duration_seconds,
               array_agg(CASE WHEN is_broken THEN raw_status END) AS failure
        FROM cell
    ) cells, (
        SELECT array_agg(pipeline::int ORDER BY place) AS name_pipeline, array_agg(name ORDER BY place) AS name_text,
               array_agg(stage ORDER BY place) AS name_stage, array_agg(first_id ORDER BY place) AS name_first_id
        FROM named
    ) names
"""


@dataclass(frozen=True, slots=True)
class JobName:
    """A job of a pipeline (by its place among those shown); `first_id` grows with when it was first seen."""

    pipeline: int
    name: str
    stage: str | None
    first_id: int


@dataclass(frozen=True, slots=True)
class JobCells:
    """Merged results of jobs as columns of equal length; `name` is the place in `names`.

    `has_all`: no job of these commits' builds was left out.
    """

    columns: Mapping[str, Sequence[object]]
    names: Sequence[JobName]
    has_all: bool


def cells(session: Session, branch: BranchOf, shas: Sequence[str]) -> list[Row]:
    """What each commit came to in each pipeline, by their places among `shas` and the branch's pipelines."""
    statement = _CELLS.format(is_on_branch=branch.is_on_branch)
    return rows(session, statement, branch.parameters | {"shas": list(shas)})


def job_cells(session: Session, branch: BranchOf, shas: Sequence[str]) -> JobCells:
    """What each commit came to in each job of each pipeline."""
    statement = _JOB_CELLS.format(is_on_branch=branch.is_on_branch)
    (found,) = rows(session, statement, branch.parameters | {"shas": list(shas)}, is_binary=True)
    names = zip(*(_listed(found[f"name_{name}"]) for name in ("pipeline", "text", "stage", "first_id")), strict=True)
    return JobCells(
        {name: _listed(found[name]) for name in _COLUMNS},
        [JobName(*name) for name in names],
        as_int(found["looked_at"]) < MOST_JOBS and not found["is_cut"],
    )


def _listed(column: object) -> list[Any]:
    """An array of the database, whose aggregate is NULL when it is empty."""
    return column if isinstance(column, list) else []

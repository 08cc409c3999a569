"""What pipelines and jobs last came to before the commits that are shown: the result that an idle column keeps."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.branch_commits import NEWEST, SHOWN, BranchOf, CommitPosition
from shared.rows import Row, rows
from shared.status import VERDICTS, literals

LOOKED_AT = 6_000
"""So many of the pipelines' newest builds are looked at, all of them together."""

MOST_BUILDS = 10
"""Jobs are told by so many builds of each pipeline: one that did not run in any of them has no last result."""

MOST_JOBS_OF_BUILD = 300
MOST_JOBS = 20_000

_VERDICTS = literals(VERDICTS)

_LAST_BUILDS = f"""
    WITH {SHOWN}
    SELECT s.place AS pipeline, b.id AS build_id, b.status, b.commit_sha, b.queued_at, b.web_url
    FROM shown s CROSS JOIN LATERAL (
        SELECT b.* FROM (
            SELECT * FROM builds b WHERE b.pipeline_id = s.id AND b.queued_at <= :at
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {{looked_at}}
        ) b
        WHERE {{is_on_branch}} AND b.status IN ({_VERDICTS}) AND coalesce(b.commit_sha <> ALL(:shas), true)
        ORDER BY b.queued_at DESC, b.id DESC LIMIT {MOST_BUILDS}
    ) b
    ORDER BY s.place, b.queued_at DESC, b.id DESC
"""

_LAST_JOBS = f"""
    SELECT DISTINCT ON (pipeline, name COLLATE "C")
           pipeline, name, stage, first_id, status, commit_sha, queued_at, build_id, job_id
    FROM (
        SELECT u.*, min(job_id) OVER (PARTITION BY pipeline, name COLLATE "C") AS first_id
        FROM (
            SELECT u.pipeline, j.name, j.stage, j.status, b.commit_sha, b.queued_at, b.id AS build_id, j.id AS job_id
            FROM unnest(CAST(:builds AS bigint[]), CAST(:pipelines AS int[])) AS u(build_id, pipeline)
            JOIN builds b ON b.id = u.build_id
            CROSS JOIN LATERAL (
                SELECT * FROM jobs j
                WHERE j.build_id = b.id AND j.attempt = b.attempt AND j.status IN ({_VERDICTS})
                LIMIT {MOST_JOBS_OF_BUILD}
            ) j
            LIMIT {MOST_JOBS}
        ) u
    ) u
    ORDER BY pipeline, name COLLATE "C", queued_at DESC, build_id DESC, job_id DESC
"""


def last_builds(session: Session, branch: BranchOf, shas: Sequence[str], at: CommitPosition | None) -> list[Row]:
    """Builds of each pipeline on the branch that have a verdict and another commit than these, newest first."""
    looked_at = LOOKED_AT // max(1, len(branch.pipelines))
    statement = _LAST_BUILDS.format(is_on_branch=branch.is_on_branch, looked_at=looked_at)
    return rows(session, statement, branch.parameters | {"shas": list(shas), "at": (at or NEWEST)[0]})


def last_jobs(session: Session, builds: Sequence[Row]) -> list[Row]:
    """The newest verdict of each job of these builds' latest attempts, by pipeline and name."""
    given = {"builds": [row["build_id"] for row in builds], "pipelines": [row["pipeline"] for row in builds]}
    return rows(session, _LAST_JOBS, given)

"""Flaky builds: a commit that passed right after it had failed, in the attempt or in the build before.

Attempts of one pipeline, branch, event and commit follow one another by `queued_at`, build and number, verdicts only. A
build is flaky if one of its passes comes right after a failure; `flakes` holds its first such pass, while the build's
latest attempt has a verdict: builds without one are in no rate. What changed at one build can make or unmake itself and
the build that follows it, and no other.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

FEW_BUILDS = 5_000
"""A commit with fewer builds, in all pipelines, is looked up as a whole. Of one with more, a nightly build's of a
commit that nobody follows up, only the neighbours of what changed are, to which the pipeline's own index leads."""

FAR = 2_000
"""So many of the pipeline's builds before and after it are searched for such a neighbour; what lies further is not
found, until the pipeline is counted anew."""

_IS_VERDICT = "{0}.is_finished AND {0}.status IN ('succeeded', 'failed', 'timed_out')"
_HAS_VERDICT = f"EXISTS (SELECT FROM attempts a WHERE a.build_id = n.id AND {_IS_VERDICT.format('a')})"

# `read`: builds whose attempts are put in order, complete around those that are `is_judged`.
_JUDGING = f"""
    followed AS (
        SELECT b.id, b.pipeline_id, b.branch, b.commit_sha, b.queued_at, r.is_judged, a.number,
               a.status = 'succeeded' AS is_pass, lag(a.status <> 'succeeded') OVER line AS is_after_failure,
               lag(b.id) OVER line AS failed_build_id, lag(a.number) OVER line AS failed_attempt,
               {_IS_VERDICT.format("b")} AS is_counted
        FROM read r JOIN builds b ON b.id = r.id
        JOIN attempts a ON a.build_id = b.id AND {_IS_VERDICT.format("a")}
        WHERE b.commit_sha IS NOT NULL
        WINDOW line AS (PARTITION BY b.pipeline_id, b.commit_sha, b.branch, b.event
                        ORDER BY b.queued_at, b.id, a.number)
    ),
    flaky AS (
        SELECT DISTINCT ON (id) id AS build_id, pipeline_id, branch, commit_sha, queued_at, number AS passed_attempt,
               failed_build_id, failed_attempt
        FROM followed WHERE is_judged AND is_counted AND is_pass AND is_after_failure ORDER BY id, number
    ),
    written AS (
        INSERT INTO flakes AS f (build_id, pipeline_id, branch, commit_sha, queued_at, passed_attempt, failed_build_id,
                                 failed_attempt)
        SELECT * FROM flaky ORDER BY build_id
        ON CONFLICT (build_id) DO UPDATE
        SET branch = excluded.branch, commit_sha = excluded.commit_sha, passed_attempt = excluded.passed_attempt,
            failed_build_id = excluded.failed_build_id, failed_attempt = excluded.failed_attempt
        WHERE (f.branch, f.commit_sha, f.passed_attempt, f.failed_build_id, f.failed_attempt) IS DISTINCT FROM
              (excluded.branch, excluded.commit_sha, excluded.passed_attempt, excluded.failed_build_id,
               excluded.failed_attempt)
    ),
    removed AS (
        DELETE FROM flakes f USING {{judged}} j
        WHERE f.{{key}} = j.id AND NOT EXISTS (SELECT FROM flaky w WHERE w.build_id = f.build_id)
    )
"""

_TOUCHED = f"""
    touched AS MATERIALIZED (
        SELECT b.id, b.pipeline_id, b.branch, b.event, b.commit_sha, b.queued_at
        FROM (SELECT DISTINCT build_id FROM json_to_recordset(CAST(:taken AS json)) AS t (build_id bigint)) t
        JOIN builds b ON b.id = t.build_id JOIN metric_members m ON m.pipeline_id = b.pipeline_id AND m.is_counted
    ),
    of_commits AS MATERIALIZED (
        SELECT n.id, n.pipeline_id, n.commit_sha
        FROM (SELECT DISTINCT commit_sha FROM touched WHERE commit_sha IS NOT NULL) t
        CROSS JOIN LATERAL (
            SELECT n.id, n.pipeline_id, n.commit_sha FROM builds n WHERE n.commit_sha = t.commit_sha LIMIT {FEW_BUILDS}
        ) n
    ),
    commits AS MATERIALIZED (
        SELECT t.pipeline_id, commit_sha, s.builds < {FEW_BUILDS} AS is_small
        FROM (SELECT DISTINCT pipeline_id, commit_sha FROM touched) t
        JOIN (SELECT commit_sha, count(*) AS builds FROM of_commits GROUP BY commit_sha) s USING (commit_sha)
    ),
    neighbourhood AS (
        SELECT t.* FROM touched t JOIN commits c USING (pipeline_id, commit_sha) WHERE NOT c.is_small
    )
"""

# So far and no further; the first that fits ends the walk. With an array of one pipeline the order can name that, too:
# the index of all builds, where others stand in between, does not give it.
_NEIGHBOUR = f"""
    SELECT n.* FROM (
        SELECT n.id, n.pipeline_id, n.branch, n.event, n.commit_sha, n.queued_at FROM builds n
        WHERE n.pipeline_id = ANY(ARRAY[t.pipeline_id]) AND (n.queued_at, n.id) {{is_beyond}} (t.queued_at, t.id)
        ORDER BY n.pipeline_id {{back}}, n.queued_at {{order}}, n.id {{order}} LIMIT {FAR}
    ) n
    WHERE n.commit_sha = t.commit_sha AND n.branch IS NOT DISTINCT FROM {{branch}}
      AND n.event IS NOT DISTINCT FROM {{event}} AND {_HAS_VERDICT}
    ORDER BY n.pipeline_id {{back}}, n.queued_at {{order}}, n.id {{order}} LIMIT 1
"""

# A build whose branch or event became known has left the line of those that know none: who followed it there counts.
_FOLLOWERS = f"""
    followers AS MATERIALIZED (
        SELECT DISTINCT n.id, n.pipeline_id, n.branch, n.event, n.commit_sha, n.queued_at
        FROM neighbourhood t
        CROSS JOIN LATERAL (
            SELECT DISTINCT branch, event
            FROM (VALUES (t.branch), (NULL)) b (branch), (VALUES (t.event), (NULL)) e (event)
        ) line
        CROSS JOIN LATERAL (
            {_NEIGHBOUR.format(is_beyond=">", order="ASC", back="DESC", branch="line.branch", event="line.event")}
        ) n
    ),
    around AS (SELECT * FROM neighbourhood UNION SELECT * FROM followers)
"""

_READ = f"""
    judged AS (
        SELECT n.id FROM commits c JOIN of_commits n USING (pipeline_id, commit_sha) WHERE c.is_small
        UNION SELECT id FROM around
        UNION SELECT id FROM touched
    ),
    read AS (
        SELECT id, true AS is_judged FROM judged
        UNION ALL
        SELECT n.id, false FROM (
            SELECT DISTINCT n.id
            FROM around t CROSS JOIN LATERAL (
                {_NEIGHBOUR.format(is_beyond="<", order="DESC", back="ASC", branch="t.branch", event="t.event")}
            ) n
        ) n WHERE n.id NOT IN (SELECT id FROM judged)
    )
"""

# What is counted on a branch that became known moves with it.
_FIND = text(f"""
    WITH {_TOUCHED}, {_FOLLOWERS}, {_READ}, {_JUDGING.format(judged="judged", key="build_id")},
    differing AS (
        SELECT f.build_id, f.pipeline_id, f.branch, f.queued_at, -1 AS flaky
        FROM judged j JOIN flakes f ON f.build_id = j.id LEFT JOIN flaky w ON w.build_id = f.build_id
        WHERE w.build_id IS NULL OR w.branch IS DISTINCT FROM f.branch
        UNION ALL
        SELECT w.build_id, w.pipeline_id, w.branch, w.queued_at, 1
        FROM flaky w LEFT JOIN flakes f ON f.build_id = w.build_id
        WHERE f.build_id IS NULL OR w.branch IS DISTINCT FROM f.branch
    )
    SELECT CAST(json_agg(json_build_object(
        'build_id', build_id, 'pipeline_id', pipeline_id, 'branch', branch, 'queued_at', queued_at,
        'status', 'succeeded', 'builds', 0, 'first_tries', 0, 'flaky', flaky)) AS text)
    FROM differing
""")

_FIND_ALL = text(f"""
    WITH read AS (SELECT id, true AS is_judged FROM builds WHERE pipeline_id = ANY(:pipelines)),
    {_JUDGING.format(judged="(SELECT unnest(CAST(:pipelines AS bigint[])) AS id)", key="pipeline_id")}
    SELECT count(*) FROM flaky
""")


def find(session: Session, changes: str) -> str | None:
    """Bring `flakes` up to what is recorded, around the builds of these changes (a JSON document, by `build_id`).

    Returns what that adds to the figures as a document of the same form, with a column `flaky`; None for nothing. The
    caller holds the figures (`members.hold`).
    """
    found: str | None = session.scalar(_FIND, {"taken": changes})
    return found


def find_all(session: Session, pipelines: Sequence[int]) -> None:
    """Bring `flakes` up to what is recorded for whole pipelines."""
    session.execute(_FIND_ALL, {"pipelines": list(pipelines)})

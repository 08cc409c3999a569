"""The part of the merge that writes `metric_changes`: what the page's builds counted as before, and count as now.

`shared.metrics.contributions` says what a build counts as; summed up, the changes are that at any time.
"""

# A known build's verdicts move to another branch, commit or event: by these, attempts follow one another as a flake's.
IS_REGROUPED = """
    (b.branch IS NULL AND p.branch IS NOT NULL OR b.commit_sha IS NULL AND p.commit_sha IS NOT NULL
     OR b.event IS NULL AND p.event IS NOT NULL)
    AND NOT b.id = ANY(:inserted) AND EXISTS (SELECT FROM attempts t WHERE t.build_id = b.id AND t.is_finished)
"""

# `may_count`: anything of the build was, is or now is finished. `is_judged`: a verdict came or got another commit,
# so that flakes must be looked at. A build that begins to run is neither.
OF_THE_BUILD = """
    bool_or(is_finished OR was_finished OR was_build_finished OR is_regrouped) OVER build AS may_count,
    bool_or(is_transition AND (is_finished OR was_finished) OR is_regrouped) OVER build AS is_judged,
    bool_or(attempt = 1) OVER build AS has_first,
    bool_or(is_finished) FILTER (WHERE attempt = 1) OVER build AS is_first_finished,
    max(status) FILTER (WHERE attempt = 1) OVER build AS first_status,
    max(cancel_reason) FILTER (WHERE attempt = 1) OVER build AS first_cancel_reason
"""

CHANGES_WRITTEN = """
    counted_as AS (
        SELECT s.build_id, b.pipeline_id, b.queued_at, c.*
        FROM builds_seen s
        JOIN builds b ON b.id = s.build_id
        LEFT JOIN attempts a ON a.build_id = s.build_id AND a.number = 1
        CROSS JOIN LATERAL (SELECT coalesce(b.branch, s.any_branch) AS branch) now
        CROSS JOIN LATERAL (
            SELECT -1 AS sign, false AS is_first_try, b.branch, b.status, b.cancel_reason,
                   b.duration_seconds AS duration, b.queued_seconds AS queued
            WHERE b.is_finished AND NOT s.is_new_build
            UNION ALL
            SELECT 1, false, now.branch, CASE WHEN s.is_head THEN s.status ELSE b.status END,
                   CASE WHEN s.is_head THEN s.cancel_reason ELSE b.cancel_reason END,
                   CASE WHEN s.is_head THEN s.duration ELSE b.duration_seconds END,
                   CASE WHEN s.is_head THEN s.queued_seconds ELSE b.queued_seconds END
            WHERE CASE WHEN s.is_head THEN s.is_finished ELSE b.is_finished END
            UNION ALL
            SELECT -1, true, b.branch, a.status, a.cancel_reason, NULL, NULL WHERE a.is_finished
            UNION ALL
            SELECT 1, true, now.branch, CASE WHEN s.has_first THEN s.first_status ELSE a.status END,
                   CASE WHEN s.has_first THEN s.first_cancel_reason ELSE a.cancel_reason END, NULL, NULL
            WHERE CASE WHEN s.has_first THEN s.is_first_finished ELSE a.is_finished END
            UNION ALL
            SELECT 0, NULL, now.branch, b.status, NULL, NULL, NULL WHERE s.is_judged
        ) c
        WHERE s.may_count
    ),
    moved AS (
        SELECT build_id, pipeline_id, queued_at, branch, status, cancel_reason, is_first_try,
               round(duration * 1000)::bigint AS duration_ms, round(queued * 1000)::bigint AS queued_ms,
               sum(sign) AS sign, bool_or(sum(sign) <> 0) OVER (PARTITION BY build_id) AS is_moved
        FROM counted_as
        GROUP BY build_id, pipeline_id, queued_at, branch, status, cancel_reason, is_first_try, duration_ms, queued_ms
    ),
    changes_written AS (
        INSERT INTO metric_changes (build_id, pipeline_id, branch, queued_at, status, cancel_reason, builds,
                                    first_tries, duration_ms, queued_ms)
        SELECT build_id, pipeline_id, branch, queued_at, status, cancel_reason,
               coalesce(sum(sign) FILTER (WHERE NOT is_first_try), 0),
               coalesce(sum(sign) FILTER (WHERE is_first_try), 0), max(duration_ms), max(queued_ms)
        FROM moved WHERE sign <> 0 OR is_first_try IS NULL AND NOT is_moved
        GROUP BY build_id, pipeline_id, queued_at, branch, status, cancel_reason, sign
    )
"""
"""What counts as before and as now cancels out, the rest is written: one row where build and first try agree.

Attempt 1 and the build's text may not be in the page; a branch that becomes known moves both all the same. A row of
zeros, of neither build nor first try, stands where flakes must be looked at and no figure moves.
"""

"""What each finished build adds to the figures: the one form in which builds, changes and cells are added up.

Every row has the columns `build_id, pipeline_id, branch, queued_at, status, cancel_reason, builds, first_tries, flaky,
duration_ms, queued_ms`: the first seven say where it counts, the rest how much. `builds` and `first_tries` go to the
status of the latest and of the first attempt, `flaky` to the succeeded; durations go with `builds`.
"""

OF_BUILDS = """
    SELECT b.id AS build_id, b.pipeline_id, b.branch, b.queued_at, b.status, b.cancel_reason,
           1 AS builds, 0 AS first_tries, 0 AS flaky,
           round(b.duration_seconds * 1000)::bigint AS duration_ms, round(b.queued_seconds * 1000)::bigint AS queued_ms
    FROM builds b WHERE b.is_finished AND {where}
    UNION ALL
    SELECT b.id, b.pipeline_id, b.branch, b.queued_at, a.status, a.cancel_reason, 0, 1, 0, NULL, NULL
    FROM builds b JOIN attempts a ON a.build_id = b.id AND a.number = 1 WHERE a.is_finished AND {where}
    UNION ALL
    SELECT b.build_id, b.pipeline_id, b.branch, b.queued_at, 'succeeded', NULL, 0, 0, 1, NULL, NULL
    FROM flakes b WHERE {where}
"""
"""From the builds themselves; `where` narrows `b` by pipeline_id, branch and queued_at alone, which flakes have too."""

OF_CHANGES = """
    SELECT c.build_id, c.pipeline_id, c.branch, c.queued_at, c.status, c.cancel_reason,
           c.builds, c.first_tries, 0 AS flaky, c.duration_ms, c.queued_ms
    FROM metric_changes c
    WHERE c.pipeline_id NOT IN (SELECT pipeline_id FROM metric_members WHERE NOT is_counted)
"""
"""What was recorded since the scheduler last added up, but for pipelines that are in no figure yet: what is taken away
there was never added. Durations count as often as `builds` says: once, or -1 times."""

"""The statements of `verify`: two ways to say what a cell counts, as one number and figure by figure."""

from shared.metrics.histogram import BIN_SQL

MOST_TOLD = 100
"""How many differences are told in full; all are counted."""

STATUSES = (
    *("unknown", "queued", "blocked", "running", "skipped", "cancelled", "succeeded", "timed_out", "failed"),
    *("opened", "fixed"),
)
"""What a cell counts: builds with a status, or incidents that opened or ended."""
REASONS = ("", "superseded", "person", "timeout")
FIGURES = ("builds", "first_tries", "flaky", "timed", "waited", "duration_ms", "queued_ms")
DURATIONS, WAITS = 10_000, 20_000
"""A figure is its place in the list, or, of a histogram, one of these plus the bin."""

# Where a figure counts, packed into one number: a hundred million of them are grouped in half the time.
_KEY = "((({scope_id} << 20) | ({hour} & 1048575)) << 8) | (({branch_class}) << 6) | (({status}) << 2) | ({reason})"
HOUR = "floor(date_part('epoch', {0}) / 3600)::bigint"

_KEY_OF_ATTEMPT = _KEY.format(
    scope_id="b.pipeline_id",
    hour=HOUR.format("{at}"),
    branch_class="CASE WHEN b.branch IS NULL THEN 0 WHEN b.branch = m.default_branch THEN 1 ELSE 2 END",
    status=f"array_position(ARRAY{list(STATUSES)}, {{status}}) - 1",
    reason=f"coalesce(array_position(ARRAY{list(REASONS[1:])}, {{reason}}), 0)",
)

# An incident that is over before it opened lasted no time, where it ended.
_INCIDENTS = """
    SELECT pipeline_id, nullif(branch, '') AS branch, fixed_at,
           CASE WHEN fixed_at < opened_at THEN fixed_at ELSE opened_at END AS begin
    FROM incidents WHERE pipeline_id = ANY(:ids)
"""
_MS = "floor(extract(epoch FROM {0}) * 1000 + 0.5)::bigint - 1577836800000"

_ATTEMPTS = f"""
    SELECT {_KEY_OF_ATTEMPT.format(at="b.queued_at", status="a.status", reason="a.cancel_reason")} AS key,
           CASE WHEN a.number = b.attempt THEN 1 END AS build, CASE WHEN a.number = 1 THEN 1 END AS first_try,
           CASE WHEN a.number = b.attempt THEN round(a.duration_seconds * 1000)::bigint END AS duration,
           CASE WHEN a.number = b.attempt THEN round(a.queued_seconds * 1000)::bigint END AS wait, true AS is_build
    FROM builds b JOIN attempts a ON a.build_id = b.id JOIN metric_members m ON m.pipeline_id = b.pipeline_id
    WHERE b.pipeline_id = ANY(:ids) AND m.is_counted AND a.is_finished AND (a.number = b.attempt OR a.number = 1)
    UNION ALL
    SELECT {_KEY_OF_ATTEMPT.format(at="b.begin", status="'opened'", reason="NULL::text")}, 1, NULL, NULL,
           {_MS.format("b.begin")}, false
    FROM ({_INCIDENTS}) b JOIN metric_members m ON m.pipeline_id = b.pipeline_id WHERE m.is_counted
    UNION ALL
    SELECT {_KEY_OF_ATTEMPT.format(at="b.fixed_at", status="'fixed'", reason="NULL::text")}, 1, NULL,
           {_MS.format("b.fixed_at")} - ({_MS.format("b.begin")}), {_MS.format("b.fixed_at")}, false
    FROM ({_INCIDENTS}) b JOIN metric_members m ON m.pipeline_id = b.pipeline_id
    WHERE m.is_counted AND b.fixed_at IS NOT NULL
    OFFSET 0
"""
_FLAKY = f"""
    SELECT {_KEY_OF_ATTEMPT.format(at="b.queued_at", status="'succeeded'", reason="NULL::text")} AS key
    FROM flakes b JOIN metric_members m ON m.pipeline_id = b.pipeline_id
    WHERE b.pipeline_id = ANY(:ids) AND m.is_counted
"""

FROM_ATTEMPTS = f"""
    SELECT key, f.figure, f.value FROM ({_ATTEMPTS}) a
    CROSS JOIN LATERAL (VALUES
        (0, build), (1, first_try), (3, CASE WHEN duration IS NOT NULL THEN 1 END),
        (4, CASE WHEN is_build AND wait IS NOT NULL THEN 1 END), (5, duration), (6, wait),
        ({DURATIONS} + {BIN_SQL.format(ms="duration")}, 1),
        ({WAITS} + {BIN_SQL.format(ms="wait")}, CASE WHEN is_build THEN 1 END)
    ) f (figure, value)
    WHERE f.figure IS NOT NULL AND f.value IS NOT NULL
    UNION ALL SELECT key, 2, 1 FROM ({_FLAKY}) f
"""

_KEY_OF_CELL = _KEY.format(
    scope_id="{scope_id}",
    hour="{hour}",
    branch_class="c.branch_class::bigint",
    status="c.status",
    reason="c.cancel_reason",
)
_THEIRS = "FROM metric_cells c {joined} WHERE c.scope = {scope:d} AND c.grain = {grain:d} AND {which}"

FROM_CELLS = f"""
    SELECT {_KEY_OF_CELL} AS key, f.figure, f.value
    FROM metric_cells c {{joined}} CROSS JOIN LATERAL (VALUES
        {", ".join(f"({place}, c.{figure}::bigint)" for place, figure in enumerate(FIGURES))}) f (figure, value)
    WHERE c.scope = {{scope:d}} AND c.grain = {{grain:d}} AND {{which}} AND f.value <> 0
    UNION ALL SELECT {_KEY_OF_CELL}, {DURATIONS} + unnest(c.duration_bins), unnest(c.duration_counts) {_THEIRS}
    UNION ALL SELECT {_KEY_OF_CELL}, {WAITS} + unnest(c.queued_bins), unnest(c.queued_counts) {_THEIRS}
"""

# What a cell counts as one number: each figure by a weight of its own. Unlike cells have the same sum once in 2^31
# times, and one line a cell is compared in a fraction of the time that one a figure takes.
_WEIGHT = "(hashint4extended({0}, 6) & 2147483647)"
_BINS = f"coalesce((SELECT sum(n * {_WEIGHT.format('{1} + bin')}) FROM unnest({{0}}_bins, {{0}}_counts) u (bin, n)), 0)"

CHECKED_ATTEMPTS = f"""
    SELECT key, duration AS duration_ms, wait AS queued_ms,
           coalesce(build * {_WEIGHT.format(0)}, 0) + coalesce(first_try * {_WEIGHT.format(1)}, 0)
           + coalesce({_WEIGHT.format(3)} + {_WEIGHT.format(f"{DURATIONS} + {BIN_SQL.format(ms='duration')}")}, 0)
           + CASE WHEN is_build THEN
               coalesce({_WEIGHT.format(4)} + {_WEIGHT.format(f"{WAITS} + {BIN_SQL.format(ms='wait')}")}, 0)
             ELSE 0 END AS checked
    FROM ({_ATTEMPTS}) a
    UNION ALL SELECT key, 0, 0, {_WEIGHT.format(2)} FROM ({_FLAKY}) f
"""

CHECKED_CELLS = f"""
    SELECT {_KEY_OF_CELL} AS key, c.duration_ms, c.queued_ms,
           {" + ".join(f"c.{FIGURES[place]} * {_WEIGHT.format(place)}" for place in range(5))}
           + {_BINS.format("c.duration", DURATIONS)} + {_BINS.format("c.queued", WAITS)} AS checked
    {_THEIRS}
"""

IS_DIFFERENT = """
    SELECT EXISTS (
        SELECT FROM (SELECT 1 AS sign, * FROM ({kept}) k UNION ALL SELECT -1, * FROM ({counted}) c) both_sides
        GROUP BY key
        HAVING sum(sign * checked) <> 0 OR coalesce(sum(sign * duration_ms), 0) <> 0
            OR coalesce(sum(sign * queued_ms), 0) <> 0)
"""

DIFFERENCES = f"""
    SELECT key >> 28 AS scope_id, to_timestamp((key >> 8 & 1048575) * 3600) AS starts_at, key >> 6 & 3 AS branch_class,
           key >> 2 & 15 AS status, key & 3 AS reason, figure, kept, counted, count(*) OVER () AS differences
    FROM (SELECT key, figure, coalesce(sum(value) FILTER (WHERE is_kept), 0) AS kept,
                 coalesce(sum(value) FILTER (WHERE NOT is_kept), 0) AS counted
          FROM (SELECT *, true AS is_kept FROM ({{kept}}) k UNION ALL SELECT *, false FROM ({{counted}}) c) both_sides
          GROUP BY key, figure) compared
    WHERE kept <> counted ORDER BY key, figure LIMIT {MOST_TOLD}
"""

# Neighbours are found by their numbers here, where the fold looks back with a window function.
FLAKES = f"""
    WITH verdicts AS MATERIALIZED (
        SELECT b.id, a.number, b.branch, a.status, b.is_finished AND b.status IN ('succeeded', 'failed', 'timed_out')
                   AS is_counted, dense_rank() OVER (
                   ORDER BY b.pipeline_id, b.commit_sha, b.branch, b.event) AS line,
               row_number() OVER (PARTITION BY b.pipeline_id, b.commit_sha, b.branch, b.event
                                  ORDER BY b.queued_at, b.id, a.number) AS place
        FROM builds b JOIN attempts a ON a.build_id = b.id JOIN metric_members m ON m.pipeline_id = b.pipeline_id
        WHERE b.pipeline_id = ANY(:ids) AND m.is_counted AND b.commit_sha IS NOT NULL AND a.is_finished
          AND a.status IN ('succeeded', 'failed', 'timed_out')
    ),
    counted AS (
        SELECT DISTINCT ON (n.id) n.id, n.branch, n.number, p.id AS failed_id, p.number AS failed_number
        FROM verdicts n JOIN verdicts p ON p.line = n.line AND p.place = n.place - 1
        WHERE n.is_counted AND n.status = 'succeeded' AND p.status <> 'succeeded'
        ORDER BY n.id, n.number
    ),
    kept AS (
        SELECT build_id, branch, passed_attempt, failed_build_id, failed_attempt
        FROM flakes WHERE pipeline_id = ANY(:ids)
    )
    SELECT build_id, count(*) OVER () AS differences
    FROM ((TABLE counted EXCEPT TABLE kept) UNION (TABLE kept EXCEPT TABLE counted)) d (build_id)
    GROUP BY build_id ORDER BY build_id LIMIT {MOST_TOLD}
"""

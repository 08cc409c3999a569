"""cells of incidents, so that figures of recovery read none of them"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Nothing is added to the cells meanwhile.
HOLD = "LOCK TABLE metric_members IN SHARE ROW EXCLUSIVE MODE"

# 9 is an incident that opened, 10 one that ended; instants are milliseconds from 2020 on.
MS = "round(extract(epoch FROM {0}) * 1000)::bigint - 1577836800000"
BIN = "CASE WHEN {0} < 1 THEN 0 ELSE 1 + ceil(ln({0}::float8) / 0.03922071315328133 - 1e-9)::int END"

ENTRIES = f"""
    CREATE TEMPORARY TABLE incident_entries ON COMMIT DROP AS
    SELECT s.scope::smallint, s.scope_id, g.grain::smallint, g.starts_at, e.status::smallint,
           CASE WHEN n.branch = '' THEN 0 WHEN n.branch = m.default_branch THEN 1 ELSE 2 END::smallint AS branch_class,
           e.ended_ms - e.opened_ms AS duration_ms, coalesce(e.ended_ms, e.opened_ms) AS queued_ms
    FROM incidents n JOIN metric_members m ON m.pipeline_id = n.pipeline_id AND m.is_counted
    CROSS JOIN LATERAL (SELECT least(n.opened_at, n.fixed_at) AS opened_at) o
    CROSS JOIN LATERAL (
        SELECT 9 AS status, o.opened_at AS at, {MS.format("o.opened_at")} AS opened_ms, NULL::bigint AS ended_ms
        UNION ALL
        SELECT 10, n.fixed_at, {MS.format("o.opened_at")}, {MS.format("n.fixed_at")} WHERE n.fixed_at IS NOT NULL
    ) e
    CROSS JOIN LATERAL (VALUES
        (0, 0), (1, m.instance_id), (2, m.project_id), (3, m.repository_id), (4, m.pipeline_id)) s (scope, scope_id)
    CROSS JOIN LATERAL (VALUES
        (0, date_trunc('hour', e.at, 'UTC')), (1, date_trunc('day', e.at, 'UTC')), (2, '-infinity'::timestamptz),
        (3, date_bin('6 hours', e.at, '0001-01-01 00:00+00')),
        (4, date_bin('168 hours', e.at, '0001-01-01 00:00+00')),
        (5, date_bin('1344 hours', e.at, '0001-01-01 00:00+00'))) g (grain, starts_at)
    WHERE s.scope_id IS NOT NULL AND (g.grain <> 3 OR s.scope < 3)
"""

KEY = "scope, scope_id, grain, starts_at, branch_class, status"

HISTOGRAM = f"""
    SELECT {KEY}, array_agg(bin::smallint ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
    FROM (SELECT {KEY}, {{bin}} AS bin, count(*)::int AS n
          FROM incident_entries WHERE {{what}} IS NOT NULL GROUP BY {KEY}, bin) binned
    GROUP BY {KEY}
"""

CELLS = f"""
    INSERT INTO metric_cells ({KEY}, cancel_reason, builds, first_tries, flaky, timed, waited, duration_ms, queued_ms,
                              duration_bins, duration_counts, queued_bins, queued_counts)
    SELECT {KEY}, 0, c.incidents, 0, 0, c.timed, c.incidents, c.duration_ms, c.queued_ms,
           lasted.bins, lasted.counts, instants.bins, instants.counts
    FROM (SELECT {KEY}, count(*) AS incidents, count(duration_ms) AS timed,
                 coalesce(sum(duration_ms), 0) AS duration_ms, sum(queued_ms) AS queued_ms
          FROM incident_entries GROUP BY {KEY}) c
    LEFT JOIN ({HISTOGRAM.format(what="duration_ms", bin=BIN.format("duration_ms"))}) lasted USING ({KEY})
    LEFT JOIN ({HISTOGRAM.format(what="queued_ms", bin=BIN.format("queued_ms"))}) instants USING ({KEY})
"""


def upgrade() -> None:
    op.execute(HOLD)
    op.create_index(
        "ix_incidents_branch_fixed",
        "incidents",
        ["branch", "fixed_at"],
        postgresql_include=["pipeline_id", "opened_at"],
    )
    op.execute("SET LOCAL work_mem = '256MB'")
    op.execute(ENTRIES)
    op.execute(CELLS)


def downgrade() -> None:
    op.execute(HOLD)
    op.execute("DELETE FROM metric_changes WHERE status IN ('opened', 'fixed')")
    op.execute("DELETE FROM metric_cells WHERE status IN (9, 10)")
    op.drop_index("ix_incidents_branch_fixed", table_name="incidents")

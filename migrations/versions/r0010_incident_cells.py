"""cells of incidents, so that figures of recovery read none of them"""

from itertools import product

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
    SELECT m.instance_id, m.project_id, m.repository_id, m.pipeline_id, e.status::smallint, e.at,
           CASE WHEN n.branch = '' THEN 0 WHEN n.branch = m.default_branch THEN 1 ELSE 2 END::smallint AS branch_class,
           e.ended_ms - e.opened_ms AS duration_ms, coalesce(e.ended_ms, e.opened_ms) AS instant_ms
    FROM incidents n JOIN metric_members m ON m.pipeline_id = n.pipeline_id AND m.is_counted
    CROSS JOIN LATERAL (SELECT least(n.opened_at, n.fixed_at) AS opened_at) o
    CROSS JOIN LATERAL (
        SELECT 9 AS status, o.opened_at AS at, {MS.format("o.opened_at")} AS opened_ms, NULL::bigint AS ended_ms
        UNION ALL
        SELECT 10, n.fixed_at, {MS.format("o.opened_at")}, {MS.format("n.fixed_at")} WHERE n.fixed_at IS NOT NULL
    ) e
"""

SCOPES = ("0::bigint", "instance_id", "project_id", "repository_id", "pipeline_id")
SPAN = "date_bin('{} hours', at, '0001-01-01 00:00+00')"
GRAINS = {0: SPAN.format(1), 1: SPAN.format(24), 2: "'-infinity'::timestamptz"} | {
    grain: SPAN.format(hours) for grain, hours in ((3, 6), (4, 7 * 24), (5, 8 * 7 * 24))
}

# A cell of one scope and grain at a time: however many there are, little has to be held in memory.
CELLS = f"""
    WITH entries AS (
        SELECT {{scope_id}} AS scope_id, {{starts_at}} AS starts_at, branch_class, status, duration_ms, instant_ms,
               {BIN.format("duration_ms")} AS bin
        FROM incident_entries WHERE {{scope_id}} IS NOT NULL
    ), binned AS (
        SELECT scope_id, starts_at, branch_class, status, bin, count(*)::int AS incidents,
               sum(duration_ms) AS duration_ms, sum(instant_ms) AS instant_ms
        FROM entries GROUP BY scope_id, starts_at, branch_class, status, bin
    )
    INSERT INTO metric_cells (scope, scope_id, grain, starts_at, branch_class, status, cancel_reason, builds,
                              first_tries, flaky, timed, waited, duration_ms, queued_ms, duration_bins, duration_counts)
    SELECT {{scope}}, scope_id, {{grain}}, starts_at, branch_class, status, 0, sum(incidents), 0, 0,
           coalesce(sum(incidents) FILTER (WHERE bin IS NOT NULL), 0), 0, coalesce(sum(duration_ms), 0),
           sum(instant_ms), array_agg(bin::smallint ORDER BY bin) FILTER (WHERE bin IS NOT NULL),
           array_agg(incidents ORDER BY bin) FILTER (WHERE bin IS NOT NULL)
    FROM binned GROUP BY scope_id, starts_at, branch_class, status
"""


def upgrade() -> None:
    op.execute(HOLD)
    # From here on nobody writes incidents until all of this is there.
    op.create_index(
        "ix_incidents_branch_fixed",
        "incidents",
        ["branch", "fixed_at"],
        postgresql_include=["pipeline_id", "opened_at"],
    )
    op.execute("SET LOCAL work_mem = '256MB'")
    op.execute(ENTRIES)
    op.execute("ANALYZE incident_entries")
    for (scope, scope_id), (grain, starts_at) in product(enumerate(SCOPES), GRAINS.items()):
        if grain != 3 or scope < 3:
            op.execute(CELLS.format(scope=scope, scope_id=scope_id, grain=grain, starts_at=starts_at))


def downgrade() -> None:
    op.execute(HOLD)
    op.drop_index("ix_incidents_branch_fixed", table_name="incidents")
    op.execute("DELETE FROM metric_changes WHERE status IN ('opened', 'fixed')")
    op.execute("DELETE FROM metric_cells WHERE status IN (9, 10)")

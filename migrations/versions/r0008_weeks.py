"""cells of weeks and of eight weeks, so that a long window is read from few"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DAY, WEEK, EIGHT_WEEKS = 1, 4, 5

# Nothing is added to the days meanwhile: weeks that lack it would lack it for ever.
HOLD = "LOCK TABLE metric_members IN SHARE ROW EXCLUSIVE MODE"

HISTOGRAM = """
    CROSS JOIN LATERAL (
        SELECT array_agg(bin ORDER BY bin) AS bins, array_agg(n ORDER BY bin) AS counts
        FROM (
            SELECT u.bin, sum(u.n)::int AS n
            FROM metric_cells c CROSS JOIN LATERAL unnest(c.{what}_bins, c.{what}_counts) AS u (bin, n)
            WHERE c.scope = s.scope AND c.scope_id = s.scope_id AND c.grain = {{below}}
              AND c.starts_at >= s.starts_at AND c.starts_at < s.starts_at + interval '{{hours}} hours'
              AND c.branch_class = s.branch_class AND c.status = s.status AND c.cancel_reason = s.cancel_reason
            GROUP BY u.bin
        ) one
    ) {what}
"""

# The first day of the year 1 was a Monday. Histograms are merged a cell at a time: however many there are, none of the
# work is done on disk.
ADD_UP = f"""
    INSERT INTO metric_cells (
        scope, scope_id, grain, starts_at, branch_class, status, cancel_reason, builds, first_tries, flaky, timed,
        waited, duration_ms, queued_ms, duration_bins, duration_counts, queued_bins, queued_counts)
    SELECT s.scope, s.scope_id, {{grain}}, s.starts_at, s.branch_class, s.status, s.cancel_reason, s.builds,
           s.first_tries, s.flaky, s.timed, s.waited, s.duration_ms, s.queued_ms,
           duration.bins, duration.counts, queued.bins, queued.counts
    FROM (
        SELECT scope, scope_id, date_bin('{{hours}} hours', starts_at, '0001-01-01 00:00+00') AS starts_at,
               branch_class, status, cancel_reason, sum(builds) AS builds, sum(first_tries) AS first_tries,
               sum(flaky) AS flaky, sum(timed) AS timed, sum(waited) AS waited, sum(duration_ms) AS duration_ms,
               sum(queued_ms) AS queued_ms
        FROM metric_cells WHERE grain = {{below}} GROUP BY 1, 2, 3, 4, 5, 6
    ) s {HISTOGRAM.format(what="duration")} {HISTOGRAM.format(what="queued")}
"""


def upgrade() -> None:
    op.execute(HOLD)
    op.execute(ADD_UP.format(grain=WEEK, below=DAY, hours=7 * 24))
    op.execute(ADD_UP.format(grain=EIGHT_WEEKS, below=WEEK, hours=8 * 7 * 24))


def downgrade() -> None:
    op.execute(f"DELETE FROM metric_cells WHERE grain IN ({WEEK}, {EIGHT_WEEKS})")

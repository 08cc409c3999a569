"""What Prometheus is told, as plain rows: each function is one set-based statement."""

from sqlalchemy.orm import Session

from shared.ghosts import IS_LIVE
from shared.rows import Row, rows

DURATION_BOUNDS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
"""Upper bounds, in seconds, of the histogram of durations."""

_PIPELINE = """
    i.provider, j.key AS project, coalesce(r.name || ' / ', '') || p.name AS pipeline
"""

_JOINS = """
    JOIN instances i ON i.id = p.instance_id JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

# Only the default branch: names of other branches come and go without end, and every label set is kept for ever.
_LAST_RUNS = f"""
    SELECT p.id, {_PIPELINE}, b.branch AS ref, b.status, b.duration_seconds, b.queued_seconds,
           extract(epoch FROM b.queued_at) AS queued_at
    FROM pipelines p {_JOINS}
    CROSS JOIN LATERAL (
        SELECT * FROM builds b WHERE b.pipeline_id = p.id AND (p.default_branch IS NULL OR b.branch = p.default_branch)
        ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
    ) b
"""

_BUCKETS = ", ".join(
    f"count(*) FILTER (WHERE b.duration_seconds <= {bound}) AS le_{bound}" for bound in DURATION_BOUNDS
)

_RUNS = f"""
    SELECT p.id, {_PIPELINE}, b.* FROM (
        SELECT pipeline_id, status AS result, count(*) AS runs, count(duration_seconds) AS timed,
               coalesce(sum(duration_seconds), 0) AS seconds, {_BUCKETS}
        FROM builds b WHERE is_finished GROUP BY pipeline_id, status
    ) b JOIN pipelines p ON p.id = b.pipeline_id {_JOINS}
"""

_ACTIVE = f"""
    SELECT i.provider, b.status, count(*) AS builds
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    WHERE {IS_LIVE} GROUP BY 1, 2
"""

_BUDGETS = """
    SELECT i.name AS instance, c.fingerprint AS credential, c.remaining
    FROM credentials c JOIN instances i ON i.id = c.instance_id WHERE c.remaining IS NOT NULL
"""

_DELIVERIES = "SELECT receiver AS channel, state AS result, count(*) AS messages FROM deliveries GROUP BY 1, 2"

# Summed over sources: these come and go, and every label set is kept for ever.
_ERRORS = """
    SELECT i.name AS instance, e.kind, sum(e.seen) AS errors
    FROM collector_errors e JOIN sources s ON s.id = e.source_id JOIN instances i ON i.id = s.instance_id
    GROUP BY 1, 2 ORDER BY 1, 2
"""

# A source's fence grows with every claim, which is what begins a poll.
_POLLS = """
    SELECT i.name AS instance, sum(s.fence) AS polls
    FROM sources s JOIN instances i ON i.id = s.instance_id GROUP BY 1 ORDER BY 1
"""

_PROCESSES = "SELECT kind, host, pid, extract(epoch FROM heartbeat_at) AS heartbeat_at FROM processes"

_TOTALS = """
    SELECT (SELECT coalesce(max(pos), 0) FROM events) AS events, (SELECT count(*) FROM quarantine) AS quarantined
"""


def last_runs(session: Session) -> list[Row]:
    """The newest build of each pipeline's default branch."""
    return rows(session, _LAST_RUNS)


def finished_runs(session: Session) -> list[Row]:
    """Finished builds by pipeline and result, with their durations by bucket."""
    return rows(session, _RUNS)


def active_runs(session: Session) -> list[Row]:
    """Open builds by provider and status."""
    return rows(session, _ACTIVE)


def budgets(session: Session) -> list[Row]:
    """Requests left by credential."""
    return rows(session, _BUDGETS)


def deliveries(session: Session) -> list[Row]:
    """Messages by receiver and state."""
    return rows(session, _DELIVERIES)


def collector_errors(session: Session) -> list[Row]:
    """Errors of collecting by installation and kind."""
    return rows(session, _ERRORS)


def polls(session: Session) -> list[Row]:
    """Polls begun by installation."""
    return rows(session, _POLLS)


def processes(session: Session) -> list[Row]:
    """Our processes with their last heartbeat."""
    return rows(session, _PROCESSES)


def totals(session: Session) -> Row:
    """The head of the event log, and the rows in quarantine."""
    return rows(session, _TOTALS)[0]

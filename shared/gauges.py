"""What Prometheus is told, as plain rows: each function is one set-based statement that scans no builds."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.ghosts import IS_LIVE
from shared.jobs import LIVING, Job
from shared.judged import JUDGED
from shared.metrics.cells import OF_BUILDS_ONLY, BranchClass, CellScope, Grain
from shared.rows import Row, rows

MOST_DELIVERIES = 10_000
"""Of each receiver only its newest messages are looked at."""

MOST_QUARANTINED = 100_000
"""Rows in quarantine are counted up to here."""

NEWEST_BUILDS = 100
"""So far back a pipeline's default branch is looked for build by build; further back by the days it has builds on."""

_PIPELINE = """
    i.provider, j.key AS project, coalesce(r.name || ' / ', '') || p.name AS pipeline
"""

_JOINS = """
    JOIN instances i ON i.id = p.instance_id JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

# By all the builds they ever had, which hardly changes: those that built last would be others at each scrape, and each
# series that comes or goes is a jump in what is left.
_PIPELINES = f"""
    SELECT p.id, {_PIPELINE}, n.pipelines
    FROM (
        SELECT p.id, n.builds, count(*) OVER () AS pipelines
        FROM pipelines p CROSS JOIN LATERAL (
            SELECT coalesce(sum(m.builds), 0) AS builds FROM metric_cells m
            WHERE m.scope = {CellScope.PIPELINE:d} AND m.scope_id = p.id AND m.grain = {Grain.EVER:d}
              AND m.{OF_BUILDS_ONLY}
        ) n
        WHERE n.builds > 0 OR EXISTS (SELECT FROM builds b WHERE b.pipeline_id = p.id)
        ORDER BY n.builds DESC, p.id LIMIT :most
    ) n JOIN pipelines p ON p.id = n.id {_JOINS}
    ORDER BY n.builds DESC, p.id
"""

# Only the default branch: names of other branches come and go without end, and every label set is kept for ever. Where
# it is not among the newest builds, the cells say on which day it was last built: a hundred thousand builds of pull
# requests are not looked through for it.
_LAST_RUNS = f"""
    SELECT p.id, {_PIPELINE}, home.branch AS ref, b.status, b.duration_seconds, b.queued_seconds,
           extract(epoch FROM b.queued_at) AS queued_at, coalesce(judged.status, noted.status) AS verdict,
           extract(epoch FROM coalesce(judged.queued_at, noted.queued_at)) AS judged_at
    FROM unnest(CAST(:pipelines AS bigint[])) AS s(id) JOIN pipelines p ON p.id = s.id {_JOINS}
    CROSS JOIN LATERAL (SELECT coalesce(p.default_branch, r.default_branch)) AS home(branch)
    LEFT JOIN LATERAL (
        SELECT n.id FROM (
            SELECT b.id, b.branch FROM builds b WHERE b.pipeline_id = p.id
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {NEWEST_BUILDS}
        ) n WHERE home.branch IS NULL OR n.branch = home.branch LIMIT 1
    ) near ON true
    LEFT JOIN LATERAL (
        SELECT n.status, n.queued_at FROM (
            SELECT b.branch, b.queued_at, {JUDGED} AS status FROM builds b WHERE b.pipeline_id = p.id
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {NEWEST_BUILDS}
        ) n WHERE (home.branch IS NULL OR n.branch = home.branch) AND n.status IS NOT NULL LIMIT 1
    ) judged ON true
    LEFT JOIN verdicts noted ON judged.status IS NULL AND noted.pipeline_id = p.id AND noted.branch = home.branch
    LEFT JOIN LATERAL (
        SELECT b.id FROM (
            SELECT m.starts_at FROM metric_cells m
            WHERE near.id IS NULL AND m.scope = {CellScope.PIPELINE:d} AND m.scope_id = p.id
              AND m.grain = {Grain.DAY:d} AND m.branch_class = {BranchClass.DEFAULT:d} AND m.builds > 0
              AND m.{OF_BUILDS_ONLY}
            ORDER BY m.starts_at DESC LIMIT 1
        ) d CROSS JOIN LATERAL (
            SELECT b.id FROM builds b
            WHERE b.pipeline_id = p.id AND b.branch = home.branch
              AND b.queued_at >= d.starts_at AND b.queued_at < d.starts_at + interval '24 hours'
            ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
        ) b
    ) far ON true
    JOIN builds b ON b.id = coalesce(near.id, far.id, noted.build_id)
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

# From receiver to receiver by the index, because there are few of them and any number of messages.
_DELIVERIES = f"""
    WITH RECURSIVE receivers(name) AS (
        SELECT min(receiver) FROM deliveries
        UNION ALL
        SELECT (SELECT min(d.receiver) FROM deliveries d WHERE d.receiver > r.name) FROM receivers r
        WHERE r.name IS NOT NULL
    )
    SELECT r.name AS channel, d.state AS result, count(*) AS messages
    FROM receivers r CROSS JOIN LATERAL (
        SELECT d.state, d.created_at FROM deliveries d WHERE d.receiver = r.name
        ORDER BY d.id DESC LIMIT {MOST_DELIVERIES}
    ) d
    WHERE d.created_at > now() - interval '1 day' GROUP BY 1, 2 ORDER BY 1, 2
"""

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

# Every job that schedulers have, so that a series does not begin with its first failure.
_JOB_FAILURES = f"""
    SELECT j.name AS scheduler_job, coalesce(max((t.told ->> 'failures')::bigint), 0) AS failures
    FROM unnest(CAST(:jobs AS text[])) AS j(name) LEFT JOIN (
        SELECT jsonb_array_elements(troubles) AS told FROM processes WHERE {LIVING}
    ) t ON t.told ->> 'job' = j.name
    GROUP BY 1 ORDER BY 1
"""

_PROCESSES = "SELECT kind, host, pid, extract(epoch FROM heartbeat_at) AS heartbeat_at FROM processes"

_TOTALS = f"""
    SELECT (SELECT coalesce(max(pos), 0) FROM events) AS events,
           (SELECT count(*) FROM (SELECT FROM quarantine LIMIT {MOST_QUARANTINED}) q) AS quarantined
"""

_TELEMETRY = """
    SELECT sent, dropped, metrics_dropped, failures, (SELECT coalesce(max(pos), 0) FROM events) - pos AS behind,
           extract(epoch FROM last_sent_at) AS last_sent_at
    FROM telemetry
"""


def pipelines(session: Session, most: int) -> list[Row]:
    """The pipelines with most builds on record, by id where they have as many; `pipelines` is how many ever built."""
    return rows(session, _PIPELINES, {"most": most})


def last_runs(session: Session, pipelines: Sequence[int]) -> list[Row]:
    """The newest build of the default branch of each of these pipelines, and the branch's newest `verdict`.

    `ref` is None, and the newest build of all is meant, where no default branch is known. A build that is open and lies
    behind so many newer builds of other branches is not seen until it ends.
    """
    return rows(session, _LAST_RUNS, {"pipelines": list(pipelines)})


def active_runs(session: Session) -> list[Row]:
    """Open builds by provider and status."""
    return rows(session, _ACTIVE)


def budgets(session: Session) -> list[Row]:
    """Requests left by credential."""
    return rows(session, _BUDGETS)


def deliveries(session: Session) -> list[Row]:
    """Messages made in the last day by receiver and state."""
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


def job_failures(session: Session) -> list[Row]:
    """Each job of the living schedulers with how often it has failed in a row, 0 where it comes through."""
    return rows(session, _JOB_FAILURES, {"jobs": [job for job in Job if job is not Job.HEARTBEAT]})


def totals(session: Session) -> Row:
    """The head of the event log, and the rows in quarantine."""
    return rows(session, _TOTALS)[0]


def telemetry(session: Session) -> list[Row]:
    """How the receiver of telemetry is told: one row, none where it was never switched on."""
    return rows(session, _TELEMETRY)

"""Triage: the failures of a window by what broke and by the job that failed, and what they have in common."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from shared.build_filter import BuildFilter
from shared.incident_queries import MOST_JOBS_OF_BUILD, incident_objects
from shared.metrics.links import builds_link
from shared.metrics.periods import periods
from shared.metrics.subject import subject_of
from shared.metrics.window import Window
from shared.rows import Row, as_int, rows
from shared.status import BROKEN, literals
from shared.triage_grid import MOST_BUILDS, by_runner, counted

MOST_GROUPS = 100

_SHOWN_BUILDS = 5

_BROKEN = literals(BROKEN)

_FAILED = """
    WITH failed AS (
        SELECT b.id, b.pipeline_id, b.branch, b.attempt, b.queued_at, coalesce(b.finished_at, b.recorded_at) AS ended_at
        FROM unnest(CAST(:builds AS bigint[])) AS u(id) JOIN builds b ON b.id = u.id
    )
"""
_GROUPED = f"""
    count(*) AS builds, min(f.queued_at) AS first_at, max(f.queued_at) AS last_at,
    (array_agg(f.id ORDER BY f.queued_at DESC, f.id DESC))[1:{_SHOWN_BUILDS}] AS build_ids
"""

# The newest incident that had begun when a build failed, if it was not over by then.
_BY_INCIDENT = f"""
    {_FAILED}
    SELECT g.*, count(*) OVER () AS group_count, (sum(builds) OVER ())::bigint AS grouped
    FROM (
        SELECT n.id, n.opened_at, n.fixed_at, {_GROUPED}
        FROM failed f CROSS JOIN LATERAL (
            SELECT n.id, n.opened_at, n.fixed_at FROM incidents n
            WHERE n.pipeline_id = f.pipeline_id AND n.branch = coalesce(f.branch, '') AND n.opened_at <= f.ended_at
            ORDER BY n.opened_at DESC LIMIT 1
        ) n
        WHERE n.fixed_at IS NULL OR n.fixed_at > f.ended_at
        GROUP BY n.id, n.opened_at, n.fixed_at
    ) g
    ORDER BY g.fixed_at IS NOT NULL, coalesce(g.fixed_at, now()) - g.opened_at DESC, g.id LIMIT {MOST_GROUPS}
"""

_BY_JOB = f"""
    {_FAILED}
    SELECT g.*, count(*) OVER () AS group_count
    FROM (
        SELECT j.name, {_GROUPED}, count(DISTINCT f.pipeline_id) AS pipelines, count(DISTINCT f.branch) AS branches
        FROM failed f LEFT JOIN LATERAL (
            SELECT DISTINCT j.name
            FROM (SELECT * FROM jobs j WHERE j.build_id = f.id AND j.attempt = f.attempt
                  LIMIT {MOST_JOBS_OF_BUILD}) j
            WHERE j.status IN ({_BROKEN})
        ) j ON true
        GROUP BY j.name
    ) g
    ORDER BY g.builds DESC, g.last_at DESC, g.name LIMIT {MOST_GROUPS}
"""

_GROUP = ("builds", "first_at", "last_at", "build_ids")


def triage(session: Session, wanted: BuildFilter, frame: Window, timezone: str) -> Row:
    """What an answer says of the failures that a filter's scope and branches name, queued in a window.

    Counted are the newest MOST_BUILDS builds of it; groups are made of the newest failures among them.
    """
    subject = replace(subject_of(session, wanted), has_cells=False)
    span = periods(session, subject, frame, has_before=False, most=MOST_BUILDS)
    found = counted(session, span.subject, span.read_frame, timezone)
    grid = found.grid | {"runner": by_runner(session, found.sample)}
    narrowing = ",".join(sorted(BROKEN))
    return (
        {"window": span.as_row, "timezone": timezone, "failures": found.failures, "verdicts": found.verdicts}
        | {"grouped": len(found.newest), "link": builds_link(wanted, span.read_frame, status=narrowing)}
        | _incidents(session, found.newest)
        | _jobs(session, found.newest)
        | {"grid": grid, "runner_sample": {"builds": len(found.sample), "every": found.every}}
    )


def _incidents(session: Session, builds: Sequence[int]) -> Row:
    groups = rows(session, _BY_INCIDENT, {"builds": list(builds)})
    incidents = incident_objects(session, (as_int(row["id"]) for row in groups))
    return {
        "incidents": [{"incident": incidents[as_int(row["id"])]} | _group(row) for row in groups],
        "incident_count": _count(groups),
        "without_incident": len(builds) - (as_int(groups[0]["grouped"]) if groups else 0),
    }


def _jobs(session: Session, builds: Sequence[int]) -> Row:
    groups = rows(session, _BY_JOB, {"builds": list(builds)})
    names = ("name", "pipelines", "branches")
    return {"jobs": [{name: row[name] for name in names} | _group(row) for row in groups], "job_count": _count(groups)}


def _group(row: Row) -> Row:
    return {name: row[name] for name in _GROUP}


def _count(groups: Sequence[Row]) -> int:
    return as_int(groups[0]["group_count"]) if groups else 0

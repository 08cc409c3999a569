"""Incidents and their events written as rows, for those who only read them."""

from typing import Any

from sqlalchemy import Engine, text

from shared.metrics.contributions import OF_INCIDENTS
from tests.factories import NOON

CHANGES = text(f"""
    INSERT INTO metric_changes (build_id, pipeline_id, branch, queued_at, status, builds, first_tries, duration_ms,
                                queued_ms)
    SELECT build_id, pipeline_id, branch, queued_at, status, builds, first_tries, duration_ms, queued_ms
    FROM ({OF_INCIDENTS.format(where="b.id = :id")}) c
""")


def an_incident(engine: Engine, **overrides: Any) -> int:
    """Commit an incident of pipeline 1 on main, open since noon, first and last bad build 1; returns its id.

    Figures learn of it as the planner has them learn.
    """
    opened_at = overrides.get("opened_at", NOON)
    columns: dict[str, Any] = {
        "pipeline_id": 1,
        "branch": "main",
        "project_id": 1,
        "status": "broken" if overrides.get("fixed_at") is None else "fixed",
        "opened_at": opened_at,
        "last_failed_at": opened_at,
        "first_bad_build_id": 1,
        "first_bad_attempt": 1,
        "last_bad_build_id": 1,
        "last_bad_attempt": 1,
    } | overrides
    statement = text(f"""
        INSERT INTO incidents ({", ".join(columns)}) VALUES ({", ".join(f":{name}" for name in columns)}) RETURNING id
    """)
    with engine.begin() as connection:
        incident_id = int(connection.execute(statement, columns).scalar_one())
        connection.execute(CHANGES, {"id": incident_id})
    return incident_id


def an_incident_event(engine: Engine, incident_id: int, **overrides: Any) -> int:
    """Commit an event of this incident at the head of the log and wake who listens; returns its position."""
    columns: dict[str, Any] = {
        "version": 1,
        "from_status": None,
        "to_status": "broken",
        "at": NOON,
        "is_backfill": False,
    } | overrides
    statement = text("""
        INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version, from_status, to_status,
                            is_backfill, at, data)
        SELECT coalesce(max(pos), 0) + 1, 'transition', 'incident', :incident_id, 1, :version, :from_status,
               :to_status, :is_backfill, :at,
               '{"pipeline_id": 1, "branch": "main", "build_id": 1, "attempt": 1, "failures": 1}'
        FROM events RETURNING pos
    """)
    with engine.begin() as connection:
        pos = connection.execute(statement, columns | {"incident_id": incident_id}).scalar_one()
        connection.execute(text("SELECT pg_notify('observatory', '')"))
    return int(pos)

"""What lies under one build: its jobs, its trail in the event log."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.rows import Row, rows

_JOBS = """
    SELECT id, attempt, external_id, name, stage, status, raw_status, queued_at, started_at, finished_at,
           extract(epoch FROM greatest(finished_at - started_at, interval '0'))::float8 AS duration_seconds,
           runner, web_url
    FROM jobs
    WHERE build_id = :build_id AND (CAST(:attempt AS int) IS NULL OR attempt = :attempt)
      AND (attempt, id) > (:after_attempt, :after_id)
    ORDER BY attempt, id LIMIT :limit
"""

_EVENTS = """
    SELECT pos, kind, attempt, version, from_status, to_status, is_superseded, is_backfill, at, recorded_at, data
    FROM events
    WHERE subject_kind = 'build' AND subject_id = :build_id AND pos > :after
    ORDER BY pos LIMIT :limit
"""

_EXISTS = "SELECT EXISTS (SELECT FROM builds WHERE id = :build_id)"

_INSTANCE = """
    SELECT i.name FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    WHERE b.id = :build_id
"""


def build_exists(session: Session, build_id: int) -> bool:
    """Whether there is a build with this id."""
    return bool(session.scalar(text(_EXISTS), {"build_id": build_id}))


def instance_of(session: Session, build_id: int) -> str | None:
    """The name of the installation a build is from; None when there is no such build."""
    instance: str | None = session.scalar(text(_INSTANCE), {"build_id": build_id})
    return instance


def jobs(
    session: Session, build_id: int, *, attempt: int | None, limit: int, after: tuple[int, int] | None = None
) -> list[Row]:
    """Jobs of a build (of one attempt, or of all), by attempt and then in the order they were first seen."""
    after_attempt, after_id = after or (0, 0)
    parameters = {"build_id": build_id, "attempt": attempt, "limit": limit}
    return rows(session, _JOBS, parameters | {"after_attempt": after_attempt, "after_id": after_id})


def build_events(session: Session, build_id: int, *, limit: int, after: int = 0) -> list[Row]:
    """The events of a build from position `after` on, in the order of the log."""
    parameters = {"build_id": build_id, "limit": limit, "after": after}
    return rows(session, _EVENTS, parameters)

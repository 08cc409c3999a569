"""What lies under one build and beside it: attempts, jobs, its trail in the event log, its parent and children."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.rows import Row, rows

_ATTEMPTS = """
    SELECT number, status, raw_status, is_unstable, cancel_reason, started_at, finished_at, duration_seconds,
           queued_seconds, web_url, has_jobs, recorded_at
    FROM attempts WHERE build_id = :build_id ORDER BY number
"""

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

# Which build a parent's ids mean is settled by the constraints on them. What is not recorded stays null.
_PARENT = """
    SELECT b.id, p.id AS pipeline_id, coalesce(b.pipeline_name, p.name) AS pipeline_name, b.status, b.web_url,
           c.metadata -> 'parent' ->> 'external_id' AS external_id
    FROM builds c
    JOIN pipelines o ON o.id = c.pipeline_id
    LEFT JOIN pipelines p ON p.instance_id = o.instance_id
                         AND p.external_id = c.metadata -> 'parent' ->> 'pipeline_external_id'
    LEFT JOIN builds b ON b.pipeline_id = p.id AND b.external_id = c.metadata -> 'parent' ->> 'external_id'
    WHERE c.id = :build_id AND c.metadata -> 'parent' ->> 'external_id' IS NOT NULL
"""

# `ix_builds_parent` holds a build's children newest first. Other instances may use the same ids; theirs are left out.
_CHILDREN = """
    SELECT c.id, c.pipeline_id, c.pipeline_name, c.status, c.web_url, c.external_id
    FROM builds b
    JOIN pipelines p ON p.id = b.pipeline_id
    CROSS JOIN LATERAL (
        SELECT k.* FROM builds k JOIN pipelines o ON o.id = k.pipeline_id
        WHERE k.metadata -> 'parent' ->> 'external_id' = b.external_id
          AND k.metadata -> 'parent' ->> 'pipeline_external_id' = p.external_id
          AND o.instance_id = p.instance_id
        ORDER BY k.queued_at DESC, k.id DESC LIMIT :limit
    ) c
    WHERE b.id = :build_id
    ORDER BY c.queued_at DESC, c.id DESC
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


def attempts(session: Session, build_id: int) -> list[Row]:
    """All attempts of a build, first to latest."""
    return rows(session, _ATTEMPTS, {"build_id": build_id})


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


def parent(session: Session, build_id: int) -> Row | None:
    """The build that started this one, in short; None when nothing says that one did.

    Where it is not recorded only `external_id` is sure to be known: `id`, `status` and `web_url` are null.
    """
    found = rows(session, _PARENT, {"build_id": build_id})
    return found[0] if found else None


def children(session: Session, build_id: int, *, limit: int) -> list[Row]:
    """The builds of its instance that this one started, in short, newest first, `limit` at most."""
    return rows(session, _CHILDREN, {"build_id": build_id, "limit": limit})

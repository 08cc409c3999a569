"""The one build object, as everyone outside sees builds."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from shared.ghosts import STALE_SINCE
from shared.rows import Row, as_int, rows

BUILD_COLUMNS = f"""
    b.id, i.provider, i.name AS instance, j.key AS project, b.pipeline_id, b.pipeline_name, r.name AS repository,
    b.external_id, b.number, b.attempt, b.status, b.raw_status, b.is_unstable, b.branch, b.commit_sha,
    b.commit_message, b.author, b.event, b.queued_at, b.started_at, b.finished_at, b.duration_seconds,
    b.queued_seconds, b.progress, b.web_url, b.recorded_at, {STALE_SINCE} AS stale_since
"""

BUILD_JOINS = """
    JOIN pipelines p ON p.id = b.pipeline_id
    JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

BUILD_SELECT = f"SELECT {BUILD_COLUMNS} FROM builds b {BUILD_JOINS}"
"""The build object of DESIGN.md as SQL; every place that shows a build selects exactly this."""

_BY_ID = f"{BUILD_SELECT} WHERE b.id = ANY(:ids)"


def build_objects(session: Session, ids: Iterable[int]) -> dict[int, Row]:
    """The build objects with these ids, by id, in one statement; an id that does not exist is simply absent."""
    return {as_int(row["id"]): row for row in rows(session, _BY_ID, {"ids": sorted(set(ids))})}

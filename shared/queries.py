"""Builds as everyone outside sees them: the one build object, lists of it, and what lies under one build."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from shared.ghosts import STALE_SINCE
from shared.reading import plan_by_values
from shared.rows import Row, as_int, rows
from shared.scope import Scope, pipelines_in
from shared.status import FINISHED, Status

__all__ = [
    "BUILD_COLUMNS",
    "BUILD_JOINS",
    "BUILD_SELECT",
    "BuildFilter",
    "Position",
    "Row",
    "build_objects",
    "list_builds",
]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFilter:
    """What a list of builds is narrowed to; empty says nothing, several values of one filter mean any of them.

    `since` (included) and `until` (excluded) bound `queued_at`. `text` is looked for as it stands, in any case.
    """

    scope: Scope = field(default_factory=Scope)
    branch: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    author: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


Position: TypeAlias = tuple[datetime, int]
"""Where a page of builds ended: the last build's `queued_at` and `id`."""

# Each pipeline's newest builds come off its own index, so a page costs (pipelines x limit) index entries however many
# builds there are. Past this many pipelines the scope is wide enough for the index over all builds to meet it soon.
SEEK_PIPELINES = 100

_MATCHES = {
    "branch": "b.branch = ANY(:branch)",
    "status": "b.status = ANY(:status)",
    "author": "b.author = ANY(:author)",
    "event": "b.event = ANY(:event)",
    "since": "b.queued_at >= :since",
    "until": "b.queued_at < :until",
}

_TEXT = """(b.commit_message ILIKE :text OR b.pipeline_name ILIKE :text OR b.branch ILIKE :text
            OR b.author ILIKE :text OR b.commit_sha ILIKE :text)"""

_PIPELINES = "unnest(CAST(:pipelines AS bigint[]))"
_STATUSES = "unnest(CAST(:status AS text[]))"

_AFTER = "(b.queued_at, b.id) < (:queued_at, :id)"


def list_builds(
    session: Session,
    wanted: BuildFilter,
    *,
    limit: int,
    after: Position | None = None,
    seek_pipelines: int = SEEK_PIPELINES,
) -> list[Row]:
    """At most `limit` build objects, newest `(queued_at, id)` first, from below `after` on.

    Both halves of the position never change once a build is recorded, so pages neither repeat nor skip a build that
    was there when the first page was read. One statement; two when anything is narrowed, three when the scope is.
    """
    pipelines = pipelines_in(session, wanted.scope)
    if pipelines == []:
        return []
    if wanted != BuildFilter():
        plan_by_values(session)
    conditions, parameters = build_conditions(wanted)
    if after is not None:
        conditions.append(_AFTER)
        parameters |= {"queued_at": after[0], "id": after[1]}
    seek = _seek(wanted, pipelines, seek_pipelines)
    if pipelines is not None:
        parameters["pipelines"] = pipelines
        conditions.append("b.pipeline_id = seek.value" if seek is _PIPELINES else "b.pipeline_id = ANY(:pipelines)")
    if seek is _STATUSES:
        conditions.append("b.status = seek.value")
    return rows(session, _page_statement(seek, conditions, limit), parameters)


def build_conditions(wanted: BuildFilter) -> tuple[list[str], dict[str, object]]:
    """SQL conditions over `b` for everything but the scope, and their parameters."""
    given: dict[str, object] = {}
    for name in _MATCHES:
        value = getattr(wanted, name)
        if value:
            given[name] = list(value) if isinstance(value, tuple) else value
    conditions = [_MATCHES[name] for name in given]
    if wanted.status and not FINISHED.intersection(wanted.status) and Status.UNKNOWN not in wanted.status:
        # True of every such row anyway; said so that the small index of open builds can serve it.
        conditions.append("NOT b.is_finished")
    if wanted.text is not None:
        conditions.append(_TEXT)
        given["text"] = f"%{escape_like(wanted.text)}%"
    return conditions, given


def escape_like(words: str) -> str:
    r"""Text that LIKE takes literally: `50%` finds "50%", not "50" and anything."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _seek(wanted: BuildFilter, pipelines: list[int] | None, seek_pipelines: int) -> str | None:
    """Choose what to walk index by index: few pipelines, else the statuses; None walks all builds, newest first."""
    if pipelines is not None and len(pipelines) <= seek_pipelines:
        return _PIPELINES
    return _STATUSES if wanted.status else None


def _page_statement(seek: str | None, conditions: list[str], limit: int) -> str:
    """The page's ids from the indexes first, then the wide rows of just those.

    The limit is no parameter: a plan kept for any limit expects a tenth of all builds and reads the whole table.
    """
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    newest = "ORDER BY b.queued_at DESC, b.id DESC"
    ids = f"SELECT b.id, b.queued_at FROM builds b {where} {newest} LIMIT {limit:d}"
    if seek is not None:
        ids = f"SELECT b.id FROM {seek} AS seek(value) CROSS JOIN LATERAL ({ids}) b {newest} LIMIT {limit:d}"
    return f"SELECT {BUILD_COLUMNS} FROM ({ids}) page JOIN builds b ON b.id = page.id {BUILD_JOINS} {newest}"

"""What the planner reads: the next events of the log, and the verdicts they may change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.message import Kind, Message
from alerts.verdicts import Transition, Verdict
from shared.status import VERDICTS, Status

Key = tuple[int, str]
"""A pipeline and its branch."""

_WORDS = ", ".join(f"'{status}'" for status in sorted(VERDICTS))

# Every event past the cursor comes back, of whatever subject and status, so that the last row says where the cursor
# goes; only those that bring a verdict bring their build.
_EVENTS = text(f"""
    SELECT e.pos, e.attempt, e.from_status, e.to_status, e.is_superseded, e.is_backfill, e.recorded_at,
           CASE WHEN a.status = e.to_status THEN coalesce(a.finished_at, e.at) ELSE e.at END AS finished_at,
           CASE WHEN a.status = e.to_status THEN a.duration_seconds END AS duration_seconds,
           coalesce(a.status = e.to_status AND a.is_unstable, false) AS is_unstable,
           b.id AS build_id, b.pipeline_id, b.pipeline_name, b.branch, b.number, b.queued_at, b.commit_sha,
           b.commit_message, b.author, b.event AS trigger, coalesce(a.web_url, b.web_url) AS web_url,
           i.name AS instance, r.name AS repository, coalesce(p.default_branch, r.default_branch) AS default_branch,
           s.baseline_at
    FROM (SELECT * FROM events WHERE pos > :after ORDER BY pos LIMIT :batch) e
    LEFT JOIN builds b ON e.subject_kind = 'build' AND e.to_status IN ({_WORDS}) AND b.id = e.subject_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = e.attempt
    LEFT JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN instances i ON i.id = p.instance_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN sources s ON s.id = p.source_id
    ORDER BY e.pos
""")

_VERDICTS = text("""
    SELECT v.pipeline_id, v.branch, v.status, v.build_id, v.attempt, v.queued_at, v.since, v.is_announced
    FROM unnest(CAST(:pipelines AS bigint[]), CAST(:branches AS text[])) AS wanted(pipeline_id, branch)
    JOIN verdicts v USING (pipeline_id, branch)
""")


@dataclass(frozen=True, slots=True)
class Logged:
    """A verdict in the log: where, of which pipeline and branch, and the row that tells the rest."""

    pos: int
    key: Key
    transition: Transition
    row: Row[Any]


def read_events(session: Session, after: int, batch: int) -> tuple[list[Logged], int, int]:
    """The verdicts among the next `batch` events, how many events that were, and the position of the last one."""
    rows = session.execute(_EVENTS, {"after": after, "batch": batch}).all()
    logged = [
        Logged(row.pos, (row.pipeline_id, row.branch or row.default_branch or ""), _transition(row), row)
        for row in rows
        if row.build_id is not None
    ]
    return logged, len(rows), rows[-1].pos if rows else after


def read_verdicts(session: Session, keys: Iterable[Key]) -> dict[Key, Verdict]:
    """The verdicts that are known of these pipelines and branches."""
    wanted = sorted(set(keys))
    rows = session.execute(_VERDICTS, {"pipelines": [key[0] for key in wanted], "branches": [key[1] for key in wanted]})
    return {(row.pipeline_id, row.branch): _verdict(row) for row in rows}


def message_of(logged: Logged, kind: Kind, broken_since: datetime) -> Message:
    """What is told about a verdict."""
    row = logged.row
    return Message(
        kind=kind,
        status=logged.transition.to_status,
        is_unstable=row.is_unstable,
        instance=row.instance,
        repository=row.repository,
        pipeline=row.pipeline_name,
        branch=row.branch,
        build_id=row.build_id,
        number=row.number,
        attempt=row.attempt,
        commit_sha=row.commit_sha,
        commit_message=row.commit_message,
        author=row.author,
        duration_seconds=row.duration_seconds,
        finished_at=row.finished_at,
        broken_since=broken_since,
        web_url=row.web_url,
    )


def _transition(row: Row[Any]) -> Transition:
    return Transition(
        build_id=row.build_id,
        attempt=row.attempt,
        queued_at=row.queued_at,
        branch=row.branch,
        default_branch=row.default_branch,
        trigger=row.trigger,
        from_status=None if row.from_status is None else Status(row.from_status),
        to_status=Status(row.to_status),
        is_superseded=row.is_superseded,
        is_backfill=row.is_backfill,
        finished_at=row.finished_at,
        recorded_at=row.recorded_at,
        baseline_at=row.baseline_at,
    )


def _verdict(row: Row[Any]) -> Verdict:
    return Verdict(Status(row.status), row.build_id, row.attempt, row.queued_at, row.since, row.is_announced)

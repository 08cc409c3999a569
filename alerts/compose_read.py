"""What a message is composed of: the news a receiver has coming, the builds that get a line, what a thread is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.grouping import Telling
from alerts.message import Kind, Message
from alerts.usual import usual_seconds
from shared.config.routes import Subject, Told
from shared.incident_status import OPEN, IncidentStatus
from shared.status import Status

NAMED_SUBJECT = """
    i.branch, n.provider, n.name AS instance, o.key AS project, o.team, r.name AS repository, p.name AS pipeline,
    i.branch IN ('', coalesce(p.default_branch, r.default_branch, '')) AS is_default_branch
"""
"""The columns that `subject_of` reads."""

NAMED_BY = """
    JOIN pipelines p ON p.id = i.pipeline_id
    JOIN instances n ON n.id = p.instance_id
    JOIN projects o ON o.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""
"""Joins to the incident `i` what names it."""

# What is due, and what came in the meantime and waits for nothing but the rest of its group. Which routes asked is what
# their routings say that nobody has settled; a reminder was asked for by nobody anew, so there it is all that ever did.
_WAITING = text(f"""
    SELECT t.incident_id, i.version, i.status, i.failures, i.opened_at, {NAMED_SUBJECT},
           coalesce(asked.routes, t.asked_by) AS routes, t.asked_by, t.wants, t.told, t.told_failures, t.wanted_at,
           t.wanted_pos, coalesce(t.news_at, t.wanted_at) AS news_at, coalesce(t.due_at, t.wanted_at) AS due_at,
           t.why, t.held, t.is_reminder, t.is_tried, t.thread_id, c.next_at AS turn_at
    FROM tellings t
    JOIN incidents i ON i.id = t.incident_id
    LEFT JOIN threads c ON c.id = t.thread_id
    {NAMED_BY}
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT g.route ORDER BY g.route) AS routes FROM routings g
        WHERE g.receiver = t.receiver AND g.incident_id = t.incident_id AND g.outcome IN ('queued', 'held')
    ) asked ON true
    WHERE t.receiver = :receiver AND t.wanted_at IS NOT NULL AND (t.due_at <= :now OR t.held IS NULL)
    ORDER BY t.incident_id
""")

# A break shows the build that broke it, which is the one to look at; what goes on shows the latest one.
_TOLD_BUILDS = text(f"""
    SELECT i.id AS incident_id, i.opened_at, i.fixed_at, i.failures, i.flaps, i.pipeline_id, {NAMED_SUBJECT},
           b.id AS build_id, b.number, b.commit_sha, b.commit_message, b.author, shown.attempt,
           coalesce(a.status, b.status) AS status, coalesce(a.is_unstable, false) AS is_unstable,
           coalesce(a.duration_seconds, b.duration_seconds) AS duration_seconds,
           coalesce(a.finished_at, b.finished_at, i.last_failed_at) AS finished_at,
           coalesce(a.web_url, b.web_url) AS web_url
    FROM unnest(CAST(:incidents AS bigint[]), CAST(:kinds AS text[])) AS told(incident_id, kind)
    JOIN incidents i ON i.id = told.incident_id
    {NAMED_BY}
    CROSS JOIN LATERAL (
        SELECT CASE WHEN told.kind = 'broke' THEN i.first_bad_build_id
                    WHEN told.kind IN ('fixed', 'recovered') AND i.fixed_build_id IS NOT NULL THEN i.fixed_build_id
                    ELSE i.last_bad_build_id END AS build_id,
               CASE WHEN told.kind = 'broke' THEN i.first_bad_attempt
                    WHEN told.kind IN ('fixed', 'recovered') AND i.fixed_build_id IS NOT NULL THEN i.fixed_attempt
                    ELSE i.last_bad_attempt END AS attempt
    ) shown
    JOIN builds b ON b.id = shown.build_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = shown.attempt
""")

_MEMBERS = text("""
    SELECT i.id AS incident_id, i.status, i.failures,
           (SELECT min(d.id) FROM deliveries d WHERE d.receiver = :receiver AND d.thread_id = :thread_id) AS first_id
    FROM tellings t JOIN incidents i ON i.id = t.incident_id
    WHERE t.thread_id = :thread_id
    ORDER BY i.status = 'fixed', i.opened_at, i.id
""")


@dataclass(frozen=True, slots=True)
class Member:
    """One incident of a thread as it stands now; `first_id` is the delivery that began the thread."""

    incident_id: int
    kind: Kind
    first_id: int


def read_waiting(session: Session, receiver: str, now: datetime) -> list[Telling]:
    """What the receiver may hear of now, whatever becomes of it."""
    return [_telling(row) for row in session.execute(_WAITING, {"receiver": receiver, "now": now})]


def read_members(session: Session, receiver: str, thread_id: int) -> list[Member]:
    """Every incident that was told in a thread, the open ones first."""
    rows = session.execute(_MEMBERS, {"receiver": receiver, "thread_id": thread_id})
    return [Member(row.incident_id, _standing_kind(row), row.first_id or 0) for row in rows]


def read_messages(
    session: Session, told: Sequence[tuple[int, Kind]], whys: Mapping[int, str | None], timezone: str
) -> list[Message]:
    """What is said of these incidents, in their order; those whose build nobody knows are left out."""
    given = {"incidents": [incident for incident, _ in told], "kinds": [str(kind) for _, kind in told]}
    found = {row.incident_id: row for row in session.execute(_TOLD_BUILDS, given)}
    usual = usual_seconds(session, {row.pipeline_id for row in found.values()})
    return [
        _message(row, kind, usual.get(row.pipeline_id), whys.get(incident), timezone)
        for incident, kind in told
        if (row := found.get(incident)) is not None
    ]


def subject_of(row: Row[Any]) -> Subject:
    """Whom an incident is about, by name."""
    return Subject(
        provider=row.provider,
        instance=row.instance,
        project=row.project,
        team=row.team,
        repository=row.repository,
        pipeline=row.pipeline,
        branch=row.branch or None,
        is_default_branch=row.is_default_branch,
    )


def _telling(row: Row[Any]) -> Telling:
    return Telling(
        incident_id=row.incident_id,
        subject=subject_of(row),
        version=row.version,
        status=IncidentStatus(row.status),
        failures=row.failures,
        opened_at=row.opened_at,
        routes=tuple(row.routes),
        wants=_words(row.wants),
        told=None if row.told is None else IncidentStatus(row.told),
        told_failures=row.told_failures,
        wanted_at=row.wanted_at,
        wanted_pos=row.wanted_pos,
        news_at=row.news_at,
        due_at=row.due_at,
        why=row.why,
        held=row.held,
        is_reminder=row.is_reminder,
        is_tried=row.is_tried,
        thread_id=row.thread_id,
        turn_at=row.turn_at,
        asked_by=tuple(row.asked_by),
    )


def _words(wants: Iterable[str]) -> frozenset[Told]:
    return frozenset(map(Told, wants))


def _standing_kind(row: Row[Any]) -> Kind:
    status = IncidentStatus(row.status)
    if status not in OPEN:
        return Kind.FIXED
    if status is IncidentStatus.FLAPPING:
        return Kind.FLAPPING
    return Kind.STILL_FAILING if row.failures > 1 else Kind.BROKE


def _message(row: Row[Any], kind: Kind, usual: float | None, why: str | None, timezone: str) -> Message:
    return Message(
        kind=kind,
        status=Status(row.status),
        is_unstable=row.is_unstable,
        instance=row.instance,
        repository=row.repository,
        pipeline=row.pipeline,
        branch=row.branch or None,
        build_id=row.build_id,
        number=row.number,
        attempt=row.attempt,
        commit_sha=row.commit_sha,
        commit_message=row.commit_message,
        author=row.author,
        duration_seconds=row.duration_seconds,
        finished_at=row.finished_at,
        broken_since=row.opened_at,
        web_url=row.web_url,
        breaks=row.flaps + 1,
        usual_seconds=usual,
        incident_id=row.incident_id,
        failures=row.failures,
        fixed_at=row.fixed_at,
        why=why,
        timezone=timezone,
    )

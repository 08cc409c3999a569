"""What the planner reads: the next events of the log, and how the branches stand that they may change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.incidents import FLAPPING_WITHIN, Incident, Place, Standing
from alerts.message import Kind, Message
from alerts.verdicts import Transition, Verdict, is_of_request
from shared.config.routes import Subject
from shared.incident_status import IncidentStatus
from shared.status import BROKEN, VERDICTS, Status, literals

Key = tuple[int, str]
"""A pipeline and its branch."""

Heard = Mapping[int, frozenset[str]]
"""The receivers that were to hear of an incident, by its id."""

SUBJECT = "incident"
"""What the planner's own events are about."""

_WORDS = literals(VERDICTS)

# Every event past the cursor comes back, of whatever status, so that the last row says where the cursor goes; only
# those that bring a verdict bring their build, unless a raw feed wants them all. What the planner wrote itself about
# incidents is passed over, and for its sake there is always a row, which knows the log's last position as of the same
# moment.
_EVENTS = f"""
    SELECT e.pos, e.attempt, e.from_status, e.to_status, e.is_superseded, e.is_backfill, e.recorded_at,
           CASE WHEN a.status = e.to_status THEN coalesce(a.finished_at, e.at) ELSE e.at END AS finished_at,
           CASE WHEN a.status = e.to_status THEN a.duration_seconds END AS duration_seconds,
           coalesce(a.status = e.to_status AND a.is_unstable, false) AS is_unstable,
           b.id AS build_id, b.pipeline_id, b.project_id, b.pipeline_name, b.branch, b.number, b.queued_at,
           b.commit_sha, b.commit_message, b.author, b.event AS trigger, coalesce(a.web_url, b.web_url) AS web_url,
           i.provider, i.name AS instance, j.key AS project, j.team, r.name AS repository, p.name AS pipeline,
           coalesce(p.default_branch, r.default_branch) AS default_branch, s.baseline_at, log.head
    FROM (SELECT coalesce(max(pos), 0) AS head FROM events) log
    LEFT JOIN (SELECT * FROM events WHERE pos > :after AND subject_kind <> '{SUBJECT}' ORDER BY pos LIMIT :batch) e
        ON true
    LEFT JOIN builds b ON e.subject_kind = 'build' %s AND b.id = e.subject_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = e.attempt
    LEFT JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN instances i ON i.id = p.instance_id
    LEFT JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN sources s ON s.id = p.source_id
    ORDER BY e.pos
"""

_VERDICTS = text(_EVENTS % f"AND e.to_status IN ({_WORDS})")
_TRANSITIONS = text(_EVENTS % "")

_COLUMNS = tuple(field.name for field in fields(Incident))

_MOST_OPENINGS = 100

# Of the openings only those count that lie within an hour before a failure; how many are read has an end, because an
# old build that comes late (a backfill brings thousands) reaches far back.
_STANDINGS = text(f"""
    SELECT v.pipeline_id, v.branch, v.status, v.build_id, v.attempt, v.queued_at, v.since, v.is_announced, v.passes,
           v.good_build_id, v.good_attempt,
           {", ".join(f"i.{name} AS incident_{name}" for name in _COLUMNS)},
           ARRAY(SELECT o.opened_at FROM incidents o
                 WHERE o.pipeline_id = v.pipeline_id AND o.branch = v.branch AND o.opened_at >= wanted.opened_after
                 ORDER BY o.opened_at DESC LIMIT {_MOST_OPENINGS}) AS openings,
           ARRAY(SELECT t.receiver FROM tellings t WHERE t.incident_id = v.incident_id) AS heard
    FROM unnest(CAST(:pipelines AS bigint[]), CAST(:branches AS text[]), CAST(:opened_after AS timestamptz[]))
        AS wanted(pipeline_id, branch, opened_after)
    JOIN verdicts v USING (pipeline_id, branch)
    LEFT JOIN incidents i ON i.id = v.incident_id
""")


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of a build in the log: where, of which pipeline and branch, and the row that tells the rest."""

    pos: int
    key: Key
    transition: Transition
    row: Row[Any]

    @property
    def place(self) -> Place:
        return Place(pipeline_id=self.key[0], branch=self.key[1], project_id=self.row.project_id)

    @property
    def subject(self) -> Subject:
        """What routes match; a pull request is of no pipeline's default branch, whatever its own is called."""
        row, branch = self.row, self.key[1]
        is_default_branch = branch == (row.default_branch or "") and not is_of_request(self.transition)
        return Subject(
            provider=row.provider,
            instance=row.instance,
            project=row.project,
            team=row.team,
            repository=row.repository,
            pipeline=row.pipeline,
            branch=branch or None,
            is_default_branch=is_default_branch,
        )


def read_events(
    session: Session, after: int, batch: int, *, has_transitions: bool = False
) -> tuple[list[Logged], int, int]:
    """The verdicts among the next `batch` events, how many events that were, and how far the log is read with them.

    With `has_transitions` every change of a build comes, whether it is a verdict or not.
    """
    statement = _TRANSITIONS if has_transitions else _VERDICTS
    rows = session.execute(statement, {"after": after, "batch": batch}).all()
    events = [row for row in rows if row.pos is not None]
    logged = [
        Logged(row.pos, (row.pipeline_id, row.branch or row.default_branch or ""), _transition(row), row)
        for row in events
        if row.build_id is not None
    ]
    return logged, len(events), events[-1].pos if len(events) == batch else rows[0].head


def read_standings(session: Session, logged: Collection[Logged]) -> tuple[dict[Key, Standing], Heard]:
    """How the branches of these events stand, as far as anything is known of them, and who heard of their incidents."""
    verdicts = [each for each in logged if each.transition.to_status in VERDICTS]
    wanted = sorted({each.key for each in verdicts})
    earliest = _earliest_failures(verdicts)
    given = {
        "pipelines": [key[0] for key in wanted],
        "branches": [key[1] for key in wanted],
        "opened_after": [earliest[key] - FLAPPING_WITHIN if key in earliest else None for key in wanted],
    }
    rows = session.execute(_STANDINGS, given).all()
    standings = {(row.pipeline_id, row.branch): _standing(row) for row in rows}
    return standings, {row.incident_id: frozenset(row.heard) for row in rows if row.incident_id is not None}


def _earliest_failures(logged: Collection[Logged]) -> dict[Key, datetime]:
    """When the first of a branch's failing builds finished, of the branches that have any."""
    earliest: dict[Key, datetime] = {}
    for each in logged:
        if each.transition.to_status in BROKEN:
            finished_at = each.transition.finished_at
            earliest[each.key] = min(finished_at, earliest.get(each.key, finished_at))
    return earliest


def transition_message(logged: Logged, usual: float | None) -> Message:
    """What the raw feed tells of an event."""
    row = logged.row
    return Message(
        kind=Kind.TRANSITION,
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
        broken_since=row.finished_at,
        usual_seconds=usual,
        web_url=row.web_url,
    )


def _transition(row: Row[Any]) -> Transition:
    return Transition(
        build_id=row.build_id,
        attempt=row.attempt,
        queued_at=row.queued_at,
        trigger=row.trigger,
        from_status=None if row.from_status is None else Status(row.from_status),
        to_status=Status(row.to_status),
        is_superseded=row.is_superseded,
        is_backfill=row.is_backfill,
        finished_at=row.finished_at,
        recorded_at=row.recorded_at,
        baseline_at=row.baseline_at,
    )


def _standing(row: Row[Any]) -> Standing:
    verdict = Verdict(Status(row.status), row.build_id, row.attempt, row.queued_at, row.since, row.is_announced)
    good = None if row.good_build_id is None else (row.good_build_id, row.good_attempt)
    return Standing(verdict, row.passes, _incident(row), tuple(row.openings), good)


def _incident(row: Row[Any]) -> Incident | None:
    if row.incident_id is None:
        return None
    values = {name: getattr(row, f"incident_{name}") for name in _COLUMNS}
    return Incident(**values | {"status": IncidentStatus(row.incident_status)})

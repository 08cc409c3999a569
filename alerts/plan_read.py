"""What the planner reads: the next events of the log, and how the branches stand that they may change."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.incidents import FLAPPING_WITHIN, Incident, Place, Standing
from alerts.message import Kind, Message
from alerts.verdicts import Transition, Verdict
from shared.incident_status import IncidentStatus
from shared.status import BROKEN, VERDICTS, Status

Key = tuple[int, str]
"""A pipeline and its branch."""

SUBJECT = "incident"
"""What the planner's own events are about."""

_WORDS = ", ".join(f"'{status}'" for status in sorted(VERDICTS))

# Every event past the cursor comes back, of whatever status, so that the last row says where the cursor goes; only
# those that bring a verdict bring their build. What the planner wrote itself about incidents is passed over, and for
# its sake there is always a row, which knows the log's last position as of the same moment.
_EVENTS = text(f"""
    SELECT e.pos, e.attempt, e.from_status, e.to_status, e.is_superseded, e.is_backfill, e.recorded_at,
           CASE WHEN a.status = e.to_status THEN coalesce(a.finished_at, e.at) ELSE e.at END AS finished_at,
           CASE WHEN a.status = e.to_status THEN a.duration_seconds END AS duration_seconds,
           coalesce(a.status = e.to_status AND a.is_unstable, false) AS is_unstable,
           b.id AS build_id, b.pipeline_id, b.project_id, b.pipeline_name, b.branch, b.number, b.queued_at,
           b.commit_sha, b.commit_message, b.author, b.event AS trigger, coalesce(a.web_url, b.web_url) AS web_url,
           i.name AS instance, r.name AS repository, coalesce(p.default_branch, r.default_branch) AS default_branch,
           s.baseline_at, log.head
    FROM (SELECT coalesce(max(pos), 0) AS head FROM events) log
    LEFT JOIN (SELECT * FROM events WHERE pos > :after AND subject_kind <> '{SUBJECT}' ORDER BY pos LIMIT :batch) e
        ON true
    LEFT JOIN builds b ON e.subject_kind = 'build' AND e.to_status IN ({_WORDS}) AND b.id = e.subject_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = e.attempt
    LEFT JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN instances i ON i.id = p.instance_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN sources s ON s.id = p.source_id
    ORDER BY e.pos
""")

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
                 ORDER BY o.opened_at DESC LIMIT {_MOST_OPENINGS}) AS openings
    FROM unnest(CAST(:pipelines AS bigint[]), CAST(:branches AS text[]), CAST(:opened_after AS timestamptz[]))
        AS wanted(pipeline_id, branch, opened_after)
    JOIN verdicts v USING (pipeline_id, branch)
    LEFT JOIN incidents i ON i.id = v.incident_id
""")


_USUAL = text("""
    SELECT wanted.pipeline_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY passed.duration_seconds) AS seconds
    FROM unnest(CAST(:pipelines AS bigint[])) AS wanted(pipeline_id)
    CROSS JOIN LATERAL (
        SELECT newest.duration_seconds
        FROM (SELECT b.queued_at, b.id, b.status, b.duration_seconds FROM builds b
              WHERE b.pipeline_id = wanted.pipeline_id ORDER BY b.queued_at DESC, b.id DESC LIMIT :looked_at) newest
        WHERE newest.status = 'succeeded' AND newest.duration_seconds IS NOT NULL
        ORDER BY newest.queued_at DESC, newest.id DESC LIMIT :most
    ) passed
    GROUP BY wanted.pipeline_id HAVING count(*) >= :least
""")

USUAL_OF = 20
"""A pipeline's usual duration is the median of its last builds that passed: of so many at most,"""

USUAL_FROM = 3
"""of so many at least,"""

LOOKED_AT = 100
"""among so many of any outcome, so that one that has not passed for months costs no more than another."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A verdict in the log: where, of which pipeline and branch, and the row that tells the rest."""

    pos: int
    key: Key
    transition: Transition
    row: Row[Any]

    @property
    def place(self) -> Place:
        return Place(pipeline_id=self.key[0], branch=self.key[1], project_id=self.row.project_id)


def read_events(session: Session, after: int, batch: int) -> tuple[list[Logged], int, int]:
    """The verdicts among the next `batch` events, how many events that were, and how far the log is read with them."""
    rows = session.execute(_EVENTS, {"after": after, "batch": batch}).all()
    events = [row for row in rows if row.pos is not None]
    logged = [
        Logged(row.pos, (row.pipeline_id, row.branch or row.default_branch or ""), _transition(row), row)
        for row in events
        if row.build_id is not None
    ]
    return logged, len(events), events[-1].pos if len(events) == batch else rows[0].head


def read_standings(session: Session, logged: Collection[Logged]) -> dict[Key, Standing]:
    """How the branches of these events stand, as far as anything is known of them."""
    wanted = sorted({each.key for each in logged})
    earliest = _earliest_failures(logged)
    given = {
        "pipelines": [key[0] for key in wanted],
        "branches": [key[1] for key in wanted],
        "opened_after": [earliest[key] - FLAPPING_WITHIN if key in earliest else None for key in wanted],
    }
    return {(row.pipeline_id, row.branch): _standing(row) for row in session.execute(_STANDINGS, given)}


def _earliest_failures(logged: Collection[Logged]) -> dict[Key, datetime]:
    """When the first of a branch's failing builds finished, of the branches that have any."""
    earliest: dict[Key, datetime] = {}
    for each in logged:
        if each.transition.to_status in BROKEN:
            finished_at = each.transition.finished_at
            earliest[each.key] = min(finished_at, earliest.get(each.key, finished_at))
    return earliest


def usual_seconds(session: Session, pipeline_ids: Iterable[int]) -> dict[int, float]:
    """How long each of these pipelines usually takes, in seconds; those with too few passed builds are left out."""
    given = {"pipelines": sorted(set(pipeline_ids)), "most": USUAL_OF, "least": USUAL_FROM, "looked_at": LOOKED_AT}
    return {row.pipeline_id: row.seconds for row in session.execute(_USUAL, given)}


def message_of(logged: Logged, kind: Kind, broken_since: datetime, breaks: int) -> Message:
    """What is told about a verdict; `breaks` counts how often the branch broke within an hour."""
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
        breaks=breaks,
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


def _standing(row: Row[Any]) -> Standing:
    verdict = Verdict(Status(row.status), row.build_id, row.attempt, row.queued_at, row.since, row.is_announced)
    good = None if row.good_build_id is None else (row.good_build_id, row.good_attempt)
    return Standing(verdict, row.passes, _incident(row), tuple(row.openings), good)


def _incident(row: Row[Any]) -> Incident | None:
    if row.incident_id is None:
        return None
    values = {name: getattr(row, f"incident_{name}") for name in _COLUMNS}
    return Incident(**values | {"status": IncidentStatus(row.incident_status)})

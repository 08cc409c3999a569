"""What a digest is made of, read in two statements: the incidents of a period and of now, and what was not told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from alerts.compose_read import NAMED_BY, NAMED_SUBJECT, subject_of
from alerts.digest import Digested, Period, Reach, Untold, place_of
from shared.incident_status import IncidentStatus

SETTLED = timedelta(minutes=1)
"""A digest is about what was recorded up to a minute before its hour: a transaction that began before may end after,
and what it wrote would be in no digest."""

MOST_READ = 10_000
"""Incidents looked at for one digest: so many of the period, the newest, and so many that are open, the oldest."""

MOST_REASONS = 1_000
"""Different reasons counted for one digest, the most frequent."""

EXAMPLES = 5

_REACHES_BACK = timedelta(days=7)
"""What finished longer before a digest's period than this, or was decided on longer before, is not looked for: indices
lead to it by those instants, and what is learnt or settled later than that is the past."""

# Learnt of within the period and not of the past: not from before its source was watched, not from a backfill. (What
# was merely learnt of too late to be told by itself is what digests are for.)
_IS_NEWS = """
    (NOT i.is_silent OR i.opened_at > s.baseline_at AND NOT coalesce((
        SELECT e.is_backfill FROM events e WHERE e.subject_kind = 'incident' AND e.subject_id = i.id
        ORDER BY e.pos LIMIT 1), false))
"""

# On other branches than the default one what is open counts only while it goes on failing: nobody mends a branch that
# is abandoned. Of the routings the last one says why nothing was told, unless it is only about the recovery.
_INCIDENTS = text(f"""
    WITH learnt AS (
        SELECT id FROM incidents
        WHERE opened_at > CAST(:began_at AS timestamptz) - CAST(:reaches_back AS interval)
          AND recorded_at >= :began_at AND recorded_at < :ended_at
        ORDER BY opened_at DESC LIMIT {MOST_READ}
    ),
    open AS (
        SELECT i.id FROM incidents i
        JOIN pipelines p ON p.id = i.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
        WHERE i.fixed_at IS NULL
          AND (i.branch = coalesce(p.default_branch, r.default_branch, '') OR i.last_failed_at >= :began_at)
        ORDER BY i.opened_at LIMIT {MOST_READ}
    ),
    reasons AS (
        SELECT DISTINCT ON (incident_id) incident_id, reason FROM routings
        WHERE receiver = :receiver AND decided_at >= CAST(:began_at AS timestamptz) - CAST(:reaches_back AS interval)
          AND incident_id IS NOT NULL AND reason IS NOT NULL AND NOT (kind = 'fixed' AND outcome = 'suppressed')
        ORDER BY incident_id, event_pos DESC, route
    )
    SELECT i.id, {NAMED_SUBJECT}, i.status, i.opened_at, i.fixed_at, i.failures,
           learnt.id IS NOT NULL AND {_IS_NEWS} IS TRUE AS is_new, open.id IS NOT NULL AS is_open,
           coalesce(t.told IS NOT NULL, false) AS is_told,
           coalesce(t.held, CASE WHEN t.wanted_at IS NOT NULL THEN 'it waits for its turn' END, reasons.reason)
               AS reason
    FROM learnt FULL JOIN open ON open.id = learnt.id
    JOIN incidents i ON i.id = coalesce(learnt.id, open.id)
    {NAMED_BY}
    LEFT JOIN sources s ON s.id = p.source_id
    LEFT JOIN tellings t ON t.receiver = :receiver AND t.incident_id = i.id
    LEFT JOIN reasons ON reasons.incident_id = i.id
    ORDER BY i.id
""")

# Suppressed, dropped, or held until now, and not told by another route. An incident counts once, under the last reason;
# one that was told in the end counts only for a recovery that was not, and one that was not needs no word of its
# recovery. `what` is an incident, or a single event of a raw feed.
_UNTOLD = text(f"""
    WITH hidden AS (
        SELECT DISTINCT ON (what) coalesce('i' || g.incident_id, 'e' || g.event_pos) AS what, g.event_pos, g.reason
        FROM routings g LEFT JOIN tellings t ON t.receiver = g.receiver AND t.incident_id = g.incident_id
        WHERE g.receiver = :receiver
          AND g.decided_at >= CAST(:began_at AS timestamptz) - CAST(:reaches_back AS interval)
          AND coalesce(g.settled_at, g.decided_at) >= :began_at AND coalesce(g.settled_at, g.decided_at) < :ended_at
          AND g.outcome IN ('suppressed', 'dropped', 'held') AND g.reason IS NOT NULL
          AND CASE WHEN g.kind = 'fixed' THEN t.told IS NOT NULL OR g.outcome <> 'suppressed'
                   ELSE t.told IS NULL END
          AND NOT EXISTS (
              SELECT FROM routings o WHERE o.event_pos = g.event_pos AND o.receiver = g.receiver
                AND o.outcome IN ('queued', 'told'))
        ORDER BY what, g.event_pos DESC, g.route
    ),
    ranked AS (
        SELECT reason, event_pos, count(*) OVER (PARTITION BY reason) AS times,
               row_number() OVER (PARTITION BY reason ORDER BY event_pos DESC) AS place
        FROM hidden
    ),
    most AS (SELECT reason FROM ranked WHERE place = 1 ORDER BY times DESC, reason LIMIT {MOST_REASONS})
    SELECT k.reason, k.times, r.name AS repository, b.pipeline_name AS pipeline, b.branch
    FROM ranked k JOIN most USING (reason)
    LEFT JOIN events e ON e.pos = k.event_pos AND e.subject_kind = 'build'
    LEFT JOIN builds b ON b.id = e.subject_id
    LEFT JOIN pipelines p ON p.id = b.pipeline_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE k.place <= {EXAMPLES}
    ORDER BY k.times DESC, k.reason, k.place
""")


@dataclass(frozen=True, slots=True)
class Material:
    """What a receiver's digest is made of; `is_cut` where more happened than is looked at."""

    incidents: tuple[Digested, ...]
    untold: tuple[Untold, ...]
    is_cut: bool = False


def read_material(session: Session, receiver: str, reach: Reach, period: Period) -> Material:
    """What happened in a period, as far as this receiver's routes reach, and what it was not told."""
    given = {
        "receiver": receiver,
        "began_at": period.began_at - SETTLED,
        "ended_at": period.ended_at - SETTLED,
        "reaches_back": _REACHES_BACK,
    }
    found = [row for row in session.execute(_INCIDENTS, given) if row.is_new or row.is_open]
    incidents = tuple(each for row in found if (each := _digested(row, reach)) is not None)
    return Material(incidents, _grouped(session.execute(_UNTOLD, given)), len(found) >= MOST_READ)


def _digested(row: Row[Any], reach: Reach) -> Digested | None:
    """The incident, if the receiver's routes reach it."""
    subject = subject_of(row)
    if not reach.holds(subject):
        return None
    is_told = row.is_told or reach.feeds(subject)
    return Digested(
        id=row.id,
        subject=subject,
        status=IncidentStatus(row.status),
        opened_at=row.opened_at,
        fixed_at=row.fixed_at,
        failures=row.failures,
        is_new=row.is_new,
        is_told=is_told,
        reason=None if is_told else row.reason or reach.why_untold(subject),
    )


def _grouped(found: Iterable[Row[Any]]) -> tuple[Untold, ...]:
    """One for each reason, in the order of the rows, with the places of its examples, each once."""
    counts: dict[str, int] = {}
    examples: dict[str, dict[str, None]] = {}
    for row in found:
        counts[row.reason] = row.times
        places = examples.setdefault(row.reason, {})
        if row.pipeline is not None:
            places[place_of(row.repository, row.pipeline, row.branch)] = None
    return tuple(
        Untold(reason=reason, count=count, examples=tuple(examples[reason])) for reason, count in counts.items()
    )

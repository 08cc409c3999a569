"""How a source lives, by what is recorded: whether something runs, when builds are wont to start, what others want."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from collectors.pace import QUIET_SECONDS, SLOTS_A_DAY, Demand

LOOKED_BACK = timedelta(days=14)
USUAL_DAYS = 2
"""What started in the same quarter of an hour on so many of those days is expected there again."""

RUNNING_FOR = timedelta(hours=6)
"""A build that did not move for so long (GitHub's longest job) does not keep its source in haste."""

_RUNNING = text("""
    SELECT EXISTS (
        SELECT FROM pipelines p JOIN builds b ON b.pipeline_id = p.id
        WHERE p.source_id = :source AND NOT b.is_finished AND b.recorded_at > :since)
""")

_USUAL = text(f"""
    SELECT slot FROM (
        SELECT (extract(epoch FROM b.queued_at)::bigint % 86400 / (86400 / {SLOTS_A_DAY}))::int AS slot,
               (b.queued_at AT TIME ZONE 'UTC')::date AS day
        FROM pipelines p JOIN builds b ON b.pipeline_id = p.id
        WHERE p.source_id = :source AND b.queued_at > :since
    ) starts
    GROUP BY slot HAVING count(DISTINCT day) >= {USUAL_DAYS} ORDER BY slot
""")

# A source that was never polled is eager, with much to ask by id; what its list costs is known from its first poll on.
_DEMAND = text(f"""
    SELECT count(*) AS sources,
           count(*) FILTER (WHERE coalesce(CAST(cursor->>'wanted' AS float8), 0) < {QUIET_SECONDS}) AS eager,
           coalesce(sum(CAST(cursor->>'cost' AS float8)), 0) AS cost,
           coalesce(sum(CAST(cursor->>'cost' AS float8)
                        / greatest(coalesce(CAST(cursor->>'wanted' AS float8), {QUIET_SECONDS}), 1)), 0) AS per_second
    FROM sources WHERE instance_id = :instance AND is_active AND id <> :source
""")


def is_running(session: Session, source_id: int, now: datetime) -> bool:
    """Whether a build of the source is open and moved lately."""
    return bool(session.scalar(_RUNNING, {"source": source_id, "since": now - RUNNING_FOR}))


def usual_slots(session: Session, source_id: int, now: datetime) -> list[int]:
    """The quarters of an hour of the day (`pace.slot_of`) in which the source's builds are wont to start."""
    return list(session.scalars(_USUAL, {"source": source_id, "since": now - LOOKED_BACK}))


def demand_of_others(session: Session, instance_id: int, source_id: int) -> Demand:
    """What the other sources of this installation want of the credential they share."""
    row = session.execute(_DEMAND, {"instance": instance_id, "source": source_id}).one()
    return Demand(cost=row.cost, per_second=row.per_second, eager=row.eager, sources=row.sources)

"""The deliveries' states in the table: claim, settle, postpone, expire; each one statement, none commits.

pending -> sending -> sent | dead | expired, and back to pending when the receiver wants it later. Whoever claims gets
the next fence and a lease; a settle that carries an older fence changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

LEASE = timedelta(seconds=60)
"""How long a claimed delivery is left to its worker; a send with its 8 s deadline is long over by then."""


ORPHANED_AFTER = timedelta(minutes=10)


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours until its lease ends; `tries` counts this one, `message` is the stored JSON."""

    id: int
    receiver: str
    kind: str
    event_pos: int
    tries: int
    fence: int
    created_at: datetime
    message: object


_IS_DUE = """
    (d.state = 'pending' AND d.next_try_at <= :now OR d.state = 'sending' AND d.lease_until < clock_timestamp())
"""


def _branch_of(build: str) -> str:
    """A build's branch in SQL; one without is of its pipeline's default branch, as the planner reads it.

    Only for deliveries that an older version planned; an incident knows its branch.
    """
    return f"""coalesce({build}.branch, (
        SELECT coalesce(p.default_branch, r.default_branch, '')
        FROM pipelines p LEFT JOIN repositories r ON r.id = p.repository_id WHERE p.id = {build}.pipeline_id
    ))"""


# Messages about one pipeline and branch go out in the log's order, so that the last one in the channel is the truth:
# a recovery waits until its failure is settled. Other messages wait for neither. What waits is ranked once, not once a
# row (a storm has thousands), and a few candidates are enough for as many workers as claim at the same moment.
_CLAIM = text(f"""
    WITH waiting AS MATERIALIZED (
        SELECT d.id, d.event_pos, {_IS_DUE} AS is_due,
               row_number() OVER (
                   PARTITION BY b.pipeline_id, coalesce(i.branch, {_branch_of("b")}) ORDER BY d.event_pos
               ) AS place
        FROM deliveries d JOIN builds b ON b.id = d.build_id LEFT JOIN incidents i ON i.id = d.incident_id
        WHERE d.receiver = :receiver AND d.state IN ('pending', 'sending')
    ),
    candidates AS MATERIALIZED (
        SELECT id FROM waiting WHERE place = 1 AND is_due ORDER BY event_pos LIMIT 16
    )
    UPDATE deliveries SET state = 'sending', tries = tries + 1, fence = fence + 1,
                          lease_until = clock_timestamp() + :lease
    WHERE id = (
        SELECT d.id FROM candidates JOIN deliveries d USING (id)
        WHERE {_IS_DUE} ORDER BY d.event_pos LIMIT 1 FOR UPDATE OF d SKIP LOCKED
    )
    RETURNING id, receiver, kind, event_pos, tries, fence, created_at, message
""")

_SETTLE = text("""
    UPDATE deliveries SET state = :state, last_error = :error, lease_until = NULL, next_try_at = :next_try_at,
                          settled_at = CASE WHEN CAST(:state AS text) <> 'pending' THEN CAST(:now AS timestamptz) END
    WHERE id = :id AND fence = :fence AND state = 'sending' RETURNING id
""")

_POSTPONE = text("""
    UPDATE deliveries SET next_try_at = :until
    WHERE receiver = :receiver AND state = 'pending' AND next_try_at < :until
""")

_EXPIRE_ORPHANS = text("""
    UPDATE deliveries d SET state = 'expired', settled_at = :now, lease_until = NULL,
        last_error = 'no receiver of this name is configured any more'
    WHERE (d.state = 'pending' OR d.state = 'sending' AND d.lease_until < clock_timestamp())
      AND d.next_try_at < :overdue AND d.receiver <> ALL(:receivers)
    RETURNING d.id, d.receiver, d.event_pos
""")

# The failure a recovery belongs to is the last one of its incident that was planned for the same receiver before it.
# What an older version planned knows no incident; there the pipeline and the branch say so.
_WAS_BREAK_SENT = text(f"""
    SELECT e.state = 'sent' FROM deliveries d
    JOIN deliveries e ON e.receiver = d.receiver AND e.event_pos < d.event_pos AND e.kind IN ('broke', 'flapping')
    WHERE d.id = :id AND CASE
        WHEN d.incident_id IS NOT NULL AND e.incident_id IS NOT NULL THEN e.incident_id = d.incident_id
        ELSE EXISTS (
            SELECT FROM builds b JOIN builds f ON f.pipeline_id = b.pipeline_id
            WHERE b.id = d.build_id AND f.id = e.build_id AND {_branch_of("f")} = {_branch_of("b")}
        ) END
    ORDER BY e.event_pos DESC LIMIT 1
""")


def claim(session: Session, receiver: str, now: datetime, lease: timedelta = LEASE) -> Claim | None:
    """Take the receiver's first delivery that is due and that nobody holds; the caller commits before it sends."""
    row = session.execute(_CLAIM, {"receiver": receiver, "now": now, "lease": lease}).one_or_none()
    return None if row is None else Claim(*row)


def settle(
    session: Session, claimed: Claim, state: State, now: datetime, *, error: str | None, next_try_at: datetime
) -> bool:
    """Write what became of a claimed delivery; False when somebody else has claimed it since."""
    values = {"state": state, "error": error, "next_try_at": next_try_at, "now": now}
    return session.scalar(_SETTLE, values | {"id": claimed.id, "fence": claimed.fence}) is not None


def postpone(session: Session, receiver: str, until: datetime) -> None:
    """Leave a receiver alone until an instant."""
    session.execute(_POSTPONE, {"receiver": receiver, "until": until})


def expire_orphans(session: Session, receivers: Collection[str], now: datetime) -> list[tuple[int, str, int]]:
    """Give up what waits for receivers that nobody serves any more; returns (id, receiver, event_pos) of each.

    Schedulers are restarted one after another, so another one may know a receiver that this one does not: only what
    has been overdue for a while is given up.
    """
    values = {"receivers": sorted(receivers), "now": now, "overdue": now - ORPHANED_AFTER}
    rows = session.execute(_EXPIRE_ORPHANS, values)
    return [(row.id, row.receiver, row.event_pos) for row in rows]


def was_break_sent(session: Session, claimed: Claim) -> bool:
    """Whether the receiver was told of the failure that this recovery ends."""
    return bool(session.scalar(_WAS_BREAK_SENT, {"id": claimed.id}))

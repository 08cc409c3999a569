"""The deliveries' states in the table: claim, settle, give up; each one statement, none commits.

pending -> sending -> sent | dead | expired, and back to pending when the receiver wants it later. Whoever claims holds
the receiver's lock (`alerts.receiver_states`), gets the next fence and a lease; a settle that carries an older fence
changes nothing. A row of kind `news` is composed anew at every claim; every other row says what was planned.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.grouping import Ready
from alerts.notice import Notice, to_row
from alerts.receiver import Reference

LEASE = timedelta(seconds=60)
"""How long a claimed delivery is left to its worker; a send with its 8 s deadline is long over by then."""

ORPHANED_AFTER = timedelta(minutes=10)

NEWS = "news"
TEST = "test"

NO_RECEIVER = "no receiver of this name is configured any more"
NOTHING_LEFT = "nothing was left to say: what it would have told was dropped, each item says why"


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
    event_pos: int | None
    thread_id: int | None
    tries: int
    fence: int
    created_at: datetime
    message: object


_CLAIMED = "id, receiver, kind, event_pos, thread_id, tries, fence, created_at, message"

_IS_ON_ITS_WAY = text("""
    SELECT EXISTS (SELECT FROM deliveries
                   WHERE receiver = :receiver AND state = 'sending' AND lease_until >= clock_timestamp())
""")

# In the order of planning; messages about one build wait for each other, so that the last one in the channel is the
# truth, and so do those about one incident that an older version planned. What waits is ranked once, not once a row.
_CLAIM_PLANNED = text(f"""
    WITH waiting AS MATERIALIZED (
        SELECT id, state, next_try_at, row_number() OVER (
                   PARTITION BY coalesce('incident ' || incident_id, 'build ' || build_id, 'delivery ' || id)
                   ORDER BY id
               ) AS place
        FROM deliveries
        WHERE receiver = :receiver AND state IN ('pending', 'sending') AND kind <> '{NEWS}'
          AND (kind = '{TEST}' OR NOT :is_off)
    )
    UPDATE deliveries SET state = 'sending', tries = tries + 1, fence = fence + 1,
                          lease_until = clock_timestamp() + :lease
    WHERE id = (SELECT id FROM waiting WHERE place = 1 AND (state = 'sending' OR next_try_at <= :now)
                ORDER BY id LIMIT 1)
    RETURNING {_CLAIMED}
""")

# What is to be told of a conversation goes into the message that is on its way there, if one is.
_CLAIM_NEWS = text(f"""
    UPDATE deliveries SET tries = tries + 1, fence = fence + 1, state = 'sending',
                          lease_until = clock_timestamp() + :lease
    WHERE id = (SELECT id FROM deliveries
                WHERE receiver = :receiver AND kind = '{NEWS}' AND state IN ('pending', 'sending')
                  AND thread_id IS NOT DISTINCT FROM :thread_id
                ORDER BY id LIMIT 1)
    RETURNING {_CLAIMED}
""")

_BEGIN_NEWS = text(f"""
    INSERT INTO deliveries (receiver, kind, thread_id, state, tries, fence, lease_until, message, next_try_at,
                            created_at)
    VALUES (:receiver, '{NEWS}', :thread_id, 'sending', 1, 1, clock_timestamp() + :lease, '{{}}', :now, :now)
    RETURNING {_CLAIMED}
""")

_WRITE_NEWS = text("""
    WITH old AS (
        DELETE FROM delivery_items WHERE delivery_id = :id AND incident_id <> ALL(:incidents)
    ), lines AS (
        INSERT INTO delivery_items (delivery_id, incident_id, kind, version, failures, place)
        SELECT :id, l.incident_id, l.kind, l.version, l.failures, l.place - 1
        FROM unnest(CAST(:incidents AS bigint[]), CAST(:kinds AS text[]), CAST(:versions AS integer[]),
                    CAST(:failures AS integer[])) WITH ORDINALITY AS l(incident_id, kind, version, failures, place)
        ON CONFLICT (delivery_id, incident_id) DO UPDATE SET kind = excluded.kind, version = excluded.version,
            failures = excluded.failures, place = excluded.place
    )
    UPDATE deliveries SET message = :message, incident_id = :incident_id WHERE id = :id
""").bindparams(bindparam("message", type_=JSONB))

# What a worker left behind when it died, or what was postponed, and has nothing to tell now: given up where all of it
# was dropped, kept for later where something of it is held.
_PUT_ASIDE = text(f"""
    WITH idle AS MATERIALIZED (
        SELECT d.id, EXISTS (
            SELECT FROM delivery_items l JOIN tellings t ON t.receiver = d.receiver AND t.incident_id = l.incident_id
            WHERE l.delivery_id = d.id AND t.wanted_at IS NOT NULL
        ) AS is_left
        FROM deliveries d
        WHERE d.receiver = :receiver AND d.kind = '{NEWS}' AND d.id IS DISTINCT FROM :claimed
          AND (d.state = 'pending' OR d.state = 'sending' AND d.lease_until < clock_timestamp())
    )
    UPDATE deliveries d SET state = CASE WHEN i.is_left THEN 'pending' ELSE 'expired' END, lease_until = NULL,
        settled_at = CASE WHEN NOT i.is_left THEN CAST(:now AS timestamptz) END,
        last_error = CASE WHEN i.is_left THEN d.last_error ELSE :reason END
    FROM idle i WHERE d.id = i.id AND (NOT i.is_left OR d.state = 'sending')
""")

_SETTLE = text("""
    UPDATE deliveries SET state = :state, last_error = :error, lease_until = NULL, next_try_at = :next_try_at,
                          settled_at = CASE WHEN CAST(:state AS text) <> 'pending' THEN CAST(:now AS timestamptz) END
    WHERE id = :id AND fence = :fence AND state = 'sending' RETURNING id
""")

_SETTLE_ROUTINGS = text("""
    UPDATE routings SET outcome = :outcome, reason = coalesce(:reason, reason), delivery_id = :id, settled_at = :now
    WHERE event_pos = :event_pos AND receiver = :receiver AND kind = 'transition' AND outcome IN ('queued', 'held')
""")

_EXPIRE_ORPHANS = text("""
    UPDATE deliveries d SET state = 'expired', settled_at = :now, lease_until = NULL, last_error = :reason
    WHERE (d.state = 'pending' OR d.state = 'sending' AND d.lease_until < clock_timestamp())
      AND d.next_try_at < :overdue AND d.receiver <> ALL(:receivers)
    RETURNING d.id, d.receiver, d.event_pos
""")

_BEGIN_THREAD = text("""
    WITH begun AS (
        INSERT INTO threads (receiver, reference, next_at, created_at) VALUES (:receiver, :reference, :next_at, :now)
        RETURNING id
    )
    UPDATE deliveries d SET thread_id = b.id FROM begun b WHERE d.id = :delivery RETURNING b.id
""").bindparams(bindparam("reference", type_=JSONB))

_RENAME_THREAD = text("UPDATE threads SET reference = :reference WHERE id = :thread_id").bindparams(
    bindparam("reference", type_=JSONB)
)

_THREAD = text("SELECT reference FROM threads WHERE id = :thread_id")


def is_on_its_way(session: Session, receiver: str) -> bool:
    """Whether a message to the receiver is being sent, by whomever."""
    return bool(session.scalar(_IS_ON_ITS_WAY, {"receiver": receiver}))


def claim_planned(
    session: Session, receiver: str, now: datetime, lease: timedelta, *, is_off: bool = False
) -> Claim | None:
    """Take the receiver's first planned message that is due; of one that `is_off` only a trial."""
    given = {"receiver": receiver, "now": now, "lease": lease, "is_off": is_off}
    row = session.execute(_CLAIM_PLANNED, given).one_or_none()
    return None if row is None else Claim(*row)


def claim_news(session: Session, receiver: str, thread_id: int | None, now: datetime, lease: timedelta) -> Claim:
    """Take the row for the next message of a conversation: the one that is under way, or a new one."""
    given = {"receiver": receiver, "thread_id": thread_id, "lease": lease, "now": now}
    row = session.execute(_CLAIM_NEWS, given).one_or_none() or session.execute(_BEGIN_NEWS, given).one()
    return Claim(*row)


def write_news(session: Session, claimed: Claim, notice: Notice, lines: Sequence[Ready]) -> None:
    """Keep what is about to be sent: the message as it looks, and every incident in it."""
    given = {
        "id": claimed.id,
        "message": to_row(notice),
        "incident_id": lines[0].telling.incident_id if len(lines) == 1 else None,
        "incidents": [each.telling.incident_id for each in lines],
        "kinds": [str(each.kind) for each in lines],
        "versions": [each.telling.version for each in lines],
        "failures": [each.telling.failures for each in lines],
    }
    session.execute(_WRITE_NEWS, given)


def put_aside(session: Session, receiver: str, now: datetime, *, claimed: int | None) -> None:
    """Settle what was on its way and has nothing to tell now, but for the delivery that was just claimed."""
    given = {"receiver": receiver, "claimed": claimed, "now": now, "reason": NOTHING_LEFT}
    session.execute(_PUT_ASIDE, given)


def settle(
    session: Session, claimed: Claim, state: State, now: datetime, *, error: str | None, next_try_at: datetime
) -> bool:
    """Write what became of a claimed delivery; False when somebody else has claimed it since."""
    given = {"state": state, "error": error, "next_try_at": next_try_at, "now": now}
    return session.scalar(_SETTLE, given | {"id": claimed.id, "fence": claimed.fence}) is not None


def settle_routings(session: Session, claimed: Claim, *, is_told: bool, reason: str | None, now: datetime) -> None:
    """Remember for the event of the raw feed what became of its message."""
    given = {
        "outcome": "told" if is_told else "dropped",
        "reason": reason,
        "id": claimed.id,
        "now": now,
        "event_pos": claimed.event_pos,
        "receiver": claimed.receiver,
    }
    session.execute(_SETTLE_ROUTINGS, given)


def begin_thread(session: Session, claimed: Claim, reference: Reference, now: datetime, next_at: datetime) -> int:
    """Remember the conversation that a message began, and that the message is of it; returns its id."""
    given = {"delivery": claimed.id, "receiver": claimed.receiver, "reference": dict(reference)}
    return int(session.execute(_BEGIN_THREAD, given | {"now": now, "next_at": next_at}).scalar_one())


def rename_thread(session: Session, thread_id: int, reference: Reference) -> None:
    """Its first message was gone, so the conversation goes on below another one."""
    session.execute(_RENAME_THREAD, {"thread_id": thread_id, "reference": dict(reference)})


def thread_reference(session: Session, thread_id: int) -> Reference | None:
    """The receiver's own name for a conversation."""
    reference: Reference | None = session.scalar(_THREAD, {"thread_id": thread_id})
    return reference


def expire_orphans(session: Session, receivers: Collection[str], now: datetime) -> list[tuple[int, str, int | None]]:
    """Give up what waits for receivers that nobody serves any more; returns (id, receiver, event_pos) of each.

    Schedulers are restarted one after another, so another one may know a receiver that this one does not: only what
    has been overdue for a while is given up.
    """
    given = {"receivers": sorted(receivers), "now": now, "overdue": now - ORPHANED_AFTER, "reason": NO_RECEIVER}
    return [(row.id, row.receiver, row.event_pos) for row in session.execute(_EXPIRE_ORPHANS, given)]

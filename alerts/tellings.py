"""What becomes of news in the tables: held back, dropped, told; each set-based, with the routings that say why.

Only what stands as it was read is changed (`wanted_pos`, `is_reminder`): news that came in between stays wanted.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.grouping import Dropped, Held, Ready, Telling
from alerts.receiver_states import Standing

_AS_READ = """
    t.receiver = :receiver AND t.incident_id = g.incident_id AND t.wanted_at IS NOT NULL
    AND t.wanted_pos IS NOT DISTINCT FROM g.wanted_pos
"""

# The routings of a change that is not among what was looked at have a later position, and stay as they are.
_ITS_ROUTINGS = """
    r.receiver = :receiver AND r.incident_id = g.incident_id AND r.outcome IN ('queued', 'held')
    AND r.event_pos <= coalesce(g.wanted_pos, r.event_pos)
"""

_CAME_SINCE = "t.wanted_pos IS DISTINCT FROM g.wanted_pos"

_LOCK = text("""
    SELECT FROM tellings WHERE receiver = :receiver AND incident_id = ANY(:incidents) ORDER BY incident_id FOR UPDATE
""")

_HOLD = text(f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:incidents AS bigint[]), CAST(:positions AS bigint[]), CAST(:reasons AS text[]),
                             CAST(:untils AS timestamptz[])) AS g(incident_id, wanted_pos, reason, until)
    ), remembered AS (
        UPDATE routings r SET outcome = 'held', reason = g.reason FROM given g
        WHERE {_ITS_ROUTINGS} AND (r.outcome, r.reason) IS DISTINCT FROM ('held', g.reason)
    )
    UPDATE tellings t SET held = g.reason, due_at = g.until FROM given g WHERE {_AS_READ}
""")

_DROP = text(f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:incidents AS bigint[]), CAST(:positions AS bigint[]), CAST(:reasons AS text[]),
                             CAST(:reminders AS boolean[]), CAST(:repeats AS double precision[]))
            AS g(incident_id, wanted_pos, reason, is_reminder, repeat_seconds)
    ), remembered AS (
        UPDATE routings r SET outcome = 'dropped', reason = g.reason, delivery_id = :delivery, settled_at = :now
        FROM given g WHERE {_ITS_ROUTINGS}
    )
    UPDATE tellings t SET wanted_at = NULL, due_at = NULL, held = NULL, is_reminder = false,
        repeat_at = coalesce(CAST(:now AS timestamptz) + g.repeat_seconds * interval '1 second', t.repeat_at)
    FROM given g
    WHERE {_AS_READ} AND t.is_reminder = g.is_reminder
""")

# While it is off nothing is looked at; the routings say so at once.
_HOLD_ALL = text("""
    UPDATE routings SET outcome = 'held', reason = :reason
    WHERE receiver = :receiver AND outcome = 'queued' AND incident_id IS NOT NULL
""")

# What came while the message was under way stays wanted, for the next turn. What was held is told with what held it.
_TELL = text(f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:incidents AS bigint[]), CAST(:positions AS bigint[]), CAST(:tolds AS text[]),
                             CAST(:versions AS integer[]), CAST(:failures AS integer[]),
                             CAST(:repeats AS double precision[]))
            AS g(incident_id, wanted_pos, told, version, failures, repeat_seconds)
    ), remembered AS (
        UPDATE routings r SET outcome = 'told', delivery_id = :delivery, settled_at = :now FROM given g
        WHERE {_ITS_ROUTINGS}
    )
    UPDATE tellings t SET told = g.told, told_version = g.version, told_failures = g.failures, told_at = :now,
        thread_id = coalesce(:thread_id, t.thread_id), is_reminder = false, is_tried = false, held = NULL,
        repeat_at = CAST(:now AS timestamptz) + g.repeat_seconds * interval '1 second',
        wanted_at = CASE WHEN {_CAME_SINCE} THEN t.wanted_at END,
        due_at = CASE WHEN {_CAME_SINCE} THEN t.due_at END,
        why = CASE WHEN {_CAME_SINCE} THEN t.why END
    FROM given g WHERE t.receiver = :receiver AND t.incident_id = g.incident_id
""")

# Until the answer is written down nobody knows whether the message arrived; whoever sends it again has to say so.
_TRY = text("""
    UPDATE tellings SET is_tried = true WHERE receiver = :receiver AND incident_id = ANY(:incidents) AND NOT is_tried
""")
_FORGET_TRY = text("UPDATE tellings SET is_tried = false WHERE receiver = :receiver AND incident_id = ANY(:incidents)")

_GIVE_UP_ORPHANS = text("""
    WITH orphans AS (
        UPDATE tellings SET wanted_at = NULL, due_at = NULL, held = NULL, is_reminder = false
        WHERE wanted_at < :overdue AND receiver <> ALL(:receivers) RETURNING receiver, incident_id
    )
    UPDATE routings r SET outcome = 'dropped', reason = :reason, settled_at = :now
    FROM orphans o WHERE r.receiver = o.receiver AND r.incident_id = o.incident_id AND r.outcome IN ('queued', 'held')
""")


def lock(session: Session, receiver: str, tellings: Iterable[Telling]) -> None:
    """Lock what is about to be changed, in the planner's order, so that the two never wait for each other crosswise."""
    session.execute(_LOCK, {"receiver": receiver, "incidents": [each.incident_id for each in tellings]})


def begin(session: Session, receiver: str, lines: Iterable[Ready]) -> None:
    """A message with these is about to be sent; what it is about is locked."""
    session.execute(_TRY, {"receiver": receiver, "incidents": [each.telling.incident_id for each in lines]})


def was_refused(session: Session, receiver: str, lines: Iterable[Ready]) -> None:
    """The message surely did not arrive; what an earlier one may have brought stays in doubt."""
    first = [each.telling.incident_id for each in lines if not each.telling.is_tried]
    session.execute(_FORGET_TRY, {"receiver": receiver, "incidents": sorted(first)})


def hold(session: Session, receiver: str, held: Collection[Held]) -> None:
    """Leave these alone until what holds them ends."""
    given = _given(each.telling for each in held)
    words = {"reasons": [each.reason for each in held], "untils": [each.until for each in held]}
    session.execute(_HOLD, given | words | {"receiver": receiver})


def drop(
    session: Session, receiver: str, dropped: Collection[Dropped], now: datetime, *, delivery: int | None = None
) -> None:
    """Nothing is told of these; `delivery` is the message that was refused, where one was."""
    given = _given(each.telling for each in dropped)
    words = {
        "reasons": [each.reason for each in dropped],
        "reminders": [each.telling.is_reminder for each in dropped],
        "repeats": [each.repeat_seconds for each in dropped],
        "delivery": delivery,
    }
    session.execute(_DROP, given | words | {"receiver": receiver, "now": now})


def hold_all(session: Session, standing: Standing) -> None:
    """Write down that a receiver that is off is why its news waits."""
    reason = f"this receiver is switched off: {standing.off_reason}"
    session.execute(_HOLD_ALL, {"receiver": standing.receiver, "reason": reason})


def tell(
    session: Session, receiver: str, told: Collection[Ready], now: datetime, *, delivery: int, thread_id: int | None
) -> None:
    """The receiver took a message with these; `thread_id` is the conversation it is in."""
    given = _given(each.telling for each in told)
    facts = {
        "tolds": [str(each.telling.status) for each in told],
        "versions": [each.telling.version for each in told],
        "failures": [each.telling.failures for each in told],
        "repeats": [each.repeat_seconds for each in told],
        "delivery": delivery,
        "thread_id": thread_id,
    }
    session.execute(_TELL, given | facts | {"receiver": receiver, "now": now})


def give_up_orphans(session: Session, receivers: Iterable[str], now: datetime, overdue: datetime, reason: str) -> None:
    """Drop what has waited for long for receivers that nobody serves any more."""
    given = {"receivers": sorted(receivers), "now": now, "overdue": overdue, "reason": reason}
    session.execute(_GIVE_UP_ORPHANS, given)


def _given(tellings: Iterable[Telling]) -> dict[str, object]:
    listed = list(tellings)
    return {
        "incidents": [each.incident_id for each in listed],
        "positions": [each.wanted_pos for each in listed],
    }

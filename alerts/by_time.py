"""What is told because time passed: repeats, the ends of silences, outages of our own, digests."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts import digest_plan, operations, outages
from alerts.compose_read import NAMED_BY, NAMED_SUBJECT, subject_of
from alerts.rules import Rules, Silence
from shared.alert_rules import count_up
from shared.database import limit_waiting

log = structlog.get_logger()

# Of several schedulers one does this at a time, for a moment; the others lose nothing by passing it over.
_GUARD = text("SELECT pg_try_advisory_xact_lock(hashtext('observatory alerts by time'))")

# Once an interval: what is told sets the next one, and what is held back waits without another.
_REPEAT = text("""
    WITH due AS MATERIALIZED (
        SELECT receiver, incident_id FROM tellings WHERE repeat_at <= :now ORDER BY receiver, incident_id FOR UPDATE
    )
    UPDATE tellings t SET repeat_at = NULL, is_reminder = true, wanted_at = coalesce(t.wanted_at, :now),
        due_at = CASE WHEN t.wanted_at IS NULL THEN :now ELSE t.due_at END,
        why = CASE WHEN t.wanted_at IS NULL THEN NULL ELSE t.why END
    FROM due WHERE t.receiver = due.receiver AND t.incident_id = due.incident_id
""")

# Whoever settles a silence looks after its end, nobody else does.
_SETTLE_SILENCES = text("""
    UPDATE silences SET settled_at = :now WHERE id = ANY(:ids) AND settled_at IS NULL AND ends_at <= :now RETURNING id
""")

_OPEN_TELLINGS = text(f"""
    SELECT i.id AS incident_id, {NAMED_SUBJECT} FROM incidents i
    {NAMED_BY}
    WHERE i.fixed_at IS NULL AND EXISTS (SELECT FROM tellings t WHERE t.incident_id = i.id)
""")

# What is held is looked at again now, what was told is told once more; each once, however many silences ended. What was
# told after the end, by a message that was quicker than this, is known already.
_TELL_AGAIN = text("""
    WITH asked AS MATERIALIZED (
        SELECT t.receiver, t.incident_id, g.why
        FROM unnest(CAST(:incidents AS bigint[]), CAST(:ends AS timestamptz[]), CAST(:whys AS text[]))
            AS g(incident_id, ended_at, why)
        JOIN tellings t ON t.incident_id = g.incident_id AND (t.told_at IS NULL OR t.told_at < g.ended_at)
        ORDER BY t.receiver, t.incident_id FOR UPDATE OF t
    )
    UPDATE tellings t SET is_reminder = true, wanted_at = coalesce(t.wanted_at, :now), due_at = :now, why = asked.why
    FROM asked WHERE t.receiver = asked.receiver AND t.incident_id = asked.incident_id
""")


def act(engine: Engine, rules: Rules, now: datetime) -> None:
    """Have told what is due by the clock alone; doing it again changes nothing."""
    # By itself, because it locks what repeats lock, too, and a planner may be between the two.
    if any(silence.ends_at <= now for silence in rules.silences):
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            if session.scalar(_GUARD):
                _end_silences(session, rules, now)
    with Session(engine) as session, session.begin():
        limit_waiting(session)
        if not session.scalar(_GUARD):
            return
        session.execute(_REPEAT, {"now": now})
        outages.watch(session, rules, now)
        operations.plan(session, rules, now)
        digest_plan.plan(session, rules, now)


def _end_silences(session: Session, rules: Rules, now: datetime) -> None:
    """What is still broken when a silence over it ends is told once, to those who were to hear of it at all."""
    ended = {silence.id: silence for silence in rules.silences if silence.ends_at <= now}
    if not ended:
        return
    settled = session.scalars(_SETTLE_SILENCES, {"ids": sorted(ended), "now": now}).all()
    if not settled:
        return
    over = _still_broken(session, [ended[silence] for silence in sorted(settled)])
    given = {
        "incidents": list(over),
        "ends": [silence.ends_at for silence in over.values()],
        "whys": [f"the silence by {silence.author} ended" for silence in over.values()],
    }
    session.execute(_TELL_AGAIN, given | {"now": now})
    # It is in force nowhere any more, so everybody may forget it.
    count_up(session)
    log.info("silences ended", silences=len(settled), still_broken=len(over))


def _still_broken(session: Session, ended: Sequence[Silence]) -> dict[int, Silence]:
    """The open incidents that these silences were over, each with the one that ended last."""
    found = {}
    for row in session.execute(_OPEN_TELLINGS):
        subject = subject_of(row)
        over = [silence for silence in ended if silence.matchers.mismatch(subject) is None]
        if over:
            found[row.incident_id] = max(over, key=lambda silence: (silence.ends_at, silence.id))
    return found

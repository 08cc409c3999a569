"""What is told because time passed: repeats, the ends of silences, outages of our own, digests; one transaction."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts import digest_plan, operations, outages
from alerts.compose_read import NAMED_BY, NAMED_SUBJECT, subject_of
from alerts.rules import Rules, Silence
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

# What is held is looked at again now, what was told is told once more; each once, however many silences ended.
_TELL_AGAIN = text("""
    WITH asked AS MATERIALIZED (
        SELECT t.receiver, t.incident_id, g.why
        FROM unnest(CAST(:incidents AS bigint[]), CAST(:whys AS text[])) AS g(incident_id, why)
        JOIN tellings t ON t.incident_id = g.incident_id ORDER BY t.receiver, t.incident_id FOR UPDATE OF t
    )
    UPDATE tellings t SET is_reminder = true, wanted_at = coalesce(t.wanted_at, :now), due_at = :now, why = asked.why
    FROM asked WHERE t.receiver = asked.receiver AND t.incident_id = asked.incident_id
""")


def act(engine: Engine, rules: Rules, now: datetime) -> None:
    """Have told what is due by the clock alone; doing it again changes nothing."""
    with Session(engine) as session, session.begin():
        limit_waiting(session)
        if not session.scalar(_GUARD):
            return
        session.execute(_REPEAT, {"now": now})
        _end_silences(session, rules, now)
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
    whys = _why_told_again(session, [ended[silence] for silence in sorted(settled)])
    session.execute(_TELL_AGAIN, {"incidents": list(whys), "whys": list(whys.values()), "now": now})
    log.info("silences ended", silences=len(settled), still_broken=len(whys))


def _why_told_again(session: Session, ended: Sequence[Silence]) -> dict[int, str]:
    """The open incidents that these silences were over, and in words that they are no more."""
    whys = {}
    for row in session.execute(_OPEN_TELLINGS):
        subject = subject_of(row)
        over = [silence for silence in ended if silence.matchers.mismatch(subject) is None]
        if over:
            whys[row.incident_id] = f"the silence by {over[-1].author} ended"
    return whys

"""A trial of a receiver on its way: one row of `deliveries` that the scheduler sends, even to one that is off."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

_IS_RECEIVER = text("SELECT EXISTS (SELECT FROM receivers WHERE name = :receiver)")

# Who asks again while one waits gets that one: a receiver that is down is not to find a hundred trials when it is back.
# It is tried at once, because whoever asks has just changed something; one on its way keeps its lease.
_WAITING = text("""
    UPDATE deliveries
    SET next_try_at = CASE WHEN state = 'pending' THEN least(next_try_at, :now) ELSE next_try_at END
    WHERE id = (
        SELECT id FROM deliveries WHERE receiver = :receiver AND kind = 'test' AND state IN ('pending', 'sending')
        ORDER BY id LIMIT 1
    )
    RETURNING id
""")

_PLAN = text("""
    INSERT INTO deliveries (receiver, kind, key, message, next_try_at, created_at)
    VALUES (:receiver, 'test', 'test:' || gen_random_uuid(), :message, :now, :now) RETURNING id
""").bindparams(bindparam("message", type_=JSONB))

# Only what was tried and refused: the rest is due when it is planned for.
_HURRY = text("""
    UPDATE deliveries SET next_try_at = :now
    WHERE receiver = :receiver AND state = 'pending' AND tries > 0 AND next_try_at > :now
""")


def is_receiver(session: Session, name: str) -> bool:
    """Whether the file or the API names a receiver so."""
    return bool(session.scalar(_IS_RECEIVER, {"receiver": name}))


def hurry(session: Session, receiver: str, now: datetime) -> None:
    """Have what waits for another try tried now: somebody has mended what was in its way."""
    session.execute(_HURRY, {"receiver": receiver, "now": now})


def plan_trial(session: Session, receiver: str, message: Mapping[str, object], now: datetime) -> int:
    """Plan a trial for the scheduler to send, and return the delivery's id; one that waits already is tried now."""
    waiting = session.scalar(_WAITING, {"receiver": receiver, "now": now})
    if waiting is not None:
        return int(waiting)
    return int(session.execute(_PLAN, {"receiver": receiver, "message": dict(message), "now": now}).scalar_one())

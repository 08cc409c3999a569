"""A trial of a receiver on its way: one row of `deliveries` that the scheduler sends, even to one that is off."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

_IS_RECEIVER = text("SELECT EXISTS (SELECT FROM receivers WHERE name = :receiver)")

# Who asks again while one waits gets that one: a receiver that is down is not to find a hundred trials when it is back.
_WAITING = text("""
    SELECT id FROM deliveries WHERE receiver = :receiver AND kind = 'test' AND state IN ('pending', 'sending')
    ORDER BY id LIMIT 1
""")

_PLAN = text("""
    INSERT INTO deliveries (receiver, kind, key, message, next_try_at, created_at)
    VALUES (:receiver, 'test', 'test:' || gen_random_uuid(), :message, :now, :now) RETURNING id
""").bindparams(bindparam("message", type_=JSONB))


def is_receiver(session: Session, name: str) -> bool:
    """Whether the file or the API names a receiver so."""
    return bool(session.scalar(_IS_RECEIVER, {"receiver": name}))


def plan_trial(session: Session, receiver: str, message: Mapping[str, object], now: datetime) -> int:
    """Plan a trial for the scheduler to send, and return the delivery's id; one that waits already is the same."""
    waiting = session.scalar(_WAITING, {"receiver": receiver})
    if waiting is not None:
        return int(waiting)
    return int(session.execute(_PLAN, {"receiver": receiver, "message": dict(message), "now": now}).scalar_one())

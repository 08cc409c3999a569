"""Messages that are planned as they will be sent: each goes to a receiver once, by its key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.notice import Notice, to_row

# The key is what makes planning again a no-op, whoever does it.
_PLAN = text("""
    INSERT INTO deliveries (receiver, kind, key, message, next_try_at, created_at)
    SELECT receiver, kind, key, message, :now, :now
    FROM jsonb_to_recordset(:rows) AS planned(place integer, receiver text, kind text, key text, message jsonb)
    ORDER BY place
    ON CONFLICT (receiver, key) DO NOTHING
    RETURNING id
""").bindparams(bindparam("rows", type_=JSONB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message to a receiver; its `id` is 0, whoever sends it fills in the delivery's."""

    receiver: str
    key: str
    notice: Notice


def plan_all(session: Session, messages: Iterable[Planned], now: datetime) -> int:
    """One delivery for each message, unless its receiver has one of the same key; returns how many are new."""
    rows = [_row(place, message) for place, message in enumerate(messages)]
    return len(session.execute(_PLAN, {"rows": rows, "now": now}).all()) if rows else 0


def _row(place: int, message: Planned) -> dict[str, object]:
    notice = message.notice
    named = {"place": place, "receiver": message.receiver, "kind": notice.kind, "key": message.key}
    return named | {"message": to_row(notice)}

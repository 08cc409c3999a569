"""What the planner writes: verdicts and deliveries, each table in one statement."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.message import Message, to_row
from alerts.plan_read import Key
from alerts.verdicts import Verdict

_VERDICTS = text("""
    INSERT INTO verdicts (pipeline_id, branch, status, build_id, attempt, queued_at, since, is_announced)
    SELECT * FROM jsonb_to_recordset(:rows) AS planned(pipeline_id bigint, branch text, status text, build_id bigint,
        attempt integer, queued_at timestamptz, since timestamptz, is_announced boolean)
    ON CONFLICT (pipeline_id, branch) DO UPDATE SET status = excluded.status, build_id = excluded.build_id,
        attempt = excluded.attempt, queued_at = excluded.queued_at, since = excluded.since,
        is_announced = excluded.is_announced
""").bindparams(bindparam("rows", type_=JSONB))

# One row a receiver and event, for ever: the unique key makes planning the same event again a no-op.
_DELIVERIES = text("""
    INSERT INTO deliveries (receiver, kind, event_pos, build_id, attempt, state, message, last_error, next_try_at,
                            created_at, settled_at)
    SELECT receiver, kind, event_pos, build_id, attempt, CASE WHEN too_late IS NULL THEN 'pending' ELSE 'expired' END,
           message, too_late, :now, :now, CASE WHEN too_late IS NOT NULL THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:receivers AS text[])) AS receiver
    CROSS JOIN jsonb_to_recordset(:rows) AS planned(kind text, event_pos bigint, build_id bigint, attempt integer,
        message jsonb, too_late text)
    ORDER BY event_pos, receiver
    ON CONFLICT (receiver, event_pos) DO NOTHING
""").bindparams(bindparam("rows", type_=JSONB))

_STORED_VERDICT = TypeAdapter(Verdict)


@dataclass(frozen=True, slots=True)
class News:
    """A message about the event at `pos`; `too_late` says in words why it is recorded as expired instead of sent."""

    pos: int
    message: Message
    too_late: str | None = None


def write_verdicts(session: Session, verdicts: Mapping[Key, Verdict]) -> None:
    """Store the verdicts as they stand now."""
    rows = [
        {"pipeline_id": key[0], "branch": key[1]} | _STORED_VERDICT.dump_python(verdict, mode="json")
        for key, verdict in sorted(verdicts.items())
    ]
    session.execute(_VERDICTS, {"rows": rows})


def write_deliveries(session: Session, news: Iterable[News], receivers: Collection[str], now: datetime) -> None:
    """One delivery for each piece of news and each receiver."""
    rows = [
        {
            "kind": each.message.kind,
            "event_pos": each.pos,
            "build_id": each.message.build_id,
            "attempt": each.message.attempt,
            "message": to_row(each.message),
            "too_late": each.too_late,
        }
        for each in news
    ]
    session.execute(_DELIVERIES, {"rows": rows, "receivers": sorted(set(receivers)), "now": now})

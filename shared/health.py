"""Whether schedulers live, as one row that all of them beat: whoever finds it silent tells so in the event log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import events
from shared.wire import encode

SILENT_AFTER = timedelta(seconds=60)
"""So long without a heartbeat of any scheduler is told; less is a restart."""

SUBJECT = "scheduler"

NO_PROJECT = 1
"""Schedulers belong to no project; their events stand in the default one."""

HEARD_AT = f"(SELECT heard_at FROM health WHERE subject = '{SUBJECT}')"
"""When a scheduler was last heard of, as SQL; NULL when there never was one."""


class Life(StrEnum):
    """How the schedulers stand, all of them together."""

    ALIVE = "alive"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Turn:
    """A change that was told: since when it is so, and in words why."""

    to_status: Life
    at: datetime
    reason: str


# The first scheduler ever is no news. Of several the row lock makes a queue, so that a change is told by one of them.
_BEAT = text(f"""
    INSERT INTO health AS h (subject, status) VALUES ('{SUBJECT}', '{Life.ALIVE}')
    ON CONFLICT (subject) DO UPDATE SET heard_at = clock_timestamp()
    WHERE h.status = '{Life.ALIVE}' AND h.heard_at > clock_timestamp() - CAST(:silent_after AS interval)
    RETURNING id
""")

_HOLD = text(f"""
    SELECT id, status, version, heard_at, clock_timestamp() AS now,
           heard_at <= clock_timestamp() - CAST(:silent_after AS interval) AS is_silent
    FROM health WHERE subject = '{SUBJECT}' FOR UPDATE
""")

_IS_SILENT_UNTOLD = text(f"""
    SELECT FROM health WHERE subject = '{SUBJECT}' AND status = '{Life.ALIVE}'
      AND heard_at <= clock_timestamp() - CAST(:silent_after AS interval)
""")

_TURN = text("""
    UPDATE health SET status = :status, version = :version, since = :at, reason = :reason,
        heard_at = CASE WHEN :is_heard THEN :at ELSE heard_at END
    WHERE id = :id
""")

_GIVEN = {"silent_after": SILENT_AFTER}


def beat(session: Session) -> list[Turn]:
    """A scheduler says that it lives; returns what it had to tell: a silence that nobody told, and that it is over.

    The last thing in a transaction, because it may append events.
    """
    if session.execute(_BEAT, _GIVEN).first() is not None:
        return []
    row = session.execute(_HOLD, _GIVEN).one()
    turns = []
    if row.status == Life.ALIVE and row.is_silent:
        turns.append(_silence(row.heard_at))
    if turns or row.status == Life.SILENT:
        words = f"a scheduler is back; before it, one was last heard of at {_words(row.heard_at)}"
        turns.append(Turn(Life.ALIVE, row.now, words))
    _tell(session, row.id, row.version, turns)
    return turns


def look(session: Session) -> list[Turn]:
    """Whoever serves readers looks whether the schedulers have fallen silent; returns what it had to tell.

    The last thing in a transaction, because it may append an event.
    """
    if session.execute(_IS_SILENT_UNTOLD, _GIVEN).first() is None:
        return []
    row = session.execute(_HOLD, _GIVEN).one()
    turns = [_silence(row.heard_at)] if row.status == Life.ALIVE and row.is_silent else []
    _tell(session, row.id, row.version, turns)
    return turns


def _silence(heard_at: datetime) -> Turn:
    return Turn(Life.SILENT, heard_at, f"no scheduler has been heard of since {_words(heard_at)}: nothing is collected")


def _tell(session: Session, health_id: int, version: int, turns: Sequence[Turn]) -> None:
    """Keep where the turns led, and append them to the log."""
    if not turns:
        return
    last = turns[-1]
    given = {"id": health_id, "version": version + len(turns), "status": last.to_status, "at": last.at}
    session.execute(_TURN, given | {"reason": last.reason, "is_heard": last.to_status is Life.ALIVE})
    rows = [
        {
            "ordinal": ordinal,
            "subject_id": health_id,
            "project_id": NO_PROJECT,
            "version": version + ordinal,
            "from_status": Life.ALIVE if turn.to_status is Life.SILENT else Life.SILENT,
            "to_status": turn.to_status,
            "at": turn.at,
            "data": {"reason": turn.reason},
        }
        for ordinal, turn in enumerate(turns, 1)
    ]
    events.append_about(session, SUBJECT, encode(rows).decode())


def _words(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

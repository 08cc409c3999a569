"""How the schedulers stand, as one row that all of them beat: silence and jobs that fail are told in the event log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import events, jobs
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
    TROUBLED = "troubled"
    """Heard of, but some job of theirs fails each time."""
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
    WHERE h.heard_at > clock_timestamp() - CAST(:silent_after AS interval)
      AND CASE h.status WHEN '{Life.ALIVE}' THEN CAST(:trouble AS text) IS NULL
                        WHEN '{Life.TROUBLED}' THEN h.reason = :trouble ELSE false END
    RETURNING id
""")

_HOLD = text(f"""
    SELECT id, status, reason, version, heard_at, clock_timestamp() AS now,
           heard_at <= clock_timestamp() - CAST(:silent_after AS interval) AS is_silent
    FROM health WHERE subject = '{SUBJECT}' FOR UPDATE
""")

_IS_SILENT_UNTOLD = text(f"""
    SELECT FROM health WHERE subject = '{SUBJECT}' AND status <> '{Life.SILENT}'
      AND heard_at <= clock_timestamp() - CAST(:silent_after AS interval)
""")

_TURN = text("""
    UPDATE health SET status = :status, version = :version, since = :at, reason = :reason,
        heard_at = CASE WHEN :is_heard THEN :at ELSE heard_at END
    WHERE id = :id
""")

_GIVEN = {"silent_after": SILENT_AFTER}


def beat(session: Session) -> list[Turn]:
    """A scheduler says that it lives, after its heartbeat; returns what it had to tell.

    That is a silence which nobody told, that it is over, and what fails each time or does so no more. The last thing in
    a transaction, because it may append events.
    """
    if session.execute(_BEAT, _GIVEN | {"trouble": jobs.told_troubles(session)}).first() is not None:
        return []
    row = session.execute(_HOLD, _GIVEN).one()
    turns = _turns(row, jobs.told_troubles(session))
    _tell(session, row, turns)
    return turns


def look(session: Session) -> list[Turn]:
    """Whoever serves readers looks whether the schedulers have fallen silent; returns what it had to tell.

    The last thing in a transaction, because it may append an event.
    """
    if session.execute(_IS_SILENT_UNTOLD, _GIVEN).first() is None:
        return []
    row = session.execute(_HOLD, _GIVEN).one()
    turns = [_silence(row.heard_at)] if _is_silent_untold(row) else []
    _tell(session, row, turns)
    return turns


def _turns(row: Row[Any], trouble: str | None) -> list[Turn]:
    """What a scheduler that lives, and of all of them this trouble, has to tell about how they stood. Pure."""
    turns = [_silence(row.heard_at)] if _is_silent_untold(row) else []
    was_silent = bool(turns) or row.status == Life.SILENT
    if was_silent:
        turns.append(_return(row.now, row.heard_at))
    known = row.reason if row.status == Life.TROUBLED and not was_silent else None
    if trouble is not None and trouble != known:
        turns.append(Turn(Life.TROUBLED, row.now, trouble))
    elif trouble is None and known is not None:
        turns.append(Turn(Life.ALIVE, row.now, f"all jobs come through again; before, {known}"))
    return turns


def _is_silent_untold(row: Row[Any]) -> bool:
    return bool(row.is_silent and row.status != Life.SILENT)


def _silence(heard_at: datetime) -> Turn:
    return Turn(Life.SILENT, heard_at, f"no scheduler has been heard of since {_words(heard_at)}: nothing is collected")


def _return(now: datetime, heard_at: datetime) -> Turn:
    return Turn(Life.ALIVE, now, f"a scheduler is back; before it, one was last heard of at {_words(heard_at)}")


def _tell(session: Session, row: Row[Any], turns: Sequence[Turn]) -> None:
    """Keep where the turns led, and append them to the log."""
    if not turns:
        return
    last = turns[-1]
    given = {"id": row.id, "version": row.version + len(turns), "status": last.to_status, "at": last.at}
    session.execute(_TURN, given | {"reason": last.reason, "is_heard": last.to_status is not Life.SILENT})
    stood = [row.status, *(turn.to_status for turn in turns)]
    told = [
        {
            "ordinal": ordinal,
            "subject_id": row.id,
            "project_id": NO_PROJECT,
            "version": row.version + ordinal,
            "from_status": before,
            "to_status": turn.to_status,
            "at": turn.at,
            "data": {"reason": turn.reason},
        }
        for ordinal, (before, turn) in enumerate(zip(stood, turns, strict=False), 1)
    ]
    events.append_about(session, SUBJECT, encode(told).decode())


def _words(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

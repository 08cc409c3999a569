"""Appends to the one event log: dense, in commit order, whoever else writes."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session


class Via(StrEnum):
    """The way a change was learnt first."""

    POLL = "poll"
    SWEEP = "sweep"
    WEBHOOK = "webhook"
    BACKFILL = "backfill"


STREAM_LOCK = 7_260_002
CHANNEL = "observatory"

# Its own statement, so that the INSERT after it takes a fresh snapshot and sees every position handed out before.
# NOTIFY needs no lock of its own here: this one already puts the commits in a row.
_LOCK = text("SELECT pg_advisory_xact_lock(:key), pg_notify(:channel, '')")

_APPEND = text("""
    INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, attempt, version,
                        from_status, to_status, is_superseded, is_backfill, at, via)
    SELECT (SELECT coalesce(max(pos), 0) FROM events) + e.ordinal, 'transition', 'build', e.build_id, e.project_id,
           e.attempt, e.version, e.from_status, e.to_status, e.is_superseded, :is_backfill, e.at, :via
    FROM json_to_recordset(CAST(:transitions AS json)) AS e (
        ordinal bigint, build_id bigint, project_id bigint, attempt int, version int,
        from_status text, to_status text, is_superseded boolean, at timestamptz)
    ORDER BY e.ordinal
""")

_APPEND_ABOUT = text("""
    INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version,
                        from_status, to_status, is_backfill, at, data)
    SELECT (SELECT coalesce(max(pos), 0) FROM events) + e.ordinal, 'transition', :subject_kind, e.subject_id,
           e.project_id, e.version, e.from_status, e.to_status, coalesce(e.is_backfill, false), e.at, e.data
    FROM json_to_recordset(CAST(:transitions AS json)) AS e (
        ordinal bigint, subject_id bigint, project_id bigint, version int,
        from_status text, to_status text, is_backfill boolean, at timestamptz, data jsonb)
    ORDER BY e.ordinal
    RETURNING pos
""")


def append(session: Session, transitions: str, *, is_backfill: bool, via: Via) -> None:
    """Append build transitions (a JSON array, as the recorder's merge returns it) as the last thing before the commit.

    Positions are handed out under a transaction-level advisory lock, so they are dense and in commit order, and a
    rolled-back transaction leaves no hole. The primary key turns a forgotten lock into an error instead of a gap.
    Nothing slow may stand between this call and the commit: every other writer of events waits for it.
    """
    session.execute(_LOCK, {"key": STREAM_LOCK, "channel": CHANNEL})
    session.execute(_APPEND, {"transitions": transitions, "is_backfill": is_backfill, "via": via})


def append_about(session: Session, subject_kind: str, transitions: str) -> Sequence[int]:
    """Append transitions (a JSON array) of things of one kind that are no builds, such as incidents or the schedulers.

    Returns their positions, which follow one another. The same promises and the same duty as `append`: nothing slow
    between this and the commit.
    """
    session.execute(_LOCK, {"key": STREAM_LOCK, "channel": CHANNEL})
    return session.scalars(_APPEND_ABOUT, {"subject_kind": subject_kind, "transitions": transitions}).all()

"""How far the receiver was told, kept in one row: whose turn it is, what was taken, when a failure is tried again."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import LeaseLost

LEASE = timedelta(seconds=60)
"""Longer than one request may take, before each of which it begins anew; who was killed is waited for so long."""

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0
_LONGEST_ERROR = 500

# The very first sender starts at the log's head: what happened before it was asked for is not sent.
_START = text("""
    INSERT INTO telemetry (id, pos) SELECT 1, coalesce(max(pos), 0) FROM events ON CONFLICT (id) DO NOTHING
""")

# A log that ends before where we stand is another one, of a restored database.
_START_AGAIN = text("""
    UPDATE telemetry t SET pos = e.head FROM (SELECT coalesce(max(pos), 0) AS head FROM events) e WHERE t.pos > e.head
""")

_STAND = text("""
    SELECT pos, failures FROM telemetry WHERE id = 1 AND next_try_at <= :now
      AND (lease_until IS NULL OR lease_until <= :now) AND pos <= (SELECT coalesce(max(pos), 0) FROM events)
""")

_CLAIM = text("""
    UPDATE telemetry SET fence = fence + 1, lease_until = :until
    WHERE id = 1 AND pos = :pos AND next_try_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
    RETURNING fence
""")

_HOLD = text("UPDATE telemetry SET lease_until = :until WHERE id = 1 AND fence = :fence RETURNING id")

_GIVE_BACK = text("UPDATE telemetry SET lease_until = NULL WHERE id = 1 AND fence = :fence")

_SETTLE = text("""
    UPDATE telemetry SET pos = :pos, lease_until = NULL, failures = 0, last_error = :error, sent = sent + :sent,
           dropped = dropped + :dropped, metrics_dropped = metrics_dropped + :metrics_dropped,
           last_sent_at = CASE WHEN :sent > 0 THEN :now ELSE last_sent_at END
    WHERE id = 1 AND fence = :fence
""")

_FAIL = text("""
    UPDATE telemetry SET lease_until = NULL, failures = failures + 1, last_error = :error, next_try_at = :next
    WHERE id = 1 AND fence = :fence
""")


@dataclass(frozen=True, slots=True)
class Stand:
    """The position up to which all is told, and how often in a row telling more has failed."""

    pos: int
    failures: int


def stand(session: Session, now: datetime) -> Stand | None:
    """Where to go on; None when it is not our turn: another process sends, or a failure is being waited out."""
    row = session.execute(_STAND, {"now": now}).one_or_none()
    return None if row is None else Stand(row.pos, row.failures)


def start(session: Session) -> None:
    """Have a row to stand on, within the log as it is."""
    session.execute(_START)
    session.execute(_START_AGAIN)


def claim(session: Session, at: Stand, now: datetime) -> int | None:
    """Take the turn; returns its fence, None when another process was quicker."""
    fence: int | None = session.scalar(_CLAIM, {"pos": at.pos, "now": now, "until": now + LEASE})
    return fence


def hold(session: Session, fence: int, now: datetime) -> None:
    """Have the whole lease before us; raises LeaseLost when another process has taken the turn."""
    if session.scalar(_HOLD, {"fence": fence, "until": now + LEASE}) is None:
        raise LeaseLost("another process sends telemetry now")


def give_back(session: Session, fence: int) -> None:
    """End the turn where it began."""
    session.execute(_GIVE_BACK, {"fence": fence})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a batch's runs: `sent` whose traces were taken, `dropped` whose traces were refused for good, by `error`.

    `metrics_dropped`: those sent whose metrics were refused for good.
    """

    sent: int = 0
    dropped: int = 0
    metrics_dropped: int = 0
    error: str | None = None


def settle(session: Session, fence: int, pos: int, now: datetime, outcome: Outcome) -> None:
    """Note that everything up to `pos` is told, or will never be."""
    told = asdict(outcome) | {"fence": fence, "pos": pos, "now": now}
    session.execute(_SETTLE, told | {"error": None if outcome.error is None else outcome.error[:_LONGEST_ERROR]})


def fail(
    session: Session, fence: int, at: Stand, now: datetime, *, error: str, wanted_seconds: float | None
) -> datetime:
    """Give the turn back; it is tried again from the same position, at the instant returned.

    That is what the receiver wishes (`wanted_seconds`), at least 5 s that double with each failure up to 5 minutes.
    """
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(at.failures, 10))
    next_try = now + timedelta(seconds=max(pause, wanted_seconds or 0.0))
    session.execute(_FAIL, {"fence": fence, "error": error[:_LONGEST_ERROR], "next": next_try})
    return next_try

"""What a list does not tell: open builds that left it, attempts nobody saw, jobs of finished attempts. Read by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from collectors.pace import is_due

JOBS_WINDOW = timedelta(days=1)
"""Jobs are fetched when an attempt finishes; of what finished earlier only on request, to spare the budget."""

GIVEN_UP_FOR = timedelta(days=1)
"""A build or attempt that the provider no longer shows is asked for again after this long."""

MOST = 200


class Want(StrEnum):
    """Why a build is read by id."""

    OPEN = "open"
    ATTEMPT = "attempt"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One attempt of one build to read (None: its latest) and why."""

    want: Want
    external_id: str
    attempt: int | None

    @property
    def name(self) -> str:
        """How quarantine knows it."""
        return f"{self.external_id}/{self.attempt}" if self.attempt else self.external_id


_GIVEN_UP = """
    EXISTS (SELECT FROM quarantine q
            WHERE q.source_id = :source AND q.kind = {kind} AND q.last_seen_at > :given_up_before
              AND q.external_id = {name})
"""

_OPEN = text(f"""
    SELECT b.id, b.external_id, b.queued_at
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
    WHERE p.source_id = :source AND NOT b.is_finished AND NOT (b.external_id = ANY(:seen))
      AND NOT {_GIVEN_UP.format(kind="'open'", name="b.external_id")}
    ORDER BY b.queued_at DESC LIMIT :most
""")

_ATTEMPTS = text(f"""
    SELECT b.external_id, n AS attempt
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
    CROSS JOIN LATERAL generate_series(1, b.attempt - 1) n
    WHERE p.source_id = :source AND b.attempt > 1
      AND NOT EXISTS (SELECT FROM attempts a WHERE a.build_id = b.id AND a.number = n AND a.is_finished)
      AND NOT {_GIVEN_UP.format(kind="'attempt'", name="b.external_id || '/' || n")}
    ORDER BY b.queued_at DESC, n DESC LIMIT :most
""")

_JOBS = text(f"""
    SELECT b.external_id, a.number AS attempt
    FROM pipelines p
    JOIN builds b ON b.pipeline_id = p.id AND b.queued_at > :jobs_since
    JOIN attempts a ON a.build_id = b.id AND a.is_finished AND NOT a.has_jobs
    WHERE p.source_id = :source
      AND NOT {_GIVEN_UP.format(kind="'jobs'", name="b.external_id || '/' || a.number")}
    ORDER BY b.queued_at DESC, a.number DESC LIMIT :most
""")


def follow_ups(
    session: Session, source_id: int, *, seen: Sequence[str], turn: int, now: datetime, most: int
) -> list[FollowUp]:
    """At most `most` things to read by id: verdicts of open builds first, then missing attempts, then jobs.

    `seen` are the builds this poll's list has just shown; `turn` counts the polls, so that old open builds are looked
    at ever more rarely without anything being written down.
    """
    given = {
        "source": source_id,
        "seen": list(seen),
        "most": min(most, MOST),
        "given_up_before": now - GIVEN_UP_FOR,
        "jobs_since": now - JOBS_WINDOW,
    }
    if most <= 0:
        return []
    found = [
        FollowUp(Want.OPEN, row.external_id, None)
        for row in session.execute(_OPEN, given | {"most": MOST})
        if is_due(now - row.queued_at, turn + row.id)
    ]
    found += [FollowUp(Want.ATTEMPT, row.external_id, row.attempt) for row in session.execute(_ATTEMPTS, given)]
    found += [FollowUp(Want.JOBS, row.external_id, row.attempt) for row in session.execute(_JOBS, given)]
    return found[:most]

"""What a list does not tell: open builds that left it, attempts nobody saw, jobs of finished attempts. Read by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from sqlalchemy import text
from sqlalchemy.orm import Session

from collectors.pace import is_due

JOBS_WINDOW = timedelta(days=1)
"""Jobs are fetched when an attempt finishes; of what finished earlier only on request, to spare the budget."""

GIVEN_UP_FOR = timedelta(days=1)
"""The longest wait for what the provider no longer shows; the first is a minute, each next one longer."""

MOST = 200
MOST_OPEN = 5000


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
    def requests(self) -> int:
        """How many requests it takes at least: the build and its jobs."""
        return 1 if self.want is Want.JOBS else 2

    @property
    def name(self) -> str:
        """How quarantine knows it."""
        return f"{self.external_id}/{self.attempt}" if self.attempt else self.external_id


_GIVEN_UP = """
    EXISTS (SELECT FROM quarantine q
            WHERE q.source_id = :source AND q.kind = {kind} AND q.external_id = {name}
              AND q.last_seen_at > :now - least(:longest, interval '1 minute' * power(4, least(q.seen, 9) - 1)))
"""

_OPEN = text(f"""
    SELECT b.id, b.external_id, b.queued_at
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
    WHERE p.source_id = :source AND NOT b.is_finished AND NOT (b.external_id = ANY(:seen))
      AND NOT {_GIVEN_UP.format(kind="'open'", name="b.external_id")}
    ORDER BY b.queued_at DESC LIMIT :most
""")

_KNOWN = text("""
    SELECT b.external_id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
    WHERE p.source_id = :source AND b.external_id = ANY(:external_ids)
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
    """At most `most` things to read by id: open builds, missing attempts and jobs in turn.

    `seen` are the builds this poll's list has just shown; `turn` counts the polls, so that old open builds are looked
    at ever more rarely without anything being written down.
    """
    given = {
        "source": source_id,
        "seen": list(seen),
        "most": min(most, MOST),
        "now": now,
        "longest": GIVEN_UP_FOR,
        "jobs_since": now - JOBS_WINDOW,
    }
    if most <= 0:
        return []
    still_open = [
        FollowUp(Want.OPEN, row.external_id, None)
        for row in session.execute(_OPEN, given | {"most": MOST_OPEN})
        if is_due(now - row.queued_at, turn + row.id)
    ]
    attempts = [FollowUp(Want.ATTEMPT, row.external_id, row.attempt) for row in session.execute(_ATTEMPTS, given)]
    jobs = [FollowUp(Want.JOBS, row.external_id, row.attempt) for row in session.execute(_JOBS, given)]
    taken_in_turn = zip_longest(*(_rotated(wanted, turn) for wanted in (still_open, attempts, jobs)))
    return [follow_up for wanted in taken_in_turn for follow_up in wanted if follow_up is not None][:most]


def known_builds(session: Session, source_id: int, external_ids: Sequence[str]) -> set[str]:
    """Those of the builds that are recorded."""
    return set(session.scalars(_KNOWN, {"source": source_id, "external_ids": list(external_ids)}))


def _rotated(wanted: list[FollowUp], turn: int) -> list[FollowUp]:
    """Begun at another place each turn, so that what cannot be had does not stand before all others for ever."""
    start = turn % len(wanted) if wanted else 0
    return wanted[start:] + wanted[:start]

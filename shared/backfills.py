"""Backfills: the past of a source being collected, newest first. Requested, worked on, done or cancelled."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.rows import Row, rows

SHARE = """
    CASE WHEN f.until <= f.since THEN 1.0
         ELSE extract(epoch FROM f.until - f.reached) / extract(epoch FROM f.until - f.since) END::float8
"""
"""How much of its window a backfill (`f`) has collected, by time: 0 to 1."""

OPEN = "f.state IN ('waiting', 'running')"

REMARK = f"""
    CASE WHEN {OPEN} AND NOT s.is_active THEN 'the source is not polled any more; it goes on when it is again'
         ELSE coalesce(f.last_error, f.reason) END
"""
"""What there is to say about a backfill (`f`) of a source (`s`): what holds it up, else why it is there."""

# What came after an open backfill's end is the polls' matter, if the source is polled without a gap since then.
_IS_POLLED_SINCE = """
    (excluded.reason IS NULL AND (SELECT s.baseline_at FROM sources s WHERE s.id = f.source_id) <= f.until)
"""

# A source has one open backfill: a second request widens it. Who asks by hand again and again only moves `since`; a
# gap that a poll left raises `reached`, and what was told below it is told again, which writes nothing.
_REQUEST = text(f"""
    INSERT INTO backfills AS f (source_id, since, until, reached, reason)
    SELECT s.id, :since, :until, :until, :reason FROM sources s
    WHERE s.id = :source OR CAST(:source AS bigint) IS NULL AND s.is_active
    ORDER BY s.id
    ON CONFLICT (source_id) WHERE state IN ('waiting', 'running') DO UPDATE
    SET since = least(f.since, excluded.since), reason = coalesce(excluded.reason, f.reason),
        until = CASE WHEN {_IS_POLLED_SINCE} THEN f.until ELSE greatest(f.until, excluded.until) END,
        reached = CASE WHEN {_IS_POLLED_SINCE} THEN f.reached ELSE greatest(f.reached, excluded.until) END,
        place = CASE WHEN excluded.since >= f.since AND (excluded.until <= f.reached OR {_IS_POLLED_SINCE})
                     THEN f.place END
    RETURNING id
""")

_FIND_OPEN = text(f"""
    SELECT f.id, f.since, f.reached, f.place FROM backfills f WHERE f.source_id = :source AND {OPEN}
""")

# Whoever widened or cancelled it meanwhile wins: the window that was worked on is no longer the one that is wanted.
_ADVANCE = text("""
    UPDATE backfills f
    SET reached = least(:reached, f.reached), place = :place, builds = f.builds + :builds,
        requests = f.requests + :requests, last_error = NULL,
        state = CASE WHEN :reached <= f.since THEN 'done' ELSE 'running' END,
        settled_at = CASE WHEN :reached <= f.since THEN clock_timestamp() END
    WHERE f.id = :id AND f.since = :since AND f.reached = :reached_before AND f.state IN ('waiting', 'running')
    RETURNING f.id, f.since, f.reached, f.place
""")

_EXPLAIN = text("""
    UPDATE backfills f SET last_error = :words WHERE f.id = :id AND f.last_error IS DISTINCT FROM :words
""")

_CANCEL = text(f"""
    UPDATE backfills f SET state = 'cancelled', settled_at = clock_timestamp()
    WHERE f.source_id = :source AND {OPEN} RETURNING f.id
""")

_NEWEST = f"""
    SELECT f.id, f.source_id, i.name || ':' || s.scope AS source, f.state, f.since, f.until, f.reached,
           {SHARE} AS share, f.builds, f.requests, {REMARK} AS reason, f.requested_at, f.settled_at
    FROM backfills f JOIN sources s ON s.id = f.source_id JOIN instances i ON i.id = s.instance_id
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What is left of an open backfill: from `reached` back to `since`, `place` being where in between it stands."""

    id: int
    since: datetime
    reached: datetime
    place: str | None

    @property
    def is_over(self) -> bool:
        return self.reached <= self.since


def request(session: Session, source_id: int, since: datetime, until: datetime, reason: str | None = None) -> int:
    """Ask for the builds of a source from `since` up to `until`; returns the backfill's id, which may be an open one's.

    `reason` says in words why, where nobody asked by hand.
    """
    given = {"source": source_id, "since": since, "until": until, "reason": reason}
    return int(session.execute(_REQUEST, given).scalar_one())


def request_all(session: Session, since: datetime, until: datetime) -> list[int]:
    """Ask for the builds of every source that is polled; returns the backfills' ids."""
    return list(session.scalars(_REQUEST, {"source": None, "since": since, "until": until, "reason": None}))


def find_open(session: Session, source_id: int) -> Task | None:
    """The open backfill of a source, if it has one."""
    row = session.execute(_FIND_OPEN, {"source": source_id}).one_or_none()
    return None if row is None else Task(*row)


def advance(
    session: Session, task: Task, reached: datetime, place: str | None, *, builds: int, requests: int
) -> Task | None:
    """Note that everything from `reached` on is collected; None when it was cancelled or widened meanwhile.

    `builds` and `requests` are what this step took. The last step makes it done.
    """
    given = {"reached": reached, "place": place, "builds": builds, "requests": requests}
    row = session.execute(
        _ADVANCE, given | {"id": task.id, "since": task.since, "reached_before": task.reached}
    ).one_or_none()
    return None if row is None else Task(*row)


def explain(session: Session, backfill_id: int, words: str) -> None:
    """Say in words what keeps a backfill from going on; the next step that succeeds takes it back."""
    session.execute(_EXPLAIN, {"id": backfill_id, "words": words})


def cancel(session: Session, source_id: int) -> int | None:
    """End the open backfill of a source; what it collected stays. Its id, None when there was none."""
    row = session.execute(_CANCEL, {"source": source_id}).one_or_none()
    return None if row is None else int(row.id)


def by_id(session: Session, ids: list[int]) -> list[Row]:
    """These backfills with their progress."""
    return rows(session, f"{_NEWEST} WHERE f.id = ANY(:ids) ORDER BY f.id", {"ids": ids})


def newest(session: Session, *, limit: int) -> list[Row]:
    """The backfills asked for last, open ones first."""
    return rows(session, f"{_NEWEST} ORDER BY ({OPEN}) DESC, f.id DESC LIMIT :limit", {"limit": limit})

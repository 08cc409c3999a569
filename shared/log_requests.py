"""Who wants to read which log: asked for by the API, claimed, settled and given back by schedulers; none commits.

requested -> fetching -> stored | gone | failed. Whoever claims gets the next fence and a lease; a settle that carries
an older fence is refused. A request that is asked for again after `again_at` starts anew. Time is the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import LeaseLost

LEASE_SECONDS = 90
"""Longer than any one request and the unpacking of its answer; renewed before each request."""

MOST_TRIES = 3
"""A request whose scheduler died this often is given up: it may be what kills them."""

MOST_OPEN = 100
"""Requests that may wait at one time: everybody's patience and the provider's budget are limited."""

WHOLE = ""
"""The `job_external_id` of everything an attempt printed."""


class State(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    FETCHING = "fetching"
    STORED = "stored"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which log: an attempt's, or one of its jobs'."""

    build_id: int
    attempt: int
    job_external_id: str = WHOLE


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands. `is_over`: it may be made anew; before that not for `wait_seconds` (0: not at all)."""

    state: State
    reason: str | None
    requested_at: datetime
    wait_seconds: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours until its lease ends, with what is known of the log.

    `was_finished` says whether the job (or the attempt) had ended before we asked: only then a log is complete.
    `hours_since_finish` is None where the finish is not known.
    """

    id: int
    fence: int
    tries: int
    build_id: int
    attempt: int
    job_external_id: str
    external_id: str
    instance_id: int
    instance: str
    provider: str
    scope: str | None
    was_finished: bool
    hours_since_finish: float | None

    @property
    def is_whole(self) -> bool:
        return self.job_external_id == WHOLE


# What was settled is true until its time has come, or until the attempt changed after it was settled (a job that waited
# for a person was played).
_IS_OVER = """
    (r.again_at <= clock_timestamp() OR EXISTS (
        SELECT FROM attempts a
        WHERE a.build_id = r.build_id AND a.number = r.attempt AND a.recorded_at > r.settled_at))
"""

# A new row, or a settled one whose time has come; anything else is left as it is, so a thousand readers are one fetch.
_REQUEST = text(f"""
    INSERT INTO log_requests AS r (build_id, attempt, job_external_id)
    SELECT :build_id, :attempt, :job
    WHERE EXISTS (SELECT FROM log_requests WHERE build_id = :build_id AND attempt = :attempt AND job_external_id = :job)
       OR (SELECT count(*) FROM log_requests WHERE state IN ('requested', 'fetching')) < :most
    ON CONFLICT (build_id, attempt, job_external_id) DO UPDATE
    SET state = 'requested', reason = NULL, tries = 0, requested_at = clock_timestamp(), settled_at = NULL,
        again_at = NULL
    WHERE r.state IN ('stored', 'gone', 'failed') AND {_IS_OVER}
""")

_STANDING = text(f"""
    SELECT state, reason, requested_at,
           greatest(0, coalesce(extract(epoch FROM again_at - clock_timestamp()), 0))::float8 AS wait_seconds,
           state IN ('stored', 'gone', 'failed') AND {_IS_OVER} AS is_over
    FROM log_requests r WHERE build_id = :build_id AND attempt = :attempt AND job_external_id = :job
""")

_WAITING = text("""
    SELECT DISTINCT i.name FROM log_requests r
    JOIN builds b ON b.id = r.build_id JOIN pipelines p ON p.id = b.pipeline_id
    JOIN instances i ON i.id = p.instance_id
    WHERE r.state = 'requested' OR r.state = 'fetching' AND r.lease_until < clock_timestamp()
""")

_CLAIM = text("""
    WITH due AS (
        SELECT r.id FROM log_requests r
        JOIN builds b ON b.id = r.build_id JOIN pipelines p ON p.id = b.pipeline_id
        JOIN instances i ON i.id = p.instance_id
        WHERE i.name = :instance
          AND (r.state = 'requested' OR r.state = 'fetching' AND r.lease_until < clock_timestamp())
        ORDER BY r.requested_at FOR NO KEY UPDATE OF r SKIP LOCKED LIMIT 1
    ), claimed AS (
        UPDATE log_requests r SET state = 'fetching', fence = r.fence + 1, tries = r.tries + 1, lease_owner = :owner,
                                  lease_until = clock_timestamp() + make_interval(secs => :seconds)
        FROM due WHERE r.id = due.id
        RETURNING r.id, r.fence, r.tries, r.build_id, r.attempt, r.job_external_id
    )
    SELECT c.id, c.fence, c.tries, c.build_id, c.attempt, c.job_external_id, b.external_id, i.id AS instance_id,
           i.name AS instance, i.provider, coalesce(s.scope, r.name) AS scope,
           coalesce(j.is_finished, a.is_finished, false) AS was_finished,
           extract(epoch FROM clock_timestamp() - coalesce(j.finished_at, a.finished_at))::float8 / 3600
               AS hours_since_finish
    FROM claimed c
    JOIN builds b ON b.id = c.build_id JOIN pipelines p ON p.id = b.pipeline_id
    JOIN instances i ON i.id = p.instance_id
    LEFT JOIN sources s ON s.id = p.source_id LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN attempts a ON a.build_id = c.build_id AND a.number = c.attempt
    LEFT JOIN jobs j ON j.build_id = c.build_id AND j.attempt = c.attempt AND j.external_id = c.job_external_id
""")

_HAS_FINISHED = text("""
    SELECT coalesce(j.is_finished, a.is_finished, false) FROM attempts a
    LEFT JOIN jobs j ON j.build_id = a.build_id AND j.attempt = a.number AND j.external_id = :job
    WHERE a.build_id = :build_id AND a.number = :attempt
""")

_RENEW = text("""
    UPDATE log_requests SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :id AND fence = :fence AND state = 'fetching' RETURNING id
""")

_SETTLE = text("""
    UPDATE log_requests
    SET state = :state, reason = :reason, lease_owner = NULL, lease_until = NULL, settled_at = clock_timestamp(),
        again_at = clock_timestamp() + make_interval(secs => CAST(:again AS float8))
    WHERE id = :id AND fence = :fence AND state = 'fetching' RETURNING id
""")

_ABANDON = text("""
    UPDATE log_requests SET state = 'requested', fence = fence + 1, lease_owner = NULL, lease_until = NULL
    WHERE lease_owner = :owner AND state = 'fetching' RETURNING id
""")

_FAIL_ORPHANS = text("""
    UPDATE log_requests r
    SET state = 'failed', settled_at = clock_timestamp(), again_at = clock_timestamp() + interval '1 minute',
        reason = 'no scheduler collects from ' || i.name || '; add it under [[providers]] and start one'
    FROM builds b, pipelines p, instances i
    WHERE b.id = r.build_id AND p.id = b.pipeline_id AND i.id = p.instance_id AND r.state = 'requested'
      AND i.name <> ALL(:instances) AND r.requested_at < clock_timestamp() - make_interval(secs => :seconds)
    RETURNING r.id
""")

_PURGE = text("""
    WITH old AS (
        SELECT id FROM log_requests
        WHERE state IN ('stored', 'gone', 'failed') AND settled_at < now() - make_interval(days => :days)
        LIMIT :most FOR UPDATE SKIP LOCKED
    )
    DELETE FROM log_requests r USING old o WHERE r.id = o.id RETURNING r.id
""")


def request(session: Session, wanted: Wanted) -> bool:
    """Ask for a log, once however often it is asked for; False when too many others wait already."""
    session.execute(_REQUEST, _key(wanted) | {"most": MOST_OPEN})
    return standing(session, wanted) is not None


def standing(session: Session, wanted: Wanted) -> Standing | None:
    """How a request stands; None when nobody ever asked."""
    row = session.execute(_STANDING, _key(wanted)).one_or_none()
    return (
        None
        if row is None
        else Standing(State(row.state), row.reason, row.requested_at, row.wait_seconds, bool(row.is_over))
    )


def waiting_instances(session: Session) -> list[str]:
    """The instances whose logs somebody waits for and nobody fetches."""
    return list(session.scalars(_WAITING))


def claim(session: Session, owner: str, instance: str) -> Claim | None:
    """Take the request to an instance that waits longest and that nobody holds; the caller commits before it asks."""
    given = {"owner": owner, "instance": instance, "seconds": LEASE_SECONDS}
    row = session.execute(_CLAIM, given).mappings().one_or_none()
    return None if row is None else Claim(**row)


def renew(session: Session, held: Claim) -> None:
    """Hold the request for longer than any one answer may take; raises LeaseLost when it is no longer ours."""
    given = {"id": held.id, "fence": held.fence, "seconds": LEASE_SECONDS}
    if session.scalar(_RENEW, given) is None:
        raise LeaseLost(f"log request {held.id} is answered by another process now")


def settle(session: Session, held: Claim, state: State, reason: str | None, again_seconds: float | None) -> None:
    """Say how it ended and when it may be asked anew (None: never); raises LeaseLost when it was not ours any more.

    Called first in the transaction that stores the log: the row stays locked until the commit.
    """
    given = {"id": held.id, "fence": held.fence, "state": state, "reason": reason, "again": again_seconds}
    if session.scalar(_SETTLE, given) is None:
        raise LeaseLost(f"log request {held.id} is answered by another process now")


def ended_meanwhile(session: Session, held: Claim) -> bool:
    """Whether what still ran when its log was claimed has ended since: what was fetched may lack the end of it."""
    given = {"build_id": held.build_id, "attempt": held.attempt, "job": held.job_external_id}
    return not held.was_finished and bool(session.scalar(_HAS_FINISHED, given))


def abandon(session: Session, owner: str) -> int:
    """Give back everything a stopping or dead process still holds; its threads can write nothing any more."""
    return len(session.scalars(_ABANDON, {"owner": owner}).all())


def fail_orphans(session: Session, instances: Sequence[str], seconds: float) -> int:
    """Give up what waits for instances that are not ours and that nobody else took for so long."""
    return len(session.scalars(_FAIL_ORPHANS, {"instances": list(instances), "seconds": seconds}).all())


def purge(session: Session, *, days: int, most: int) -> int:
    """Forget at most `most` requests that were settled more than `days` ago; returns how many they were."""
    return len(session.scalars(_PURGE, {"days": days, "most": most}).all())


def _key(wanted: Wanted) -> dict[str, object]:
    return {"build_id": wanted.build_id, "attempt": wanted.attempt, "job": wanted.job_external_id}

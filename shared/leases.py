"""Who polls a source: claim, renew, release. A lease runs out by itself; its fence makes a late holder's writes fail.

Two schedulers (or more) are the normal case: there is no leader. Time here is the database's, never a process's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import credentials
from shared.collector_errors import ErrorKind
from shared.credentials import STANDING_COLUMNS, Standing, standing_in
from shared.errors import LeaseLost
from shared.rows import rows

LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A source as it was when it was claimed; `fence` is this claim's number, greater than any before it.

    `lane` is the credential that its owner holds as well (`credentials.hold`), None where many may ask at once.
    """

    owner: str
    source_id: int
    fence: int
    instance_id: int
    instance: str
    provider: str
    scope: str
    cursor: dict[str, Any]
    baseline_at: datetime | None
    failures: int
    requested_at: datetime | None
    lane: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a poll ended: complete, failed (`error` says why), or broken off by our own stopping (neither).

    `cursor` is where the next poll begins, None to leave it where it is; `credential` is the name of what was asked
    with, and `interval_reason` says in words why the source is polled more rarely than every three minutes. `kind` is
    what the error is counted as, None where it is counted already.
    """

    is_complete: bool
    wait_seconds: float
    interval_seconds: float
    error: str | None = None
    cursor: dict[str, Any] | None = None
    credential: str | None = None
    interval_reason: str | None = None
    kind: ErrorKind | None = None


# How late it is by its own measure: where more is due than can be asked, each waits in proportion to what it wants. Ten
# seconds are much for a source of every 5 s, twenty are little for one of every three minutes; nobody waits for ever,
# because all get later. What somebody asked for wants to be polled at once.
_HASTE = """
    extract(epoch FROM now() - s.next_poll_at)
    / CASE WHEN s.requested_at > coalesce(s.last_poll_at, '-infinity') THEN 1 ELSE greatest(s.interval_seconds, 1) END
"""

_CLAIM = text(f"""
    WITH due AS (
        SELECT s.id FROM sources s JOIN instances i ON i.id = s.instance_id
        WHERE s.is_active AND i.name = ANY(:instances) AND s.next_poll_at <= clock_timestamp()
          AND (s.lease_until IS NULL OR s.lease_until < clock_timestamp())
        ORDER BY {_HASTE} DESC, s.next_poll_at FOR NO KEY UPDATE OF s SKIP LOCKED LIMIT :limit
    )
    UPDATE sources s
    SET lease_owner = :owner, fence = s.fence + 1, last_poll_at = clock_timestamp(),
        lease_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM due, instances i
    WHERE s.id = due.id AND i.id = s.instance_id
    RETURNING s.lease_owner AS owner, s.id AS source_id, s.fence, s.instance_id, i.name AS instance, i.provider,
              s.scope, s.cursor, s.baseline_at, s.failures, s.requested_at
""")

_RENEW = """
    UPDATE sources SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :source AND fence = :fence AND lease_until IS NOT NULL
    RETURNING id
"""

_RENEW_AND_ASK = f"""
    WITH kept AS ({_RENEW})
    SELECT {STANDING_COLUMNS} FROM kept LEFT JOIN credentials c ON c.fingerprint = :credential
"""

_RELEASE = text("""
    UPDATE sources
    SET lease_owner = NULL, lease_until = NULL, interval_seconds = :interval, interval_reason = :interval_reason,
        credential = coalesce(CAST(:credential AS text), credential),
        cursor = coalesce(CAST(:cursor AS jsonb), cursor),
        failures = CASE WHEN :is_ok THEN 0 WHEN CAST(:error AS text) IS NULL THEN failures ELSE failures + 1 END,
        last_ok_at = CASE WHEN :is_ok THEN clock_timestamp() ELSE last_ok_at END,
        baseline_at = CASE WHEN :is_ok THEN coalesce(baseline_at, clock_timestamp()) ELSE baseline_at END,
        last_error = CASE WHEN :is_ok THEN NULL ELSE coalesce(CAST(:error AS text), last_error) END,
        last_error_at = CASE WHEN CAST(:error AS text) IS NULL THEN last_error_at ELSE clock_timestamp() END,
        -- Asked for while it was polled: what was asked for may lie before this poll's reading, so once more.
        next_poll_at = CASE WHEN requested_at > last_poll_at THEN clock_timestamp()
                            ELSE clock_timestamp() + make_interval(secs => :wait) END
    WHERE id = :source AND fence = :fence AND lease_until IS NOT NULL
    RETURNING id
""")

_ABANDON = text("""
    UPDATE sources SET lease_owner = NULL, lease_until = NULL, next_poll_at = clock_timestamp(), fence = fence + 1
    WHERE lease_owner = :owner
    RETURNING id
""")


def claim(
    session: Session, owner: str, instances: Sequence[str], limit: int, *, lane: str | None = None
) -> list[Claim]:
    """Take at most `limit` due sources of these instances, those first that are latest by their own interval.

    What another process locks is passed.
    """
    given = {"owner": owner, "instances": list(instances), "limit": limit, "seconds": LEASE_SECONDS}
    return [Claim(**row, lane=lane) for row in session.execute(_CLAIM, given).mappings()]


def renew(session: Session, held: Claim) -> None:
    """Hold the source for another minute; raises LeaseLost when it is no longer ours.

    Called first in every transaction that writes for a poll: the row stays locked until the commit, so nobody can claim
    the source in between, and a holder that slept past its lease can write nothing.
    """
    if not rows(session, _RENEW, _lease(held)):
        raise _lost(held)


def renew_and_ask(session: Session, held: Claim, credential: str) -> Standing:
    """Renew, and say how the credential stands: what is done before every request, in one statement."""
    found = rows(session, _RENEW_AND_ASK, _lease(held) | {"credential": credential})
    if not found:
        raise _lost(held)
    return standing_in(found[0])


def _lease(held: Claim) -> dict[str, object]:
    return {"source": held.source_id, "fence": held.fence, "seconds": LEASE_SECONDS}


def _lost(held: Claim) -> LeaseLost:
    return LeaseLost(f"{held.instance}:{held.scope} is polled by another process now")


def release(session: Session, held: Claim, outcome: Outcome, cursor_json: str | None) -> None:
    """Give the source back and say when it is due again; raises LeaseLost when it was not ours any more."""
    released = session.scalar(
        _RELEASE,
        {
            "source": held.source_id,
            "fence": held.fence,
            "wait": outcome.wait_seconds,
            "interval": outcome.interval_seconds,
            "error": outcome.error,
            "is_ok": outcome.is_complete,
            "cursor": cursor_json,
            "credential": outcome.credential,
            "interval_reason": outcome.interval_reason,
        },
    )
    if released is None:
        raise _lost(held)


def abandon(session: Session, owner: str) -> int:
    """Give back everything a stopping process still holds, due at once; its threads can write nothing any more."""
    credentials.let_go(session, owner)
    return len(session.scalars(_ABANDON, {"owner": owner}).all())

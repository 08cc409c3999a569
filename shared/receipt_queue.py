"""Receipts on their way: claimed by an inbox, settled under its fence, given back, purged. None of these commits.

received -> processing -> done | ignored | parked, or back to received for a later try. Whoever claims gets the next
fence and a lease; a settle that carries an older fence changes nothing. Time is the database's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

LEASE_SECONDS = 90
"""Longer than any one request to a provider takes; renewed before each request and each transaction that records."""

BACK_OFF_SECONDS = (10.0, 60.0, 300.0, 1800.0)
"""How long a receipt waits after its first, second, … failed try; after the last of these it is parked."""

MOST_TRIES = len(BACK_OFF_SECONDS) + 1

KEPT_DAYS = 30
PURGED_AT_ONCE = 1_000


class State(StrEnum):
    """Where a receipt stands."""

    RECEIVED = "received"
    PROCESSING = "processing"
    DONE = "done"
    IGNORED = "ignored"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A receipt that is ours until its lease ends; `tries` counts this claim too."""

    id: int
    fence: int
    tries: int
    instance_id: int
    instance: str
    provider: str
    kind: str
    body: Mapping[str, Any] | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one claim ended.

    `changed` is how many transitions it brought, None where it could bring none; `is_late` says that something newer
    was known already; `at` is the provider's instant of what it tells. Back to RECEIVED means another try after
    `wait_seconds`, which counts unless `is_counted` is False: a provider that rests is no failure of the receipt.
    """

    claim: Claim
    state: State
    reason: str | None = None
    source_id: int | None = None
    changed: int | None = None
    is_late: bool = False
    at: datetime | None = None
    wait_seconds: float = 0.0
    is_counted: bool = True


_CLAIM = text("""
    WITH due AS (
        SELECT r.id FROM receipts r JOIN instances i ON i.id = r.instance_id
        WHERE i.name = ANY(:instances) AND r.state IN ('received', 'processing')
          AND r.next_try_at <= clock_timestamp()
          AND (r.state = 'received' OR r.lease_until < clock_timestamp())
        ORDER BY r.next_try_at, r.id FOR NO KEY UPDATE OF r SKIP LOCKED LIMIT :limit
    ), claimed AS (
        UPDATE receipts r
        SET state = 'processing', fence = r.fence + 1, tries = r.tries + 1, lease_owner = :owner,
            lease_until = clock_timestamp() + make_interval(secs => :seconds)
        FROM due WHERE r.id = due.id
        RETURNING r.id, r.fence, r.tries, r.instance_id, r.kind, r.body, r.received_at
    )
    SELECT c.id, c.fence, c.tries, c.instance_id, i.name AS instance, i.provider, c.kind, c.body, c.received_at
    FROM claimed c JOIN instances i ON i.id = c.instance_id ORDER BY c.id
""")

# Receipts are locked in the order in which deliveries store them, so that neither waits for the other in a circle.
_HOLD = text("""
    WITH held AS (
        SELECT r.id FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS ours (id, fence)
        JOIN receipts r ON r.id = ours.id AND r.fence = ours.fence AND r.state = 'processing'
        ORDER BY r.instance_id, r.body_sha256 FOR NO KEY UPDATE OF r
    )
    UPDATE receipts r SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM held WHERE r.id = held.id RETURNING r.id
""")

_SETTLE = text("""
    WITH settled AS (
        SELECT * FROM json_to_recordset(CAST(:settled AS json)) AS s (
            id bigint, fence bigint, state text, reason text, source_id bigint, changed int, is_late boolean,
            at timestamptz, wait_seconds float8, uncounted int)
    ), held AS (
        SELECT r.id FROM receipts r JOIN settled s ON s.id = r.id AND s.fence = r.fence
        WHERE r.state = 'processing'
        ORDER BY r.instance_id, r.body_sha256 FOR NO KEY UPDATE OF r
    )
    UPDATE receipts r
    SET state = s.state, reason = s.reason, source_id = coalesce(s.source_id, r.source_id), changed = s.changed,
        is_late = s.is_late, at = s.at, lease_owner = NULL, lease_until = NULL, tries = r.tries - s.uncounted,
        body = CASE WHEN s.state IN ('done', 'ignored') THEN NULL ELSE r.body END,
        next_try_at = clock_timestamp() + make_interval(secs => s.wait_seconds),
        settled_at = CASE WHEN s.state <> 'received' THEN clock_timestamp() END
    FROM settled s, held WHERE r.id = s.id AND r.id = held.id
    RETURNING r.id
""")

_ABANDON = text("""
    UPDATE receipts
    SET state = 'received', fence = fence + 1, tries = tries - :uncounted, lease_owner = NULL, lease_until = NULL
    WHERE id IN (SELECT id FROM receipts WHERE state = 'processing' AND lease_owner = :owner
                 ORDER BY instance_id, body_sha256 FOR NO KEY UPDATE)
    RETURNING id
""")

_PURGE = text("""
    DELETE FROM receipts WHERE id IN (
        SELECT id FROM receipts
        WHERE received_at < clock_timestamp() - make_interval(days => :days)
          AND (state <> 'processing' OR lease_until < clock_timestamp())
        ORDER BY received_at FOR UPDATE SKIP LOCKED LIMIT :limit)
    RETURNING id
""")


def claim(session: Session, owner: str, instances: Sequence[str], limit: int) -> list[Claim]:
    """Take at most `limit` due receipts of these instances, longest due first, those of a dead holder among them.

    They come in the order in which they were received. The caller commits before it does anything with them.
    """
    given = {"owner": owner, "instances": list(instances), "limit": limit, "seconds": LEASE_SECONDS}
    return [Claim(**row) for row in session.execute(_CLAIM, given).mappings()]


def hold(session: Session, claims: Sequence[Claim]) -> frozenset[int]:
    """Renew the leases; returns the ids of those that are still ours, whose rows stay locked until the commit."""
    given = {"ids": [each.id for each in claims], "fences": [each.fence for each in claims], "seconds": LEASE_SECONDS}
    return frozenset(session.scalars(_HOLD, given))


def settle(session: Session, settlements: Iterable[Settlement]) -> int:
    """Say how claims ended; returns how many of them were still ours. Done and ignored ones lose their body."""
    rows = [_row(each) for each in settlements]
    if not rows:
        return 0
    return len(session.scalars(_SETTLE, {"settled": orjson.dumps(rows).decode()}).all())


def abandon(session: Session, owner: str, *, is_counted: bool = False) -> int:
    """Give back everything a stopping or dead process still holds; its threads can settle nothing any more.

    `is_counted` lets the try count: a receipt may be what a process died of.
    """
    return len(session.scalars(_ABANDON, {"owner": owner, "uncounted": int(not is_counted)}).all())


def purge(session: Session) -> int:
    """Delete at most a thousand receipts of more than 30 days ago; returns how many it were."""
    return len(session.scalars(_PURGE, {"days": KEPT_DAYS, "limit": PURGED_AT_ONCE}).all())


def after_failure(held: Claim, reason: str) -> Settlement:
    """Another try later, or, once it was tried five times, parked with the reason. Pure."""
    if held.tries >= MOST_TRIES:
        return Settlement(claim=held, state=State.PARKED, reason=f"given up after {held.tries} tries: {reason}")
    wait = BACK_OFF_SECONDS[max(0, held.tries - 1)]
    return Settlement(claim=held, state=State.RECEIVED, reason=reason, wait_seconds=wait)


def postponed(held: Claim, reason: str, wait_seconds: float) -> Settlement:
    """Another try once the provider may be asked again; it costs no try. Pure."""
    return Settlement(claim=held, state=State.RECEIVED, reason=reason, wait_seconds=wait_seconds, is_counted=False)


def ignored(held: Claim, reason: str) -> Settlement:
    """Nothing in it is for us, and why. Pure."""
    return Settlement(claim=held, state=State.IGNORED, reason=reason)


def parked(held: Claim, reason: str) -> Settlement:
    """It could not be processed and another try would not help; its body is kept for whoever looks into it. Pure."""
    return Settlement(claim=held, state=State.PARKED, reason=reason)


def _row(settled: Settlement) -> dict[str, object]:
    return {
        "id": settled.claim.id,
        "fence": settled.claim.fence,
        "state": settled.state,
        "reason": settled.reason,
        "source_id": settled.source_id,
        "changed": settled.changed,
        "is_late": settled.is_late,
        "at": settled.at,
        "wait_seconds": settled.wait_seconds,
        "uncounted": int(not settled.is_counted),
    }

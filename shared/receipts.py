"""Stores webhooks as they were received: one row for one body, however often it is delivered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

CHANNEL = "observatory_receipts"
"""What is notified, without content, when there is something for the inbox."""

# One statement for a group. Sorted, so that two processes storing the same bodies wait for each other in one order.
# A parked receipt that is delivered again is received again, with the body it lost or kept.
_STORE = text("""
    WITH delivered AS (
        SELECT i.id AS instance_id, i.name AS instance, d.kind, d.delivery_id, decode(d.sha256, 'hex') AS sha256,
               d.body, d.reason, d.seen
        FROM json_to_recordset(CAST(:deliveries AS json)) AS d (
            provider text, instance text, kind text, delivery_id text, sha256 text, body jsonb, reason text, seen int)
        JOIN instances i ON i.name = d.instance AND i.provider = d.provider
    ), stored AS (
        INSERT INTO receipts AS r (instance_id, kind, delivery_id, body_sha256, body, state, reason, seen, settled_at)
        SELECT instance_id, kind, delivery_id, sha256, body,
               CASE WHEN reason IS NULL THEN 'received' ELSE 'ignored' END, reason, seen,
               CASE WHEN reason IS NOT NULL THEN clock_timestamp() END
        FROM delivered ORDER BY instance_id, sha256
        ON CONFLICT (instance_id, body_sha256) DO UPDATE
        SET seen = r.seen + excluded.seen, last_received_at = clock_timestamp(),
            state = CASE WHEN r.state = 'parked' THEN excluded.state ELSE r.state END,
            body = CASE WHEN r.state = 'parked' THEN excluded.body ELSE r.body END,
            reason = CASE WHEN r.state = 'parked' THEN excluded.reason ELSE r.reason END,
            tries = CASE WHEN r.state = 'parked' THEN 0 ELSE r.tries END,
            settled_at = CASE WHEN r.state = 'parked' THEN excluded.settled_at ELSE r.settled_at END,
            next_try_at = CASE WHEN r.state = 'parked' THEN clock_timestamp() ELSE r.next_try_at END
        RETURNING r.id, r.instance_id, r.body_sha256, r.state, r.reason, r.seen
    )
    SELECT delivered.instance, encode(stored.body_sha256, 'hex'), stored.id, stored.state, stored.reason, stored.seen
    FROM stored JOIN delivered ON delivered.instance_id = stored.instance_id AND delivered.sha256 = stored.body_sha256
""")

_NOTIFY = text("SELECT pg_notify(:channel, '')")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook. `sha256` is of the raw body, `body` the redacted JSON object that is kept.

    A delivery with a `reason` is kept as ignored: it holds nothing that could be processed.
    """

    provider: str
    instance: str
    kind: str
    sha256: bytes
    delivery_id: str | None = None
    body: bytes | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A receipt as it stands after a delivery; `seen` counts the deliveries of this body."""

    id: int
    state: str
    reason: str | None
    seen: int


def store(session: Session, deliveries: Sequence[Delivery]) -> list[Stored | None]:
    """Store deliveries and wake the inbox when the transaction commits; the answers are in the same order.

    None stands for a delivery whose instance is not in the tables: no scheduler has started with it yet.
    """
    grouped = _grouped(deliveries)
    rows = session.execute(_STORE, {"deliveries": orjson.dumps(grouped).decode()})
    found = {(instance, digest): Stored(*rest) for instance, digest, *rest in rows}
    session.execute(_NOTIFY, {"channel": CHANNEL})
    return [found.get((delivery.instance, delivery.sha256.hex())) for delivery in deliveries]


def _grouped(deliveries: Sequence[Delivery]) -> list[dict[str, object]]:
    """Rows for the statement: the same body delivered twice in one group is one row seen twice."""
    seen = Counter((delivery.instance, delivery.sha256) for delivery in deliveries)
    each = {(delivery.instance, delivery.sha256): delivery for delivery in reversed(deliveries)}
    return [_row(delivery, seen[key]) for key, delivery in each.items()]


def _row(delivery: Delivery, seen: int) -> dict[str, object]:
    return {
        "provider": delivery.provider,
        "instance": delivery.instance,
        "kind": delivery.kind,
        "delivery_id": delivery.delivery_id,
        "sha256": delivery.sha256.hex(),
        "body": None if delivery.body is None else orjson.Fragment(delivery.body),
        "reason": delivery.reason,
        "seen": seen,
    }

"""Why and what: the decisions about an event, messages and their lines, what was told of an incident."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.decision_words import Unwritten, decision_without_row, sentence
from shared.incident_queries import incident_objects
from shared.rows import Row, as_int, rows
from shared.status import VERDICTS, literals

STATES = ("pending", "sending", "sent", "dead", "expired")
KINDS = ("news", "transition", "digest", "operations", "test", "broke", "flapping", "fixed")
"""What a delivery is; the last three were planned by a version before this one."""

_EVENT = """
    SELECT e.pos, e.subject_kind, e.subject_id, e.attempt, e.from_status, e.to_status, e.is_superseded, e.is_backfill,
           e.at, e.recorded_at, CAST(e.data->>'cause_pos' AS bigint) AS cause_pos, b.event AS trigger,
           e.pos <= coalesce((SELECT pos FROM cursors WHERE name = 'alerts'), -1) AS is_planned
    FROM events e LEFT JOIN builds b ON e.subject_kind = 'build' AND b.id = e.subject_id
    WHERE e.pos = :pos
"""

_DECISION = """
    SELECT d.decision, d.incident_id, d.unmatched, first.pos AS first_kept
    FROM (SELECT min(event_pos) AS pos FROM decisions) first LEFT JOIN decisions d ON d.event_pos = :pos
"""

# In the order in which the routes are asked; those that are gone by now come last. What waits says until when.
_ROUTINGS = """
    SELECT g.route, g.receiver, g.kind, g.outcome, g.reason, g.delivery_id, g.decided_at, g.settled_at,
           CASE WHEN g.outcome IN ('queued', 'held') THEN t.due_at END AS due_at
    FROM routings g
    LEFT JOIN tellings t ON t.receiver = g.receiver AND t.incident_id = g.incident_id AND t.wanted_at IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT origin <> 'file' AS is_later, place FROM routes WHERE name = g.route ORDER BY origin <> 'file' LIMIT 1
    ) r ON true
    WHERE g.event_pos = :pos
    ORDER BY r.is_later NULLS LAST, r.place, g.route, g.receiver
"""

_WORDS = literals(VERDICTS)

_LAST_VERDICT = f"""
    SELECT pos FROM events
    WHERE subject_kind = 'build' AND subject_id = :build_id AND to_status IN ({_WORDS})
    ORDER BY pos DESC LIMIT 1
"""

_LAST_EVENT = """
    SELECT pos FROM events WHERE subject_kind = 'build' AND subject_id = :build_id ORDER BY pos DESC LIMIT 1
"""

# What the version before planned was one message about one incident; a message of news counts its lines.
_DELIVERY_COLUMNS = """
    d.id, d.receiver, d.kind, d.state, d.message->>'title' AS title, d.tries, d.tries > 1 AS is_possible_repeat,
    CASE WHEN d.kind = 'news' THEN (SELECT count(*) FROM delivery_items i WHERE i.delivery_id = d.id)
         ELSE (d.incident_id IS NOT NULL)::int END AS incidents,
    d.event_pos, d.build_id, d.attempt, d.thread_id, d.created_at,
    CASE WHEN d.state = 'pending' THEN d.next_try_at END AS next_try_at, d.settled_at, d.last_error
"""

_DELIVERY = f"SELECT {_DELIVERY_COLUMNS}, d.message - 'board' AS message FROM deliveries d WHERE d.id = :id"

_ITEMS = """
    SELECT place, incident_id, kind, version, failures FROM delivery_items
    WHERE delivery_id = :id AND place > :after ORDER BY place LIMIT :limit
"""

_TELLINGS = """
    SELECT receiver, route, told, told_at, told_failures AS failures, wanted_at IS NOT NULL AS is_wanted,
           CASE WHEN wanted_at IS NOT NULL THEN due_at END AS due_at, held, repeat_at
    FROM tellings WHERE incident_id = :incident_id ORDER BY receiver
"""

_MATCHES = {
    "receiver": "d.receiver = ANY(:receiver)",
    "state": "d.state = ANY(:state)",
    "kind": "d.kind = ANY(:kind)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What a list of deliveries is narrowed to; empty says nothing, several values of one filter mean any of them."""

    receiver: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()


def event_decisions(session: Session, pos: int) -> Row | None:
    """What was decided about the event at `pos`, by route and receiver, each with the reason; None: no such event.

    What became of an incident was decided with the event of the build that caused it (`cause_pos`). Four statements at
    most.
    """
    event = _event(session, pos)
    if event is None:
        return None
    cause_pos = event["cause_pos"]
    cause = event if cause_pos is None else (_event(session, as_int(cause_pos)) or event)
    decided = rows(session, _DECISION, {"pos": cause["pos"]})[0]
    decision = str(decided["decision"] or decision_without_row(_unwritten(cause, decided)))
    columns = ("pos", "subject_kind", "subject_id", "attempt", "from_status", "to_status", "at", "recorded_at")
    return {name: event[name] for name in columns} | {
        "cause_pos": cause_pos,
        "is_planned": event["is_planned"],
        "decision": decision,
        "decision_reason": sentence(decision),
        "incident_id": decided["incident_id"] or (event["subject_id"] if event["subject_kind"] == "incident" else None),
        "routes": _routes(decided["unmatched"], rows(session, _ROUTINGS, {"pos": cause["pos"]})),
    }


def verdict_event(session: Session, build_id: int) -> int | None:
    """The position of a build's last verdict, else of its last event; None when nothing is known of it."""
    for statement in (_LAST_VERDICT, _LAST_EVENT):
        if found := rows(session, statement, {"build_id": build_id}):
            return as_int(found[0]["pos"])
    return None


def list_deliveries(session: Session, wanted: DeliveryFilter, *, limit: int, before: int | None = None) -> list[Row]:
    """At most `limit` messages, newest id first, from below `before` on; one statement."""
    given: dict[str, object] = {name: list(value) for name in _MATCHES if (value := getattr(wanted, name))}
    conditions = [_MATCHES[name] for name in given]
    if before is not None:
        conditions.append("d.id < :before")
        given["before"] = before
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    # The page first: what it is joined with is counted for its rows alone.
    page = f"SELECT d.* FROM deliveries d {where} ORDER BY d.id DESC LIMIT {limit:d}"
    return rows(session, f"SELECT {_DELIVERY_COLUMNS} FROM ({page}) d ORDER BY d.id DESC", given)


def delivery(session: Session, delivery_id: int) -> Row | None:
    """One message as the receiver gets it, and how it stands; None when there is none."""
    found = rows(session, _DELIVERY, {"id": delivery_id})
    return found[0] if found else None


def delivery_items(session: Session, delivery_id: int, *, limit: int, after: int = -1) -> list[Row]:
    """What a message of news says of which incident, line by line, from below place `after` on, however many it shows.

    Each line carries the incident as it stands now; null when it was deleted. Two statements.
    """
    found = rows(session, _ITEMS, {"id": delivery_id, "limit": limit, "after": after})
    incidents = incident_objects(session, [as_int(row["incident_id"]) for row in found]) if found else {}
    return [row | {"incident": incidents.get(as_int(row["incident_id"]))} for row in found]


def tellings_of(session: Session, incident_id: int) -> list[Row]:
    """What each receiver was last told of an incident, and whether it is to hear more."""
    return rows(session, _TELLINGS, {"incident_id": incident_id})


def _event(session: Session, pos: int) -> Row | None:
    found = rows(session, _EVENT, {"pos": pos})
    return found[0] if found else None


def _unwritten(event: Row, decided: Row) -> Unwritten:
    first_kept, trigger, to_status = decided["first_kept"], event["trigger"], event["to_status"]
    return Unwritten(
        pos=as_int(event["pos"]),
        subject_kind=str(event["subject_kind"]),
        to_status=None if to_status is None else str(to_status),
        is_superseded=bool(event["is_superseded"]),
        is_backfill=bool(event["is_backfill"]),
        trigger=None if trigger is None else str(trigger),
        is_planned=bool(event["is_planned"]),
        first_kept=None if first_kept is None else as_int(first_kept),
    )


def _routes(unmatched: object, routings: Sequence[Row]) -> list[Row]:
    """What fitted, by route and receiver, and below it the routes that did not."""
    nothing = dict.fromkeys(("kind", "delivery_id", "decided_at", "settled_at", "due_at"))
    missed = sorted(unmatched.items()) if isinstance(unmatched, dict) else []
    return [
        *routings,
        *({"route": route, "receiver": None, "outcome": "unmatched", "reason": why} | nothing for route, why in missed),
    ]

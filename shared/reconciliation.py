"""Who told us first: by source and day, which changes webhooks brought, which only a poll found, and how late each was.

What is counted is read from the event log (`via`) and from the receipts. Nothing here depends on a body being kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from shared.events import Via
from shared.rows import Row, as_int, rows
from shared.scope import Scope
from shared.status import FINISHED, literals

DEFAULT_WINDOW = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=31)

FORMULA = {
    "changes": "transitions of builds recorded in the window, by the way they were learnt first",
    "webhooks": "different webhooks received about the source",
    "repeated": "further deliveries of the same webhook",
    "late": "webhooks that told something older than what was known",
    "known_already": "webhooks that told what was known: a poll had been faster, or another webhook",
    "missed": "changes that a poll found and no webhook told of: changes.poll - known_already, not below 0; "
    "null where no webhook came in the window",
    "lag_seconds": "from the provider's instant of a finish to our record of it, finished builds after the baseline",
}
"""How each figure comes about, in words; an answer carries it."""

_LAG = f"""FILTER (WHERE e.via = '{{via}}' AND NOT e.is_backfill
                AND e.to_status IN ({literals(FINISHED)}))"""
_SECONDS = "extract(epoch FROM greatest(e.recorded_at - e.at, interval '0'))::float8"
_BY_VIA = ",\n".join(
    f"""
    count(*) FILTER (WHERE e.via = '{via}') AS {via}_changes,
    count(*) {_LAG.format(via=via)} AS {via}_finishes,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY {_SECONDS}) {_LAG.format(via=via)} AS {via}_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY {_SECONDS}) {_LAG.format(via=via)} AS {via}_p95"""
    for via in Via
)

# Days are days of UTC. A row without a day is the whole window's: percentiles do not add up.
_CHANGES = f"""
    SELECT p.source_id AS source, (e.recorded_at AT TIME ZONE 'UTC')::date::text AS day, {_BY_VIA}
    FROM events e JOIN builds b ON b.id = e.subject_id JOIN pipelines p ON p.id = b.pipeline_id
    WHERE e.kind = 'transition' AND e.subject_kind = 'build'
      AND e.recorded_at >= :since AND e.recorded_at < :until AND p.source_id = ANY(:sources)
    GROUP BY GROUPING SETS ((1, 2), (1))
"""

_RECEIVED = """
    count(*) AS webhooks, sum(r.seen) - count(*) AS repeated, count(*) FILTER (WHERE r.is_late) AS late,
    count(*) FILTER (WHERE r.changed = 0 AND NOT r.is_late) AS known_already,
    count(*) FILTER (WHERE r.state = 'parked') AS parked, max(r.last_received_at) AS last_webhook_at
"""

_RECEIPTS = f"""
    SELECT r.source_id AS source, (r.received_at AT TIME ZONE 'UTC')::date::text AS day, {_RECEIVED}
    FROM receipts r
    WHERE r.received_at >= :since AND r.received_at < :until AND r.source_id = ANY(:sources)
    GROUP BY GROUPING SETS ((1, 2), (1))
"""

_INSTANCES = f"""
    SELECT i.provider, i.name AS instance, {_RECEIVED},
           count(*) FILTER (WHERE r.state = 'ignored') AS ignored,
           count(*) FILTER (WHERE r.state IN ('received', 'processing')) AS waiting
    FROM receipts r JOIN instances i ON i.id = r.instance_id
    WHERE r.received_at >= :since AND r.received_at < :until {{where}}
    GROUP BY i.id ORDER BY i.name
"""

_SOURCES = """
    SELECT s.id, i.provider, i.name AS instance, s.scope
    FROM sources s JOIN instances i ON i.id = s.instance_id
    WHERE s.id > :after AND s.is_active {where} ORDER BY s.id LIMIT :limit
"""

_NO_RECEIPTS: Row = {"webhooks": 0, "repeated": 0, "late": 0, "known_already": 0, "parked": 0, "last_webhook_at": None}

Key = tuple[int, str | None]
"""A source and a day, or None for the whole window."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (included) to `until` (excluded)."""

    since: datetime
    until: datetime

    @property
    def as_row(self) -> Row:
        return {"since": self.since, "until": self.until}


def window(as_of: datetime, since: datetime | None, until: datetime | None) -> Window:
    """The window asked for, by default the last seven days; raises ValueError for one of more than 31 days. Pure.

    Without `until` it ends with the present minute, so that an answer can stay equal.
    """
    end = until or as_of.replace(second=0, microsecond=0) + timedelta(minutes=1)
    begin = since or end - DEFAULT_WINDOW
    if end - begin > LONGEST_WINDOW:
        raise ValueError(f"must be at most {LONGEST_WINDOW.days} days before until")
    if begin >= end:
        raise ValueError("must be before until")
    return Window(begin, end)


def by_source(session: Session, scope: Scope, frame: Window, *, limit: int, after: int = 0) -> list[Row]:
    """The active sources by id, each with its figures over the window and by day; days without any are left out.

    Three statements, whatever the number of sources. Of the scope only provider and instance count.
    """
    where, given = _narrowed(scope)
    found = rows(session, _SOURCES.format(where=where), given | {"after": after, "limit": limit})
    asked = frame.as_row | {"sources": [source["id"] for source in found]}
    changes = {_key(row): row for row in rows(session, _CHANGES, asked)}
    receipts = {_key(row): row for row in rows(session, _RECEIPTS, asked)}
    return [source | _of_source(as_int(source["id"]), changes, receipts) for source in found]


def by_instance(session: Session, scope: Scope, frame: Window) -> list[Row]:
    """What each installation's webhooks came to over the window, those about nothing we watch among them."""
    where, given = _narrowed(scope)
    found = rows(session, _INSTANCES.format(where=where), given | frame.as_row)
    return [row | {"repeated": int(str(row["repeated"]))} for row in found]


def _of_source(source: int, changes: Mapping[Key, Row], receipts: Mapping[Key, Row]) -> Row:
    days = sorted({str(day) for each, day in (*changes, *receipts) if each == source and day is not None})
    return {
        "total": _figures(changes.get((source, None)), receipts.get((source, None))),
        "days": [{"day": day} | _figures(changes.get((source, day)), receipts.get((source, day))) for day in days],
    }


def _figures(changes: Row | None, received: Row | None) -> Row:
    """The figures of one source over a day or the window. Pure."""
    told = _NO_RECEIPTS | {name: (received or _NO_RECEIPTS)[name] for name in _NO_RECEIPTS}
    counted = {str(via): as_int((changes or {}).get(f"{via}_changes", 0)) for via in Via}
    only_polled = max(0, counted[Via.POLL] - as_int(told["known_already"]))
    return {
        "changes": counted,
        **told,
        "repeated": int(str(told["repeated"])),
        "missed": only_polled if told["webhooks"] else None,
        "lag_seconds": {str(via): _lag(changes, via) for via in Via},
    }


def _lag(changes: Row | None, via: Via) -> Row:
    found = changes or {}
    return {"p50": found.get(f"{via}_p50"), "p95": found.get(f"{via}_p95"), "builds": found.get(f"{via}_finishes", 0)}


def _key(row: Row) -> Key:
    day = row["day"]
    return as_int(row["source"]), None if day is None else str(day)


def _narrowed(scope: Scope) -> tuple[str, dict[str, object]]:
    conditions: Sequence[tuple[str, tuple[str, ...]]] = (("i.provider", scope.provider), ("i.name", scope.instance))
    given = {column.removeprefix("i."): list(values) for column, values in conditions if values}
    return "".join(f" AND i.{name} = ANY(:{name})" for name in given), dict(given)

"""How fresh our knowledge is: when each source was last reached, and which are stale and why, in words."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.rows import Row, rows
from shared.scope import Scope

GRACE_SECONDS = 120
"""How long a failing or overdue source counts as fresh: a restart or one lost poll is no news."""

SILENCE_SECONDS = 300
"""No source counts as fresh past this, unless its own interval is longer: then twice the interval."""

# The one place that says what stale means; the words for each are in `explain`.
_STALE = f"""
    CASE
        WHEN NOT s.is_active THEN NULL
        WHEN coalesce(s.last_ok_at, s.created_at) > now() - interval '{GRACE_SECONDS} seconds' THEN NULL
        WHEN s.last_ok_at IS NULL THEN 'never'
        WHEN s.failures > 0 THEN 'failing'
        WHEN s.next_poll_at < now() - interval '{GRACE_SECONDS} seconds' THEN 'overdue'
        WHEN s.last_ok_at < now() - make_interval(secs => greatest({SILENCE_SECONDS}, 2 * s.interval_seconds))
            THEN 'silent'
    END
"""

_FACTS = f"""
    s.id, i.provider, i.name AS instance, j.key AS project, s.scope, s.origin, s.is_active, s.interval_seconds,
    s.next_poll_at, s.requested_at, coalesce(s.lease_until > now(), false) AS is_polling, s.last_poll_at,
    s.last_ok_at AS last_contact_at, s.baseline_at, s.failures, s.last_error, s.last_error_at, {_STALE} AS stale
"""

_FROM = "sources s JOIN instances i ON i.id = s.instance_id JOIN projects j ON j.id = s.project_id"

# An instance may have had several credentials; the one used last tells what is left now. Lag is the median over what
# finished in the last day, after the baseline: what was already over when we first looked says nothing about us.
_SOURCES = f"""
    SELECT {_FACTS}, c.request_limit, c.remaining, c.reset_at, c.blocked_until, c.is_rejected, lag.lag_seconds
    FROM {_FROM}
    LEFT JOIN LATERAL (
        SELECT * FROM credentials c WHERE c.instance_id = s.instance_id ORDER BY c.updated_at DESC LIMIT 1
    ) c ON true
    LEFT JOIN (
        SELECT p.source_id, percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM greatest(b.recorded_at - b.finished_at, interval '0'))
        ) AS lag_seconds
        FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN sources s ON s.id = p.source_id
        WHERE b.queued_at > now() - interval '1 day' AND b.finished_at > s.baseline_at
        GROUP BY p.source_id
    ) lag ON lag.source_id = s.id
"""


def sources(session: Session, scope: Scope, *, limit: int, after: int = 0) -> list[Row]:
    """Sources by id, each with its schedule, its budget, its lag, and whether it is stale and why."""
    where, parameters = _narrowed(scope)
    statement = f"{_SOURCES} WHERE s.id > :after {where} ORDER BY s.id LIMIT :limit"
    return [_source_object(row) for row in rows(session, statement, parameters | {"after": after, "limit": limit})]


def stale_sources(session: Session, scope: Scope, *, limit: int) -> list[Row]:
    """The stale sources that a question of this scope depends on, longest silent first.

    Only what names sources narrows it (provider, instance, project): a repository not seen yet may come from any.
    """
    where, parameters = _narrowed(scope)
    statement = f"""
        SELECT * FROM (SELECT {_FACTS} FROM {_FROM} WHERE s.is_active {where}) stale
        WHERE stale IS NOT NULL ORDER BY last_contact_at NULLS FIRST, id LIMIT :limit
    """
    shown = ("id", "provider", "instance", "scope", "last_contact_at")
    found = rows(session, statement, parameters | {"limit": limit})
    return [{name: row[name] for name in shown} | {"reason": explain(row)} for row in found]


def explain(row: Row) -> str:
    """Why a source is stale. Instants instead of ages, so that the words stand still while nothing changes."""
    contact = _instant(row["last_contact_at"])
    error = f": {row['last_error']}" if row["last_error"] else ""
    match row["stale"]:
        case "never":
            return f"never reached yet{error}"
        case "failing":
            return f"last contact at {contact}; {row['failures']} polls in a row failed{error}"
        case "overdue":
            due = _instant(row["next_poll_at"])
            return f"last contact at {contact}; a poll was due at {due} and has not happened: is the scheduler running?"
        case _:
            due = _instant(row["next_poll_at"])
            return f"last contact at {contact}; the next poll is due at {due}, when the request budget allows it"


def _narrowed(scope: Scope) -> tuple[str, dict[str, object]]:
    conditions = {"provider": "i.provider", "instance": "i.name", "project": "j.key"}
    given = {name: list(getattr(scope, name)) for name in conditions if getattr(scope, name)}
    return "".join(f" AND {conditions[name]} = ANY(:{name})" for name in given), dict(given)


def _source_object(row: Row) -> Row:
    budget = {
        name: row.pop(name) for name in ("request_limit", "remaining", "reset_at", "blocked_until", "is_rejected")
    }
    is_stale = row["stale"] is not None
    row["stale_reason"] = explain(row) if is_stale else None
    del row["stale"]
    has_budget = budget["is_rejected"] is not None
    return row | {"is_stale": is_stale, "budget": budget if has_budget else None}


def _instant(value: object) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if isinstance(value, datetime) else "never"

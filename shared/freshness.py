"""How fresh our knowledge is: when each source was last reached, and which are stale and why, in words."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.backfills import OPEN, REMARK, SHARE
from shared.health import HEARD_AT
from shared.rows import Row, rows
from shared.scope import Scope

GRACE_SECONDS = 120
"""How long a failing, overdue or unattended source counts as fresh: a restart or one lost poll is no news."""

CEILING_SECONDS = 180
"""No source is polled more rarely, unless its credential's limit forbids more; then its `interval_reason` says so."""

MOST_LAGS = 10_000
"""Of so many of the last day's newest builds the sources' lag is taken: all of them could be millions."""

_RESTING_UNTIL = "greatest(k.blocked_until, CASE WHEN k.remaining = 0 THEN k.reset_at END)"

# The one place that says what stale means; the words for each are in `explain`. `k` is the credential it is asked with.
# The pauses that a provider imposes and the death of every scheduler are known before a poll is overdue: whoever is
# polled once an hour is stale two minutes after that all the same. All of it is at most five minutes after its cause.
_STALE = f"""
    CASE
        WHEN NOT s.is_active THEN NULL
        WHEN coalesce(s.last_ok_at, s.created_at) > now() - interval '{GRACE_SECONDS} seconds' THEN NULL
        WHEN s.last_ok_at IS NULL THEN 'never'
        WHEN s.failures > 0 THEN 'failing'
        WHEN coalesce({HEARD_AT}, '-infinity') < now() - interval '{GRACE_SECONDS} seconds' THEN 'unattended'
        WHEN s.next_poll_at < now() - interval '{GRACE_SECONDS} seconds' THEN 'overdue'
        WHEN {_RESTING_UNTIL} > greatest(s.next_poll_at, now()) + interval '{GRACE_SECONDS} seconds' THEN 'resting'
        WHEN s.last_ok_at < now() - make_interval(
            secs => {GRACE_SECONDS} + greatest({CEILING_SECONDS}, s.interval_seconds)) THEN 'silent'
    END
"""

_FACTS = f"""
    s.id, i.provider, i.name AS instance, j.key AS project, s.scope, s.origin, s.pattern, s.is_active, s.archived_at,
    s.interval_seconds, s.interval_reason, s.next_poll_at, s.requested_at,
    coalesce(s.lease_until > now(), false) AS is_polling, s.last_poll_at,
    s.last_ok_at AS last_contact_at, s.baseline_at, s.failures, s.last_error, s.last_error_at, {_STALE} AS stale,
    {_RESTING_UNTIL} AS resting_until, {HEARD_AT} AS scheduler_heard_at
"""

_FROM = """
    sources s JOIN instances i ON i.id = s.instance_id JOIN projects j ON j.id = s.project_id
    LEFT JOIN credentials k ON k.fingerprint = s.credential
"""

# Before a source was asked for the first time its credential is not known: the one its instance used last stands for
# it. Lag is the median over what finished in the last day (of a busy one over its newest builds), after the baseline:
# what was already over when we first looked says nothing about us. Of its backfills the open one counts, else the last.
_SOURCES = f"""
    SELECT {_FACTS}, c.request_limit, c.remaining, c.reset_at, c.blocked_until, c.is_rejected, lag.lag_seconds,
           f.state, f.since, f.until, f.reached, f.share, f.builds, f.reason
    FROM {_FROM}
    LEFT JOIN LATERAL (
        SELECT * FROM credentials c WHERE c.instance_id = s.instance_id
        ORDER BY c.fingerprint IS NOT DISTINCT FROM s.credential DESC, c.updated_at DESC LIMIT 1
    ) c ON true
    LEFT JOIN (
        SELECT p.source_id, percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM greatest(b.recorded_at - b.finished_at, interval '0'))
        ) AS lag_seconds
        FROM (SELECT * FROM builds b WHERE b.queued_at > now() - interval '1 day'
              ORDER BY b.queued_at DESC, b.id DESC LIMIT {MOST_LAGS}) b
        JOIN pipelines p ON p.id = b.pipeline_id JOIN sources s ON s.id = p.source_id
        WHERE b.finished_at > s.baseline_at
        GROUP BY p.source_id
    ) lag ON lag.source_id = s.id
    LEFT JOIN (
        SELECT DISTINCT ON (f.source_id) f.source_id, f.state, f.since, f.until, f.reached, {SHARE} AS share, f.builds,
               {REMARK} AS reason
        FROM backfills f JOIN sources s ON s.id = f.source_id ORDER BY f.source_id, ({OPEN}) DESC, f.id DESC
    ) f ON f.source_id = s.id
"""

_BUDGET = ("request_limit", "remaining", "reset_at", "blocked_until", "is_rejected")
_BACKFILL = ("state", "since", "until", "reached", "share", "builds", "reason")


def sources(session: Session, scope: Scope, *, limit: int, after: int = 0) -> list[Row]:
    """Sources by id, each with its schedule, its budget, its lag, and whether it is stale and why."""
    where, parameters = narrowed(scope)
    statement = f"{_SOURCES} WHERE s.id > :after {where} ORDER BY s.id LIMIT :limit"
    return [_source_object(row) for row in rows(session, statement, parameters | {"after": after, "limit": limit})]


def stale_sources(session: Session, scope: Scope, *, limit: int) -> list[Row]:
    """The stale sources that a question of this scope depends on, longest silent first.

    Only what names sources narrows it (provider, instance, project): a repository not seen yet may come from any.
    """
    where, parameters = narrowed(scope)
    statement = f"""
        SELECT * FROM (SELECT {_FACTS} FROM {_FROM} WHERE s.is_active {where}) stale
        WHERE stale IS NOT NULL ORDER BY last_contact_at NULLS FIRST, id LIMIT :limit
    """
    shown = ("id", "provider", "instance", "scope", "last_contact_at")
    found = rows(session, statement, parameters | {"limit": limit})
    return [{name: row[name] for name in shown} | {"reason": explain(row)} for row in found]


def explain(row: Row) -> str:
    """Why a source is stale. Instants instead of ages, so that the words stand still while nothing changes."""
    error = f": {row['last_error']}" if row["last_error"] else ""
    if row["stale"] == "never":
        return f"never reached yet{error}"
    due = _instant(row["next_poll_at"])
    match row["stale"]:
        case "failing":
            why = f"{row['failures']} polls in a row failed{error}"
        case "unattended":
            heard = row["scheduler_heard_at"]
            why = f"no scheduler has been heard of {f'since {_instant(heard)}' if heard else 'yet'}: is it running?"
        case "resting":
            why = f"the provider limits this credential until {_instant(row['resting_until'])}"
        case "overdue" if row["is_polling"]:
            why = f"the poll that was due at {due} is still under way"
        case "overdue":
            why = f"a poll was due at {due} and has not happened: are there enough workers?"
        case _:
            why = f"the next poll is due at {due}, when the request budget allows it"
    return f"last contact at {_instant(row['last_contact_at'])}; {why}"


def narrowed(scope: Scope) -> tuple[str, dict[str, object]]:
    """SQL that narrows `i` and `j` (instance, project) to what a scope names of sources, and its parameters."""
    conditions = {"provider": "i.provider", "instance": "i.name", "project": "j.key"}
    given = {name: list(getattr(scope, name)) for name in conditions if getattr(scope, name)}
    return "".join(f" AND {conditions[name]} = ANY(:{name})" for name in given), dict(given)


def _source_object(row: Row) -> Row:
    is_stale = row["stale"] is not None
    row["stale_reason"] = explain(row) if is_stale else None
    for name in ("stale", "resting_until", "scheduler_heard_at"):
        del row[name]
    budget, backfill = _taken(row, _BUDGET), _taken(row, _BACKFILL)
    return row | {
        "is_stale": is_stale,
        "budget": None if budget["is_rejected"] is None else budget,
        "backfill": None if backfill["state"] is None else backfill,
    }


def _taken(row: Row, names: tuple[str, ...]) -> Row:
    """These columns as an object of their own; they leave the row."""
    return {name: row.pop(name) for name in names}


def _instant(value: object) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if isinstance(value, datetime) else "never"

"""The patterns that are watched, and when each is looked through next: claim, renew, settle, as with sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config.patterns import finder, matches
from shared.config.settings import ProviderSettings
from shared.errors import LeaseLost
from shared.found_sources import archive
from shared.leases import LEASE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A pattern as it was when it was claimed; `found` is how many sources it found last, None if it never did."""

    watch_id: int
    fence: int
    instance_id: int
    instance: str
    provider: str
    pattern: str
    exclude: tuple[str, ...]
    found: int | None
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a look ended: `found` sources, or an error; neither when the credential rested or we stopped."""

    wait_seconds: float
    found: int | None = None
    error: str | None = None


_SYNC = text("""
    INSERT INTO watches (instance_id, pattern, exclude)
    SELECT instances.id, wanted.pattern, wanted.exclude
    FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS wanted (instance text, pattern text, exclude text[])
    JOIN instances ON instances.name = wanted.instance
    ON CONFLICT (instance_id, pattern) DO UPDATE
    SET exclude = excluded.exclude, is_active = true, next_look_at = clock_timestamp()
    WHERE NOT watches.is_active OR watches.exclude <> excluded.exclude
""")

_REST = text("""
    UPDATE watches SET is_active = false
    FROM instances
    WHERE instances.id = watches.instance_id AND watches.is_active AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS wanted (instance text, pattern text)
        WHERE wanted.instance = instances.name AND wanted.pattern = watches.pattern)
""")

_FOLLOWERS = text("""
    SELECT sources.id, instances.name AS instance, sources.scope, sources.origin, sources.pattern
    FROM sources JOIN instances ON instances.id = sources.instance_id
    WHERE sources.is_active AND sources.origin IN ('config', 'found')
""")

_ADOPT = text("""
    UPDATE sources SET origin = 'found', pattern = wanted.pattern
    FROM unnest(CAST(:ids AS bigint[]), CAST(:patterns AS text[])) AS wanted (id, pattern)
    WHERE sources.id = wanted.id
""")

_CLAIM = text("""
    WITH due AS (
        SELECT w.id FROM watches w JOIN instances i ON i.id = w.instance_id
        WHERE w.is_active AND i.name = ANY(:instances) AND w.next_look_at <= clock_timestamp()
          AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
        ORDER BY w.next_look_at FOR NO KEY UPDATE OF w SKIP LOCKED LIMIT 1
    )
    UPDATE watches w
    SET lease_owner = :owner, fence = w.fence + 1,
        lease_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM due, instances i
    WHERE w.id = due.id AND i.id = w.instance_id
    RETURNING w.id AS watch_id, w.fence, w.instance_id, i.name AS instance, i.provider, w.pattern, w.exclude, w.found,
              w.failures
""")

_RENEW = text("""
    UPDATE watches SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :watch AND fence = :fence AND lease_until IS NOT NULL AND is_active
    RETURNING id
""")

# What was excluded meanwhile has to be looked through with the new globs, at once.
_SETTLE = text("""
    UPDATE watches
    SET lease_owner = NULL, lease_until = NULL,
        next_look_at = CASE WHEN exclude <> CAST(:exclude AS text[]) THEN clock_timestamp()
                            ELSE clock_timestamp() + make_interval(secs => :wait) END,
        found = coalesce(CAST(:found AS integer), found),
        last_ok_at = CASE WHEN CAST(:found AS integer) IS NULL THEN last_ok_at ELSE clock_timestamp() END,
        failures = CASE WHEN CAST(:error AS text) IS NOT NULL THEN failures + 1
                        WHEN CAST(:found AS integer) IS NOT NULL THEN 0 ELSE failures END,
        last_error = CASE WHEN CAST(:found AS integer) IS NULL THEN coalesce(CAST(:error AS text), last_error) END
    WHERE id = :watch AND fence = :fence AND lease_until IS NOT NULL
    RETURNING id
""")

_ABANDON = text("""
    UPDATE watches SET lease_owner = NULL, lease_until = NULL, next_look_at = clock_timestamp(), fence = fence + 1
    WHERE lease_owner = :owner
""")

# A poll takes a credential only while something is due; a look has been claimed already.
_TAKE_CREDENTIAL = text("""
    INSERT INTO credentials (fingerprint, instance_id, lease_owner, lease_until)
    VALUES (:fingerprint, :instance, :owner, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (fingerprint) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
    WHERE credentials.lease_owner IS NULL OR credentials.lease_owner = excluded.lease_owner
       OR credentials.lease_until < clock_timestamp()
    RETURNING fingerprint
""")


def sync(session: Session, providers: Sequence[ProviderSettings]) -> None:
    """Make the watches what the configuration says, due at once where it changed; a repeat writes nothing.

    A source whose pattern is gone goes to another that stands for it, as does one that was named and no longer is; a
    found one that no pattern stands for any more is archived.
    """
    wanted = [
        {"instance": provider.name, "pattern": pattern, "exclude": list(provider.exclusions)}
        for provider in providers
        for pattern in provider.patterns
    ]
    given = {"wanted": orjson.dumps(wanted).decode()}
    session.execute(_SYNC, given)
    session.execute(_REST, given)
    by_name = {provider.name: provider for provider in providers}
    adopted: dict[int, str] = {}
    homeless: list[int] = []
    for row in session.execute(_FOLLOWERS):
        home = _home(by_name.get(row.instance), row.scope, row.pattern)
        if row.instance in by_name and row.scope in by_name[row.instance].scopes:
            continue
        if home is None and row.origin == "found":
            homeless.append(row.id)
        elif home is not None and (row.origin, row.pattern) != ("found", home):
            adopted[row.id] = home
    session.execute(_ADOPT, {"ids": list(adopted), "patterns": list(adopted.values())})
    archive(session, homeless)


def _home(provider: ProviderSettings | None, scope: str, pattern: str | None) -> str | None:
    """The pattern a source belongs to: the one that found it, as long as it stands for it."""
    if provider is None:
        return None
    first = finder(provider.patterns, provider.exclusions, scope)
    return pattern if first and pattern in provider.patterns and matches(pattern, scope) else first


def claim(session: Session, owner: str, instances: Sequence[str]) -> Claim | None:
    """Take the pattern of these instances that is longest due, None when none is."""
    given = {"owner": owner, "instances": list(instances), "seconds": LEASE_SECONDS}
    row = session.execute(_CLAIM, given).mappings().one_or_none()
    return None if row is None else Claim(**{**row, "exclude": tuple(row["exclude"])})


def renew(session: Session, held: Claim) -> None:
    """Hold the pattern for another minute; raises LeaseLost when it is another's now or no longer configured."""
    given = {"watch": held.watch_id, "fence": held.fence, "seconds": LEASE_SECONDS}
    if session.scalar(_RENEW, given) is None:
        raise LeaseLost(f"{held.instance}:{held.pattern} is looked through by another process now, or by nobody")


def take_credential(session: Session, fingerprint: str, instance_id: int, owner: str) -> bool:
    """Take a credential that answers one request at a time, unless somebody asks with it just now.

    `credentials.keep` renews it, `credentials.let_go` gives it back.
    """
    given = {"fingerprint": fingerprint, "instance": instance_id, "owner": owner, "seconds": LEASE_SECONDS}
    return session.scalar(_TAKE_CREDENTIAL, given) is not None


def settle(session: Session, held: Claim, outcome: Outcome) -> None:
    """Give the pattern back and say when it is due again; raises LeaseLost when it was not ours any more."""
    settled = session.scalar(
        _SETTLE,
        {
            "watch": held.watch_id,
            "fence": held.fence,
            "exclude": list(held.exclude),
            "wait": outcome.wait_seconds,
            "found": outcome.found,
            "error": outcome.error,
        },
    )
    if settled is None:
        raise LeaseLost(f"{held.instance}:{held.pattern} is looked through by another process now")


def abandon(session: Session, owner: str) -> None:
    """Give back what a stopping process still holds; it can write nothing any more."""
    session.execute(_ABANDON, {"owner": owner})


_STATES = text("""
    SELECT instances.name AS instance, watches.pattern, watches.found, watches.last_ok_at, watches.next_look_at,
           watches.failures, watches.last_error
    FROM watches JOIN instances ON instances.id = watches.instance_id
    WHERE watches.is_active ORDER BY instances.name, watches.pattern
""")


@dataclass(frozen=True, slots=True)
class WatchState:
    """How a pattern stands: what it found when it was last looked through, and what went wrong since."""

    instance: str
    pattern: str
    found: int | None
    last_ok_at: datetime | None
    next_look_at: datetime
    failures: int
    last_error: str | None


def states(session: Session) -> list[WatchState]:
    """Every pattern that is watched, by instance."""
    return [WatchState(**row) for row in session.execute(_STATES).mappings()]

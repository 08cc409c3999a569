"""Which source a webhook is about, and making that source due; none commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

LOOK_PAUSE_SECONDS = 5
"""Hints make a source due at most this often: a matrix of 256 jobs tells of one run."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An instance's source, by the provider's id and by the scopes it may be watched as, the best first."""

    instance_id: int
    scopes: tuple[str, ...]
    external_id: str | None


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """The source; `is_backfill` says that its first complete collection is still to come, so nothing may alert."""

    id: int
    scope: str
    default_branch: str | None
    is_backfill: bool


# By the provider's id, by name, by a repository that its builds came from (a renamed one), by name in any case: the
# first that finds one. Each but the last is a look into an index.
_FIND = text("""
    SELECT a.ordinal, s.id, s.scope, s.cursor ->> 'default_branch' AS default_branch,
           s.baseline_at IS NULL AS is_backfill
    FROM json_to_recordset(CAST(:asked AS json)) AS a (ordinal int, instance_id bigint, external_id text, scopes text[])
    CROSS JOIN LATERAL (
        SELECT id FROM (
            SELECT 1 AS rank, id, 0 AS place FROM sources
            WHERE instance_id = a.instance_id AND external_id = a.external_id AND is_active
            UNION ALL
            SELECT 2, id, array_position(a.scopes, scope) FROM sources
            WHERE instance_id = a.instance_id AND scope = ANY(a.scopes) AND is_active
            UNION ALL
            SELECT 3, s.id, 0 FROM repositories r
            JOIN pipelines p ON p.repository_id = r.id JOIN sources s ON s.id = p.source_id AND s.is_active
            WHERE r.instance_id = a.instance_id AND r.external_id = a.external_id
            UNION ALL
            SELECT 4, id, 0 FROM sources
            WHERE instance_id = a.instance_id AND lower(scope) = lower(a.scopes[1]) AND is_active
        ) found ORDER BY rank, place, id LIMIT 1
    ) one
    JOIN sources s ON s.id = one.id
""")

# Not a source that fails: what makes it wait is a provider that rests, and a hint must not shorten that. One that is
# being polled says itself when it is due next, unless it was asked for meanwhile.
_LOOK = text("""
    UPDATE sources s
    SET next_poll_at = least(s.next_poll_at, greatest(clock_timestamp(),
                             coalesce(s.last_poll_at + make_interval(secs => :pause), clock_timestamp()))),
        requested_at = CASE WHEN s.lease_until > clock_timestamp() THEN greatest(s.requested_at, :told_at)
                            ELSE s.requested_at END
    WHERE s.id = :source AND s.is_active AND s.failures = 0
      AND NOT EXISTS (
          SELECT FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
          WHERE p.source_id = s.id AND b.external_id = :build AND b.attempt >= :attempt)
      AND (s.last_poll_at IS NULL OR s.last_poll_at < :told_at)
    RETURNING s.id
""")


def find(session: Session, asked: Sequence[Asked]) -> list[WebhookSource | None]:
    """The active source of each, None where nobody watches it; one statement whatever their number."""
    different = list(dict.fromkeys(asked))
    rows = [
        {
            "ordinal": ordinal,
            "instance_id": each.instance_id,
            "external_id": each.external_id,
            "scopes": list(each.scopes),
        }
        for ordinal, each in enumerate(different)
    ]
    answered = session.execute(_FIND, {"asked": orjson.dumps(rows).decode()})
    found = {different[ordinal]: WebhookSource(*rest) for ordinal, *rest in answered}
    return [found.get(each) for each in asked]


def look_soon(session: Session, source_id: int, build: str, attempt: int, told_at: datetime) -> bool:
    """Make a source due because of a build it does not hold; False when there is nothing to look for.

    `told_at` is when we were told: a poll that began since then has seen it.
    """
    given = {"source": source_id, "build": build, "attempt": attempt, "told_at": told_at, "pause": LOOK_PAUSE_SECONDS}
    return session.scalar(_LOOK, given) is not None

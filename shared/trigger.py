"""Asking for a poll now: a source becomes due at once, at most once a minute."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

REST_SECONDS = 60
"""The least time between two requested polls of one source."""

# Rows are locked in the order of their ids, so that two requests over the same sources cannot deadlock. The second
# one then sees the first one's `requested_at` and finds nothing to do: a thousand clicks are one poll.
_TRIGGER = text(f"""
    WITH target AS MATERIALIZED (
        SELECT s.id FROM sources s JOIN instances i ON i.id = s.instance_id
        WHERE s.is_active
          AND (CAST(:provider AS text) IS NULL OR i.provider = :provider)
          AND (CAST(:source_id AS bigint) IS NULL OR s.id = :source_id)
          AND (CAST(:pipeline_id AS bigint) IS NULL OR s.id = (SELECT source_id FROM pipelines WHERE id = :pipeline_id))
          AND (CAST(:build_id AS bigint) IS NULL OR s.id = (
              SELECT p.source_id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE b.id = :build_id))
        ORDER BY s.id FOR NO KEY UPDATE OF s
    ), due AS (
        UPDATE sources SET next_poll_at = least(next_poll_at, now()), requested_at = now()
        WHERE id IN (SELECT id FROM target)
          AND (requested_at IS NULL OR requested_at <= now() - interval '{REST_SECONDS} seconds')
        RETURNING id
    )
    SELECT now() AS at, array(SELECT id FROM due ORDER BY id) AS due, (SELECT count(*) FROM target) AS targets,
           (SELECT min(s.requested_at) FROM sources s JOIN target ON target.id = s.id) AS first_requested_at
""")

_PROVIDERS = text("""
    SELECT DISTINCT i.provider FROM sources s JOIN instances i ON i.id = s.instance_id WHERE s.is_active ORDER BY 1
""")


@dataclass(frozen=True, slots=True)
class Triggered:
    """What a request for a poll led to: the sources made due, of how many, and how long the others must rest."""

    at: datetime
    sources: list[int]
    targets: int
    rest_seconds: int


def trigger(
    session: Session,
    *,
    provider: str | None = None,
    source_id: int | None = None,
    pipeline_id: int | None = None,
    build_id: int | None = None,
) -> Triggered:
    """Make the sources that fit everything given due now, those excepted that were asked for within the last minute."""
    row = session.execute(
        _TRIGGER,
        {"provider": provider, "source_id": source_id, "pipeline_id": pipeline_id, "build_id": build_id},
    ).one()
    rest = REST_SECONDS
    if row.first_requested_at is not None:
        rest = max(1, REST_SECONDS - int((row.at - row.first_requested_at).total_seconds()))
    return Triggered(row.at, list(row.due), row.targets, rest)


def providers_with_sources(session: Session) -> list[str]:
    """The providers a poll can be asked of."""
    return list(session.scalars(_PROVIDERS))

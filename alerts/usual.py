"""How long a pipeline usually takes: the median of its last builds that passed."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.orm import Session

_USUAL = text("""
    SELECT wanted.pipeline_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY passed.duration_seconds) AS seconds
    FROM unnest(CAST(:pipelines AS bigint[])) AS wanted(pipeline_id)
    CROSS JOIN LATERAL (
        SELECT newest.duration_seconds
        FROM (SELECT b.queued_at, b.id, b.status, b.duration_seconds FROM builds b
              WHERE b.pipeline_id = wanted.pipeline_id ORDER BY b.queued_at DESC, b.id DESC LIMIT :looked_at) newest
        WHERE newest.status = 'succeeded' AND newest.duration_seconds IS NOT NULL
        ORDER BY newest.queued_at DESC, newest.id DESC LIMIT :most
    ) passed
    GROUP BY wanted.pipeline_id HAVING count(*) >= :least
""")

USUAL_OF = 20
"""A pipeline's usual duration is the median of its last builds that passed: of so many at most,"""

USUAL_FROM = 3
"""of so many at least,"""

LOOKED_AT = 100
"""among so many of any outcome, so that one that has not passed for months costs no more than another."""


def usual_seconds(session: Session, pipeline_ids: Iterable[int]) -> dict[int, float]:
    """How long each of these pipelines usually takes, in seconds; those with too few passed builds are left out."""
    given = {"pipelines": sorted(set(pipeline_ids)), "most": USUAL_OF, "least": USUAL_FROM, "looked_at": LOOKED_AT}
    return {row.pipeline_id: row.seconds for row in session.execute(_USUAL, given)}

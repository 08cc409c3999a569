"""Whether a failure is a new one: no build of the pipeline's last hundred before it failed in the same jobs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.incidents import Attempt
from alerts.message import one_line

LOOKED_AT = 100
"""So many builds before an incident's first bad one are looked at."""

_MOST_NAMES = 5

# The jobs of an attempt count once all of them are recorded. Any attempt of a build before may have failed in them:
# one that passed in the end is just what makes the failure an old acquaintance.
_NOVELTIES = text("""
    WITH asked AS (
        SELECT a.event_pos, a.build_id, a.attempt, first.pipeline_id, first.queued_at, first.id AS first_id
        FROM unnest(CAST(:positions AS bigint[]), CAST(:builds AS bigint[]), CAST(:attempts AS integer[]),
                    CAST(:firsts AS bigint[])) AS a(event_pos, build_id, attempt, first_id)
        JOIN builds first ON first.id = a.first_id
    ), failed AS (
        SELECT asked.event_pos, asked.pipeline_id, asked.queued_at, asked.first_id,
               array_agg(DISTINCT j.name ORDER BY j.name) AS names
        FROM asked
        JOIN attempts t ON t.build_id = asked.build_id AND t.number = asked.attempt AND t.has_jobs
        JOIN jobs j ON j.build_id = t.build_id AND j.attempt = t.number AND j.status IN ('failed', 'timed_out')
        GROUP BY asked.event_pos, asked.pipeline_id, asked.queued_at, asked.first_id
    )
    SELECT failed.event_pos, failed.names, seen.build
    FROM failed LEFT JOIN LATERAL (
        SELECT coalesce(b.number::text, b.external_id) AS build
        FROM (SELECT id, number, external_id, queued_at FROM builds
              WHERE pipeline_id = failed.pipeline_id AND (queued_at, id) < (failed.queued_at, failed.first_id)
              ORDER BY queued_at DESC, id DESC LIMIT :looked_at) b
        WHERE EXISTS (
            SELECT FROM jobs j
            WHERE j.build_id = b.id AND j.status IN ('failed', 'timed_out') AND j.name = ANY(failed.names)
            GROUP BY j.attempt HAVING count(DISTINCT j.name) = cardinality(failed.names)
        )
        ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
    ) seen ON true
""")


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a failing attempt's jobs say; `jobs` are those that failed, none where they are not known.

    `seen_in` names the newest of the builds before that failed in all of them, None where none did.
    """

    jobs: tuple[str, ...] = ()
    seen_in: str | None = None

    @property
    def why_not(self) -> str | None:
        """Why it is not new; None when it is, and when nobody can know."""
        if not self.jobs or self.seen_in is None:
            return None
        return f"its failed {_jobs(self.jobs)} failed in build {one_line(self.seen_in, 60)} as well"

    @property
    def why(self) -> str:
        """What is said of one that is told."""
        if not self.jobs:
            return "which jobs failed is not known, so it counts as new"
        names = _names(self.jobs)
        return f"new: no build of the last {LOOKED_AT} failed in {names}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A failing attempt at `pos` of the log, and the first bad build of its incident."""

    pos: int
    attempt: Attempt
    first_bad_build_id: int


def read_novelties(session: Session, asked: Collection[Asked]) -> dict[int, Novelty]:
    """How new each of these failures is, by its position in the log; one statement."""
    given = {
        "positions": [each.pos for each in asked],
        "builds": [each.attempt[0] for each in asked],
        "attempts": [each.attempt[1] for each in asked],
        "firsts": [each.first_bad_build_id for each in asked],
        "looked_at": LOOKED_AT,
    }
    known = {row.event_pos: Novelty(tuple(row.names), row.build) for row in session.execute(_NOVELTIES, given)}
    return {each.pos: known.get(each.pos, Novelty()) for each in asked}


def _jobs(names: tuple[str, ...]) -> str:
    return f"{'job' if len(names) == 1 else 'jobs'} ({_names(names)})"


def _names(names: tuple[str, ...]) -> str:
    shown = [one_line(name, 60) for name in names[:_MOST_NAMES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

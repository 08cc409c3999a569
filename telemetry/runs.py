"""What the event log says has ended, and all that is told of it: a run is one attempt of a build, a task is a job."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from shared.rows import Row, as_int, rows
from shared.status import FINISHED

EVENTS = 1000
"""Events read at once."""

RUNS = 100
"""Runs sent at once."""

MOST_TASKS = 1000
"""Jobs told of one run."""

JOBS_WAIT = timedelta(seconds=60)
"""So long after its verdict a run waits for its jobs; where they are all on record it does not wait."""

_EVENTS = f"""
    SELECT e.pos, e.subject_id AS build_id, e.attempt, e.recorded_at,
           e.subject_kind = 'build' AND e.to_status = ANY(:finished) AND NOT e.is_backfill AS is_end,
           e.to_status AS status, e.at, coalesce(a.has_jobs, false) AS has_jobs,
           e.subject_kind = 'build' AND e.to_status = ANY(:finished) AND EXISTS (
               SELECT FROM events p WHERE p.subject_kind = 'build' AND p.subject_id = e.subject_id
                 AND p.attempt = e.attempt AND p.pos < e.pos AND p.to_status = ANY(:finished)
           ) AS is_correction
    FROM events e
    LEFT JOIN attempts a ON e.subject_kind = 'build' AND a.build_id = e.subject_id AND a.number = e.attempt
    WHERE e.pos > :after ORDER BY e.pos LIMIT {EVENTS}
"""

# One that was opened again since is told as it had ended: its first verdict is the one that counts.
_RUNS = """
    SELECT b.id AS build_id, a.number AS attempt, i.name AS instance, i.provider, j.key AS project,
           p.name AS pipeline, p.external_id AS pipeline_external_id, b.external_id, b.branch, b.commit_sha, b.event,
           b.queued_at, a.started_at, CASE WHEN a.is_finished THEN a.finished_at ELSE w.at END AS finished_at,
           a.queued_seconds, CASE WHEN a.is_finished THEN a.status ELSE w.status END AS status,
           coalesce(a.web_url, b.web_url) AS web_url, r.name AS repository, r.url AS repository_url
    FROM unnest(CAST(:builds AS bigint[]), CAST(:attempts AS int[]), CAST(:statuses AS text[]),
                CAST(:ats AS timestamptz[])) AS w(build_id, attempt, status, at)
    JOIN attempts a ON a.build_id = w.build_id AND a.number = w.attempt
    JOIN builds b ON b.id = a.build_id JOIN pipelines p ON p.id = b.pipeline_id
    JOIN instances i ON i.id = p.instance_id JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    ORDER BY b.id, a.number
"""

_TASKS = f"""
    SELECT w.build_id, w.attempt, t.external_id, t.name, t.stage, t.status, t.queued_at, t.started_at, t.finished_at,
           t.runner, t.web_url
    FROM unnest(CAST(:builds AS bigint[]), CAST(:attempts AS int[])) AS w(build_id, attempt)
    CROSS JOIN LATERAL (
        SELECT * FROM jobs t WHERE t.build_id = w.build_id AND t.attempt = w.attempt ORDER BY t.id LIMIT {MOST_TASKS}
    ) t
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt that ended, with its jobs; `facts` and `tasks` are rows as the database has them.

    `is_correction`: it had ended before, opened again in between or not; what is said now replaces that and is not
    counted again.
    """

    facts: Row
    tasks: Sequence[Row]
    is_correction: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be sent next, and how far the log is read with it; `is_full`: more may be waiting.

    `first_at` is when the first of its events was recorded.
    """

    reached: int
    runs: Sequence[Run] = ()
    is_full: bool = False
    first_at: datetime | None = None

    def since(self, now: datetime) -> datetime:
        """The beginning of the time that its counts are for; before `now`, as a receiver expects."""
        before = now - timedelta(milliseconds=1)
        return before if self.first_at is None else min(self.first_at, before)


def read_batch(session: Session, after: int, now: datetime, most: int = RUNS) -> Batch:
    """At most so many runs that ended after a position of the log, up to the first that still waits for its jobs."""
    reached = after
    ends: dict[tuple[int, int], Row] = {}
    firsts = set()
    events = rows(session, _EVENTS, {"after": after, "finished": sorted(FINISHED)})
    for event in events:
        if event["is_end"]:
            if not _is_ready(event, now) or len(ends) == most:
                break
            run = as_int(event["build_id"]), as_int(event["attempt"])
            ends[run] = event
            if not event["is_correction"]:
                firsts.add(run)
        reached = as_int(event["pos"])
    is_full = len(ends) == most or (len(events) == EVENTS and reached == events[-1]["pos"])
    first_at = events[0]["recorded_at"] if events else None
    runs = _runs(session, ends, firsts)
    return Batch(reached, runs, is_full, first_at if isinstance(first_at, datetime) else None)


def _is_ready(event: Row, now: datetime) -> bool:
    recorded_at = event["recorded_at"]
    return bool(event["has_jobs"]) or (isinstance(recorded_at, datetime) and recorded_at <= now - JOBS_WAIT)


def _runs(session: Session, ends: Mapping[tuple[int, int], Row], firsts: AbstractSet[tuple[int, int]]) -> list[Run]:
    """The runs by (build, attempt), each with the event of its last end; `firsts` had not ended before."""
    if not ends:
        return []
    asked = {
        "builds": [build for build, _ in ends],
        "attempts": [attempt for _, attempt in ends],
        "statuses": [end["status"] for end in ends.values()],
        "ats": [end["at"] for end in ends.values()],
    }
    tasks: dict[object, list[Row]] = {}
    for task in rows(session, _TASKS, asked):
        tasks.setdefault((task["build_id"], task["attempt"]), []).append(task)
    found = []
    for facts in rows(session, _RUNS, asked):
        key = as_int(facts["build_id"]), as_int(facts["attempt"])
        found.append(Run(facts, tasks.get(key, []), is_correction=key not in firsts))
    return found

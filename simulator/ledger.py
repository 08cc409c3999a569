"""The truth ledger: how every attempt truly stands at an instant, or in the end, to compare an observer with."""

from collections.abc import Callable, Iterator
from datetime import datetime

from simulator.history import (
    Attempt,
    Job,
    Repository,
    Run,
    State,
    attempts_at,
    finish_of,
    job_state_at,
    jobs_at,
    phase_at,
)
from simulator.world import World

Entry = dict[str, object]
Words = Callable[[State], tuple[str, str | None]]

_STATUS: dict[State, str] = {
    State.REQUESTED: "queued",
    State.QUEUED: "queued",
    State.PENDING: "queued",
    State.GATED: "blocked",
    State.NEEDS_APPROVAL: "blocked",
    State.RUNNING: "running",
    State.PASSED: "succeeded",
    State.FAILED: "failed",
    State.NOT_STARTABLE: "failed",
    State.CANCELLED: "cancelled",
    State.SKIPPED: "skipped",
    State.NEUTRAL: "skipped",
    State.TIMED_OUT: "timed_out",
    State.STALE: "timed_out",
}
_FINISHED = frozenset({"succeeded", "failed", "cancelled", "skipped", "timed_out"})


def read_ledger(world: World, now: datetime, words: Words, deleted: frozenset[int]) -> Iterator[Entry]:
    """One entry for every attempt begun by `now`, oldest runs of each repository first.

    Args:
        world: The histories.
        now: The instant at which they are read.
        words: The provider's own words for a state.
        deleted: Runs that a client deleted; their entries say so.
    """
    for repository in world.repositories:
        for slot in reversed(world.slots(repository, now)):
            run = world.run_in(repository, slot)
            for attempt in attempts_at(run, now):
                yield _entry(run, attempt, now, words, is_deleted=run.id in deleted)


def _entry(run: Run, attempt: Attempt, now: datetime, words: Words, *, is_deleted: bool) -> Entry:
    phase = phase_at(attempt, now)
    raw_status, raw_conclusion = words(phase.state)
    repository: Repository = run.repository
    return {
        "provider": "github",
        "repository_id": repository.id,
        "repository": repository.full_name_at(now),
        "is_private": repository.is_private,
        "workflow_id": run.workflow.id,
        "workflow": run.workflow.name,
        "pipeline": f"{repository.id}/{run.workflow.id}",
        "external_id": str(run.id),
        "number": run.number,
        "attempt": attempt.number,
        "event": run.event,
        "branch": run.branch,
        "title": run.title,
        "commit_sha": run.commit.sha,
        "state": str(phase.state),
        "status": _STATUS[phase.state],
        "is_finished": _STATUS[phase.state] in _FINISHED,
        "raw_status": raw_status,
        "raw_conclusion": raw_conclusion,
        "created_at": run.created_at.isoformat(),
        "run_started_at": attempt.run_started_at.isoformat(),
        "finished_at": _text(finish_of(attempt, now)),
        "updated_at": phase.at.isoformat(),
        "is_deleted": is_deleted,
        "jobs": [_job(job, now) for job in jobs_at(attempt, now)],
    }


def _job(job: Job, now: datetime) -> Entry:
    state = job_state_at(job, now)
    has_begun = job.started_at is not None and job.started_at <= now
    return {
        "external_id": str(job.id),
        "name": job.name,
        "status": _STATUS[state],
        "started_at": _text(job.started_at) if has_begun else None,
        "finished_at": _text(job.finished_at) if _STATUS[state] in _FINISHED else None,
    }


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant is not None else None

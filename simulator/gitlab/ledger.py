"""The truth about the fake GitLab: how every attempt truly stands at an instant, by what the stories say of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from simulator.gitlab.history import ENDED, Job, Pipeline, composed, union
from simulator.gitlab.payloads import is_finished
from simulator.gitlab.world import GitLabWorld
from simulator.ledger import Entry

_STATUS = {
    "created": "queued",
    "waiting_for_resource": "queued",
    "preparing": "queued",
    "pending": "queued",
    "scheduled": "queued",
    "running": "running",
    "manual": "blocked",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "skipped": "skipped",
}
_TIMEOUTS = {"job_execution_timeout", "stuck_or_timeout_failure"}


def read_gitlab_ledger(world: GitLabWorld, now: datetime) -> Iterator[Entry]:
    """One entry for every attempt begun by `now`, oldest pipelines of each project first."""
    for project in world.projects:
        for pipeline in sorted(world.pipelines(project, now), key=lambda each: each.id):
            begun = [at for at in pipeline.openings if at <= now]
            for number in range(1, len(begun) + 2):
                yield _entry(pipeline, number, begun, now)


def _entry(pipeline: Pipeline, number: int, begun: list[datetime], now: datetime) -> Entry:
    is_last = number == len(begun) + 1
    until = now if is_last else begun[number - 1] - timedelta(milliseconds=1)
    word = pipeline.phase_at(now).word if is_last else composed(pipeline.shown(until), until)
    jobs = [job for job in pipeline.existing(now) if min(job.attempt, len(begun) + 1) == number]
    at_rest = [job for job in pipeline.existing(until) if min(job.attempt, len(begun) + 1) > number]
    ends = [at for job in jobs if (at := job.finished_at(until)) is not None]
    finished_at = pipeline.finished_at(now) if is_last else max(ends, default=None)
    return {
        "provider": "gitlab",
        "repository_id": pipeline.project.id,
        "repository": pipeline.project.path_at(now),
        "is_private": pipeline.project.is_private,
        "pipeline": str(pipeline.project.id),
        "external_id": str(pipeline.id),
        "number": pipeline.iid,
        "attempt": number,
        "event": pipeline.source,
        "branch": pipeline.ref,
        "title": pipeline.title,
        "commit_sha": pipeline.commit.sha,
        "status": _STATUS[word],
        "is_finished": is_finished(word),
        "raw_status": word,
        "created_at": pipeline.created_at.isoformat(),
        "updated_at": pipeline.phase_at(until).at.isoformat(),
        "finished_at": finished_at.isoformat() if finished_at and word in ENDED else None,
        "duration_seconds": pipeline.duration(until) if is_last else union(jobs, until),
        "parent": None if pipeline.parent is None else [str(each) for each in pipeline.parent],
        "jobs": [_job(job, now) for job in jobs] + [_not_run(job) for job in at_rest],
    }


def _not_run(job: Job) -> Entry:
    """A job that was there in an attempt and ran only in a later one."""
    said = {"external_id": str(job.id), "name": job.name, "stage": job.stage}
    return {**said, "status": "skipped", "started_at": None, "finished_at": None}


def _job(job: Job, now: datetime) -> Entry:
    word = job.word_at(now)
    has_timed_out = word == "failed" and job.failure_reason in _TIMEOUTS
    started_at, finished_at = job.started_at(now), job.finished_at(now)
    return {
        "external_id": str(job.id),
        "name": job.name,
        "stage": job.stage,
        "status": "timed_out" if has_timed_out else _STATUS[word],
        "started_at": started_at.isoformat() if started_at else None,
        "finished_at": finished_at.isoformat() if finished_at else None,
    }

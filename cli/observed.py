"""An observation as the build object it would become, and a job beside it: plain values for JSON."""

from datetime import UTC, datetime

from shared.observation import Observation, ObservedJob
from shared.status import Status

Line = dict[str, object]


def build_line(build: Observation) -> Line:
    """A build object whose fields of ours are null, because nothing was recorded, and what else was observed."""
    return {
        "kind": "build",
        "id": None,
        "provider": build.provider,
        "instance": None,
        "project": None,
        "pipeline_id": None,
        "pipeline_external_id": build.pipeline_external_id,
        "pipeline_name": build.pipeline_name,
        "repository": build.repository_name,
        "external_id": build.external_id,
        "number": build.number,
        "attempt": build.attempt,
        "status": str(build.status),
        "raw_status": build.raw_status,
        "is_finished": build.is_finished,
        "is_unstable": build.is_unstable,
        "cancel_reason": None if build.cancel_reason is None else str(build.cancel_reason),
        "branch": build.branch,
        "commit_sha": build.commit_sha,
        "commit_message": build.commit_message,
        "author": build.author,
        "event": build.event,
        "queued_at": _instant(build.queued_at),
        "started_at": _instant(build.started_at),
        "finished_at": _instant(build.finished_at),
        "duration_seconds": build.duration_seconds,
        "queued_seconds": build.queued_seconds,
        "progress": build.progress,
        "web_url": build.web_url,
        "formerly": build.formerly,
        "parent": None if build.parent is None else build.parent.external_id,
        "recorded_at": None,
        "stale_since": None,
        "problems": list(build.problems),
    }


def job_line(provider: str, build_external_id: str, attempt: int | None, job: ObservedJob) -> Line:
    """A job with the build it belongs to, by the provider's ids."""
    seconds = None
    if job.started_at is not None and job.finished_at is not None:
        seconds = max(0.0, (job.finished_at - job.started_at).total_seconds())
    return {
        "kind": "job",
        "provider": provider,
        "build_external_id": build_external_id,
        "attempt": attempt,
        "external_id": job.external_id,
        "name": job.name,
        "stage": job.stage,
        "status": str(job.status),
        "raw_status": job.raw_status,
        "is_finished": job.is_finished,
        "queued_at": _instant(job.queued_at),
        "started_at": _instant(job.started_at),
        "finished_at": _instant(job.finished_at),
        "duration_seconds": seconds,
        "runner": job.runner,
        "web_url": job.web_url,
        "problems": [f"status {job.raw_status} is unknown"] if job.status is Status.UNKNOWN else [],
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""GitLab's logs: each job's trace as plain text, also while it runs; bridges and jobs that never started have none."""

import tempfile
from collections.abc import Iterator, Sequence

from collectors.base import LARGEST_LOG_BYTES, RawLog
from collectors.log_outcome import NeverPrinted
from shared.errors import MalformedPayload, NotFound
from shared.http.client import Client
from shared.observation import ObservedJob

# A runner's registration token, and a deploy token as it is shown in the address of a clone.
LOG_SECRETS = (r"\bGR1348941[A-Za-z0-9_\-]{20,}", r"\bgldt-[A-Za-z0-9_\-]{16,}")

_NO_JOBS = (
    "this pipeline never had a job, so nothing was printed: GitLab refused its configuration, or no rule let a job in; "
    "the pipeline's page in GitLab says why"
)
_NOT_STARTED = "none of this pipeline's jobs has started, so nothing was printed"
_NO_LOGS = (
    "GitLab has no log of any of this pipeline's jobs: they printed nothing, only started other pipelines, or their "
    "logs were erased"
)


def download_trace(client: Client, project: str, job_external_id: str, name: str = "") -> Iterator[RawLog]:
    """What one job printed; `project` is the path of its project in the API."""
    if not (job_external_id.isascii() and job_external_id.isdigit()):
        raise MalformedPayload(f'"{job_external_id[:40]}" is no id of GitLab; a job\'s id is a number')
    with tempfile.TemporaryFile() as file:
        try:
            done = client.download(f"{project}/jobs/{job_external_id}/trace", file, largest=LARGEST_LOG_BYTES)
        except NotFound as error:
            raise NotFound(f"GitLab has no such job any more, or the token may not see it ({error})") from error
        if done.size == 0:
            raise NotFound(
                "GitLab has no log of this job: it printed nothing yet, never started, or its log was erased"
            )
        yield RawLog(file=file, job_external_id=job_external_id, name=name, is_cut=done.is_cut)


def download_traces(client: Client, project: str, jobs: Sequence[ObservedJob]) -> Iterator[RawLog]:
    """What every job of an attempt printed that ever started, one after another; those without a log are left out.

    Raises NotFound, in words, when that leaves nothing.
    """
    started = [job for job in jobs if job.started_at is not None]
    if not started:
        raise NeverPrinted(_NOT_STARTED if jobs else _NO_JOBS)
    has_any = False
    for job in started:
        try:
            for log in download_trace(client, project, job.external_id, job.name):
                has_any = True
                yield log
        except NotFound:
            continue
    if not has_any:
        raise NotFound(_NO_LOGS)

"""GitHub's runs and jobs read into observations: pure functions, the same for polls and webhooks."""

from dataclasses import replace
from datetime import datetime, timedelta

from collectors.fields import MESSAGE, Fields
from collectors.github_status import Standing, read_standing
from shared.observation import Observation, ObservedJob, Page, Unreadable, finished_first
from shared.status import Status

_LARGEST_INTEGER = 2**31 - 1
_LONGEST = timedelta(days=35)  # GitHub cancels whatever runs longer
_ENDS_BEFORE_START = "it finished before it started, so its duration is unknown"
_LASTS_TOO_LONG = "it lasted more than 35 days by its instants, so its duration is unknown"
_NEVER_STARTED = (Status.QUEUED, Status.BLOCKED)


def parse_runs(payload: object, host: str, *, default_branch: str | None = None) -> Page:
    """A page of `workflow_runs`: one observation a readable row, one `Unreadable` for every other."""
    rows = payload.get("workflow_runs") if isinstance(payload, dict) else None
    parsed = [parse_run(row, host, default_branch=default_branch) for row in rows] if isinstance(rows, list) else []
    return Page(
        observations=tuple(row for row in parsed if isinstance(row, Observation)),
        unreadable=tuple(row for row in parsed if isinstance(row, Unreadable)),
    )


def read_attempt(fields: Fields) -> int | None:
    """Which attempt a run or a job is of: the first where nothing says so (before 2021), None where it makes no sense.

    A guess would put one attempt's verdict on another.
    """
    if not fields.says("run_attempt"):
        return 1
    return fields.whole("run_attempt", smallest=1, largest=_LARGEST_INTEGER)


def parse_run(payload: object, host: str, *, default_branch: str | None = None) -> Observation | Unreadable:
    """A run, from a list, `/runs/{id}`, `/attempts/{n}` or a `workflow_run` webhook; `host` is where links may lead.

    A run has no finish of its own: `updated_at` stands in as an upper bound until the jobs are known (`with_jobs`).
    Its start is `run_started_at`, which a re-run moves. `created_at` is the build's creation, but the attempt's
    on `/attempts/{n}`, so a build is recorded from a list or from `/runs/{id}` first.
    """
    run = Fields(payload)
    external_id, workflow_id = run.identifier("id"), run.identifier("workflow_id")
    repository_id = run.inside("repository").identifier("id")
    started_at, updated_at = run.instant("run_started_at"), run.instant("updated_at")
    queued_at = run.instant("created_at") or started_at or updated_at
    attempt = read_attempt(run)
    if external_id is None or workflow_id is None or repository_id is None or queued_at is None or attempt is None:
        named = {
            "id": external_id,
            "workflow_id": workflow_id,
            "repository.id": repository_id,
            "created_at": queued_at,
            "run_attempt": attempt,
        }
        missing = ", ".join(name for name, value in named.items() if value is None)
        return Unreadable(kind="run", external_id=external_id, reason=f"a run without a usable {missing}")
    standing = read_standing(run)
    observation = Observation(
        provider="github",
        pipeline_external_id=f"{repository_id}/{workflow_id}",
        pipeline_name=run.text("name") or _path(run) or f"workflow {workflow_id}",
        external_id=external_id,
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        merge_key=finished_first(standing.is_finished, updated_at or queued_at, standing.status),
        queued_at=queued_at,
        attempt=attempt,
        number=run.whole("run_number"),
        started_at=None if standing.status in _NEVER_STARTED else started_at or queued_at,
        is_finish_guessed=True,
        repository_external_id=repository_id,
    )
    described = _described(observation, run, host, default_branch)
    finished_at = (updated_at or observation.started_at) if standing.is_finished else None
    return _timed(described, finished_at, tuple(run.problems))


def _described(observation: Observation, run: Fields, host: str, default_branch: str | None) -> Observation:
    """The observation with what describes the build and says nothing about how it stands."""
    repository, commit = run.inside("repository"), run.inside("head_commit")
    repository_url = repository.link("html_url", host)
    return replace(
        observation,
        web_url=run.link("html_url", host),
        pipeline_url=_workflow_url(repository_url, _path(run)),
        default_branch=repository.text("default_branch") or default_branch,
        repository_name=repository.text("full_name"),
        repository_url=repository_url,
        branch=run.text("head_branch"),
        commit_sha=run.text("head_sha", 64),
        commit_message=commit.text("message", MESSAGE),
        commit_author=commit.inside("author").text("name"),
        committed_at=commit.instant("timestamp"),
        author=run.inside("actor").text("login") or run.inside("triggering_actor").text("login"),
        event=run.text("event", 64),
    )


def parse_job(payload: object, host: str) -> ObservedJob | Unreadable:
    """A job, from a list, `/jobs/{id}` or a `workflow_job` webhook; its steps are not read.

    A queued job says `started_at` = `created_at`, a skipped one may end before it starts: neither started. There is no
    `updated_at`, so the instant in its merge key is that of the last thing it says happened.
    """
    job = Fields(payload)
    external_id = job.identifier("id")
    if external_id is None:
        return Unreadable(kind="job", external_id=None, reason="a job without a usable id")
    standing = read_standing(job)
    queued_at, started_at, finished_at = _job_instants(job, standing)
    return ObservedJob(
        external_id=external_id,
        name=job.text("name") or f"job {external_id}",
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        merge_key=finished_first(standing.is_finished, finished_at or started_at or queued_at, standing.status),
        queued_at=queued_at,
        started_at=started_at,
        finished_at=finished_at,
        runner=job.text("runner_name"),
        web_url=job.link("html_url", host),
    )


def with_jobs(observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
    """A run completed by the complete list of its attempt's jobs: the finish is the last job's, the queue the first's.

    Re-running failed jobs lists the untouched ones with their old instants: what ended before this attempt began tells
    nothing about it.
    """
    start = observation.started_at or observation.queued_at
    finishes = [job.finished_at for job in jobs if job.finished_at is not None and job.finished_at >= start]
    finished_at = max(finishes, default=observation.finished_at) if observation.is_finished else None
    unknown = tuple(
        f"job {job.external_id}: status {job.raw_status} is unknown" for job in jobs if job.status is Status.UNKNOWN
    )
    kept = tuple(words for words in observation.problems if words not in (_ENDS_BEFORE_START, _LASTS_TOO_LONG))
    completed = replace(observation, jobs=jobs, queued_seconds=_queued_seconds(jobs, start))
    return _timed(completed, finished_at, kept + unknown)


def _timed(observation: Observation, finished_at: datetime | None, problems: tuple[str, ...]) -> Observation:
    """The observation with this finish and the duration that follows; an impossible duration is none, and a problem."""
    seconds, problem = None, None
    if observation.started_at is not None and finished_at is not None:
        lasted = finished_at - observation.started_at
        if lasted < timedelta(0):
            problem = _ENDS_BEFORE_START
        elif lasted > _LONGEST:
            problem = _LASTS_TOO_LONG
        else:
            seconds = lasted.total_seconds()
    said = (*problems, problem) if problem else problems
    return replace(observation, finished_at=finished_at, duration_seconds=seconds, problems=said)


def _queued_seconds(jobs: tuple[ObservedJob, ...], start: datetime) -> float | None:
    """How long the first job to start in this attempt had waited; None while none has."""
    waits = [
        (job.started_at, (job.started_at - job.queued_at).total_seconds())
        for job in jobs
        if job.queued_at is not None and job.started_at is not None and job.started_at >= start
    ]
    return max(0.0, min(waits)[1]) if waits else None


def _job_instants(job: Fields, standing: Standing) -> tuple[datetime | None, datetime | None, datetime | None]:
    queued_at, started_at = job.instant("created_at"), job.instant("started_at")
    finished_at = job.instant("completed_at") if standing.is_finished else None
    if standing.status in (*_NEVER_STARTED, Status.SKIPPED):
        return queued_at or started_at, None, finished_at
    if started_at is not None and finished_at is not None and finished_at < started_at:
        job.problems.append("it finished before it started, so its start is unknown")
        started_at = None
    return queued_at, started_at, finished_at


def _path(run: Fields) -> str:
    """The workflow's file, without the `@branch` that reusable and required workflows carry."""
    return (run.text("path") or "").partition("@")[0]


def _workflow_url(repository_url: str | None, path: str) -> str | None:
    """The page of a workflow; only one that is a file of the repository has one."""
    file = path.removeprefix(".github/workflows/")
    if repository_url is None or file == path or "/" in file:
        return None
    return f"{repository_url}/actions/workflows/{file}"

"""GitLab's pipelines, jobs and bridges read one by one: pure functions, the same for polls and webhooks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from collectors.fields import MESSAGE, Fields
from collectors.gitlab_status import Standing, has_warnings, read_standing
from shared.observation import MergeKey, Observation, ObservedJob, ParentBuild, Unreadable, latest_first, microseconds
from shared.status import Status

_LARGEST_INTEGER = 2**31 - 1
_FINAL = 2**62  # beyond every instant
_NEVER_STARTED = (Status.QUEUED, Status.BLOCKED, Status.SKIPPED)
_WAITS = frozenset({"pending", "preparing", "waiting_for_resource", "waiting_for_callback"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a pipeline does not tell about its project: `path` is its full path, `root` what stands before it in links.

    `external_id` is for servers too old to say `project_id` with every pipeline.
    """

    path: str | None = None
    external_id: str | None = None
    default_branch: str | None = None
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineJob:
    """One job or bridge of a pipeline and what its attempt is derived from.

    `enqueued_at` is when it last began to wait for a runner (GitLab tells the length of the wait); None when unknown.
    """

    seen: ObservedJob
    pipeline_external_id: str | None
    created_at: datetime | None
    enqueued_at: datetime | None
    is_failure_allowed: bool
    commit: "Commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a job says about the commit it built; a pipeline only has its sha."""

    message: str | None = None
    author: str | None = None
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Downstream:
    """A pipeline that a bridge started, in this project (a child) or in another one."""

    external_id: str
    project_external_id: str | None
    project_path: str | None


def parse_pipeline(payload: object, host: str, project: Project) -> Observation | Unreadable:
    """A pipeline as its list, its detail or a webhook says it, as if it had one attempt and no jobs.

    Only the detail knows start, finish, duration and user. `gitlab_attempts` makes complete observations of it.
    """
    row = Fields(payload)
    external_id = row.identifier("id")
    project_id = row.identifier("project_id") or project.external_id
    updated_at = row.instant("updated_at")
    queued_at = row.instant("created_at") or updated_at
    if external_id is None or project_id is None or queued_at is None:
        needed = {"id": external_id, "project_id": project_id, "created_at": queued_at}
        missing = ", ".join(name for name, value in needed.items() if value is None)
        return Unreadable(kind="pipeline", external_id=external_id, reason=f"a pipeline without a usable {missing}")
    standing = read_standing(row)
    # It may wait for a person, a date or a resource after some of its jobs ran: then it has started.
    started_at = None if standing.status is Status.SKIPPED else row.instant("started_at")
    finished_at = row.instant("finished_at") if standing.is_finished else None
    user, place = row.inside("user"), _place(row, host, project)
    return Observation(
        provider="gitlab",
        pipeline_external_id=project_id,
        pipeline_name=place.path or f"project {project_id}",
        pipeline_url=place.repository_url and f"{place.repository_url}/-/pipelines",
        external_id=external_id,
        number=row.whole("iid"),
        status=standing.status,
        raw_status=standing.raw,
        is_finished=standing.is_finished,
        is_unstable=standing.status is Status.SUCCEEDED and has_warnings(row),
        merge_key=latest_first(standing.is_finished, updated_at or finished_at or queued_at, standing.status),
        queued_at=queued_at,
        started_at=started_at,
        finished_at=finished_at,
        duration_seconds=row.seconds("duration") if started_at or standing.is_finished else None,
        queued_seconds=_queued_seconds(row, queued_at, started_at),
        web_url=place.web_url,
        default_branch=project.default_branch,
        repository_external_id=project_id,
        repository_name=place.path,
        repository_url=place.repository_url,
        branch=row.text("ref"),
        commit_sha=row.text("sha", 64),
        author=user.text("username") or user.text("name"),
        event=row.text("source", 64),
        problems=tuple(row.problems),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where people see a pipeline, and what its project is called there."""

    web_url: str | None
    path: str | None
    repository_url: str | None


def _place(row: Fields, host: str, project: Project) -> _Place:
    web_url = row.link("web_url", host)
    path = project_path(web_url, project.root)
    repository_url = web_url.rpartition("/pipelines/")[0].removesuffix("/-") if web_url and path else None
    return _Place(web_url, path or project.path, repository_url)


def _queued_seconds(row: Fields, queued_at: datetime, started_at: datetime | None) -> float | None:
    """How long it waited to start; the word for no wait is null."""
    told = row.seconds("queued_duration")
    if told is not None or started_at is None:
        return told
    return max(0.0, (started_at - queued_at).total_seconds())


def project_path(web_url: str | None, root: str = "") -> str | None:
    """`group/project` of a link to one of its pipelines: every pipeline tells what its project is called now."""
    path = urlsplit(web_url or "").path.removeprefix(root).strip("/")
    before, found, number = path.rpartition("/pipelines/")
    is_one = bool(found) and number.isdigit()
    return before.removesuffix("/-") or None if is_one else None


def parse_job(payload: object, host: str, *, now: datetime | None = None) -> PipelineJob | Unreadable:
    """A job or a bridge, from a list or `/jobs/{id}`; `now` is the provider's clock, for jobs that wait at this moment.

    Canceled before it started, a job has an end and no start; skipped, neither.
    """
    job = Fields(payload)
    external_id = job.identifier("id")
    if external_id is None:
        return Unreadable(kind="job", external_id=None, reason="a job without a usable id")
    standing = read_standing(job)
    created_at, started_at, finished_at = _job_instants(job, standing)
    return PipelineJob(
        seen=ObservedJob(
            external_id=external_id,
            name=job.text("name") or f"job {external_id}",
            stage=job.text("stage"),
            status=standing.status,
            raw_status=standing.raw,
            is_finished=standing.is_finished,
            merge_key=job_key(standing.status, standing.raw, microseconds(started_at or created_at)),
            queued_at=created_at,
            started_at=started_at,
            finished_at=finished_at,
            runner=job.inside("runner").text("description") or job.inside("runner").text("name"),
            web_url=job.link("web_url", host),
        ),
        pipeline_external_id=job.inside("pipeline").identifier("id"),
        created_at=created_at,
        enqueued_at=_enqueued_at(job, standing, started_at, now),
        is_failure_allowed=job.is_true("allow_failure"),
        commit=_commit(job.inside("commit")),
    )


def job_key(status: Status, raw: str, changed: int) -> MergeKey:
    """The merge key of a job; `changed` is its pipeline's last change, in microseconds.

    A job has no `updated_at`. One that ended is final; before that it may be skipped and revived, or manual and played,
    which always changes its pipeline too; between two changes of the pipeline it only goes on to wait and to run.
    """
    if status in (Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED):
        return (_FINAL, 0, status.rank)
    advance = 2 if status is Status.RUNNING else 1 if raw in _WAITS else 0
    return (changed, advance, status.rank)


def _job_instants(job: Fields, standing: Standing) -> tuple[datetime | None, datetime | None, datetime | None]:
    created_at = job.instant("created_at")
    started_at = None if standing.status in _NEVER_STARTED else job.instant("started_at")
    finished_at = job.instant("finished_at") if standing.is_finished else None
    if started_at is not None and finished_at is not None and finished_at < started_at:
        job.problems.append("it finished before it started, so its start is unknown")
        started_at = None
    return created_at, started_at, finished_at


def _enqueued_at(job: Fields, standing: Standing, started_at: datetime | None, now: datetime | None) -> datetime | None:
    waited = job.seconds("queued_duration")
    if started_at is not None:
        return started_at - timedelta(seconds=waited or 0)
    if now is None or waited is None or standing.raw not in _WAITS:
        return None
    return now - timedelta(seconds=waited)


def _commit(commit: Fields) -> Commit:
    return Commit(
        message=commit.text("message", MESSAGE),
        author=commit.text("author_name"),
        committed_at=commit.instant("committed_date") or commit.instant("created_at"),
    )


def parse_downstream(payload: object, host: str, root: str = "") -> Downstream | None:
    """The pipeline that a bridge started, if it has; one of another project than `project_id` says is not a child."""
    pipeline = Fields(payload).inside("downstream_pipeline")
    external_id = pipeline.identifier("id")
    if external_id is None:
        return None
    path = project_path(pipeline.link("web_url", host), root)
    return Downstream(external_id=external_id, project_external_id=pipeline.identifier("project_id"), project_path=path)


def started_by(parent: Observation) -> ParentBuild:
    """What a downstream pipeline says of the pipeline that started it."""
    return ParentBuild(pipeline_external_id=parent.pipeline_external_id, external_id=parent.external_id)

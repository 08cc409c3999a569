"""Any payload of GitLab's, webhook or API, told apart: builds, jobs, neither (with the reason) or unreadable."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from collectors.fields import MESSAGE, Fields
from collectors.gitlab_payload import Project, parse_job, parse_pipeline
from collectors.reading import JobOfBuild, Reading, gathered
from shared.observation import Observation, Unreadable

_UNTOLD = "untold"
_MARKS = (
    ("cron", "pipeline schedule"),
    ("deployable", "deployment"),
    ("test_suites", "test report"),
    ("key", "variable"),
    ("message", "message"),
    ("error", "error message"),
    ("path_with_namespace", "project"),
    ("username", "account"),
)
"""A key that only one kind of payload has, the most telling first."""

_JOB_HOOK = ("id", "name", "stage", "status", "created_at", "started_at", "finished_at", "failure_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPipeline:
    """The pipeline a webhook is about: a webhook has no instant to order it by, so the pipeline is fetched instead."""

    project_external_id: str
    project_path: str | None
    external_id: str


def named_by_webhook(body: object) -> NamedPipeline | None:
    """Which pipeline to fetch for a pipeline or job webhook, None for any other. A job's `commit.id` is its pipeline's.

    The project's own id is believed before `project_id`, which recorded job webhooks contradict.
    """
    hook = Fields(body)
    kind, project = hook.text("object_kind"), hook.inside("project")
    project_id = project.identifier("id") or hook.identifier("project_id")
    if kind == "pipeline":
        external_id = hook.inside("object_attributes").identifier("id")
    elif kind in ("build", "job"):
        external_id = hook.identifier("pipeline_id") or hook.inside("commit").identifier("id")
    else:
        return None
    if project_id is None or external_id is None:
        return None
    path = project.text("path_with_namespace")
    return NamedPipeline(project_external_id=project_id, project_path=path, external_id=external_id)


def parse_webhook(body: object, host: str | None = None) -> Reading:
    """The body of a webhook, for whoever wants to see how it reads; `host` as for `parse_any`."""
    hook = Fields(body)
    kind = hook.text("object_kind") or "nameless"
    if kind == "pipeline":
        return _of_pipeline_hook(body, host)
    if kind in ("build", "job"):
        return gathered([_of_job_hook(hook, host)])
    return Reading(not_a_build=f"{kind} webhook")


def parse_any(payload: object, host: str | None = None) -> Reading:
    """Whatever GitLab sent, told apart by its own keys; links may lead to `host`, or where the payload itself is from.

    A list item is read as it is: complete observations are only made by the collector.
    """
    if isinstance(payload, list):
        return _of_list(payload, host)
    if not isinstance(payload, dict):
        return Reading(not_a_build=f"JSON {type(payload).__name__}")
    if "object_kind" in payload:
        return parse_webhook(payload, host)
    told = _told(payload)
    return Reading(not_a_build=told) if told else gathered([_of_row(payload, host)])


def _of_list(rows: list[object], host: str | None) -> Reading:
    told = [_told(row) for row in rows]
    if None not in told:
        return Reading(not_a_build=f"list of {' and '.join(sorted({*filter(None, told)})) or 'nothing'}")
    return gathered(
        _of_row(row, host) if words is None else Unreadable(kind="row", external_id=None, reason=words)
        for row, words in zip(rows, told, strict=True)
    )


def _told(payload: object) -> str | None:
    """What a payload is that is neither a pipeline nor a job; None for one that is."""
    if not isinstance(payload, dict):
        return f"JSON {type(payload).__name__}"
    for key, words in _MARKS:
        if key in payload:
            return words
    return None if "status" in payload else "object without a status"


def _of_row(payload: object, host: str | None) -> Observation | JobOfBuild | Unreadable:
    """A job has a stage, a pipeline has stages. One that does not say its project is read, and the problem said."""
    row = Fields(payload)
    if row.has("stage"):
        pipeline = row.inside("pipeline")
        project_id = pipeline.whole("project_id") or row.inside("project").whole("id")
        return _of_job(payload, host, pipeline.identifier("id"), Fields({"project_id": project_id}))
    parsed = parse_pipeline(payload, _host(row.text("web_url"), host), Project(external_id=_UNTOLD))
    if isinstance(parsed, Observation) and parsed.pipeline_external_id == _UNTOLD:
        said = "project_id is missing, so its project is not known"
        return replace(parsed, problems=(*parsed.problems, said))
    return parsed


def _of_job(payload: object, host: str | None, build_id: str | None, pipeline: Fields) -> JobOfBuild | Unreadable:
    job = parse_job(payload, _host(Fields(payload).text("web_url"), host))
    if isinstance(job, Unreadable):
        return job
    if build_id is None:
        external_id = job.seen.external_id
        return Unreadable(kind="job", external_id=external_id, reason="a job without a usable pipeline.id")
    return JobOfBuild(
        build_external_id=build_id,
        attempt=None,
        job=job.seen,
        repository_external_id=pipeline.identifier("project_id"),
    )


def _of_pipeline_hook(body: object, host: str | None) -> Reading:
    """A pipeline webhook: its own words for the same things, no start, no last change, and only the latest jobs."""
    hook = Fields(body)
    told = body.get("object_attributes") if isinstance(body, dict) else None
    attributes = told if isinstance(told, dict) else {}
    project, commit = hook.inside("project"), hook.inside("commit")
    named = Fields(attributes)
    row = {
        **attributes,
        "project_id": project.whole("id"),
        "web_url": named.text("url"),
        "user": {"username": hook.inside("user").text("username"), "name": hook.inside("user").text("name")},
    }
    place = Project(path=project.text("path_with_namespace"), default_branch=project.text("default_branch"))
    parsed = parse_pipeline(row, _host(named.text("url"), host), place)
    if isinstance(parsed, Unreadable):
        return gathered([parsed])
    build = replace(
        parsed,
        commit_message=commit.text("message", MESSAGE),
        commit_author=commit.inside("author").text("name"),
        committed_at=commit.instant("timestamp"),
    )
    rows = body.get("builds", body.get("jobs")) if isinstance(body, dict) else None
    jobs = [_of_job(job, host, build.external_id, Fields(row)) for job in rows] if isinstance(rows, list) else []
    return gathered([build, *jobs])


def _of_job_hook(hook: Fields, host: str | None) -> JobOfBuild | Unreadable:
    """A job webhook: `build_…` (or `job_…`) before every name; a reason is told even for what has not failed."""
    prefix = "job" if hook.text("object_kind") == "job" else "build"
    texts = {key: hook.text(f"{prefix}_{key}") for key in _JOB_HOOK if key != "id"}
    row = {
        **texts,
        "id": hook.whole(f"{prefix}_id"),
        "runner": {"description": hook.inside("runner").text("description")},
    }
    pipeline_id = hook.identifier("pipeline_id") or hook.inside("commit").identifier("id")
    project_id = hook.inside("project").whole("id") or hook.whole("project_id")
    return _of_job(row, host, pipeline_id, Fields({"project_id": project_id}))


def _host(web_url: str | None, host: str | None) -> str:
    """The host links may lead to; without one given, the host the payload says it is from."""
    if host is not None:
        return host
    try:
        return urlsplit(web_url or "").hostname or ""
    except ValueError:
        return ""

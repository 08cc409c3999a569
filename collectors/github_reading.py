"""Any payload of GitHub's, webhook or API, told apart: builds, jobs, neither (with the reason) or unreadable."""

from collectors.fields import Fields
from collectors.github_payload import parse_job, parse_run, parse_runs, read_attempt
from collectors.reading import JobOfBuild, Reading, gathered, joined
from shared.observation import Unreadable

_MARKS = (
    ("deployment_status", "deployment_status webhook"),  # may carry a check_run and half a workflow_run
    ("check_run", "check_run webhook"),
    ("check_suite", "check_suite webhook"),
    ("zen", "ping webhook"),
    ("openapi", "description of the API"),
    ("message", "error message"),
    ("check_runs", "list of check runs"),
    ("workflows", "list of workflows"),
    ("billable", "bill"),
    ("guid", "hook delivery"),
    ("token", "token"),
    ("resources", "rate limit overview"),
    ("workflow_run_id", "receipt of a dispatch"),
    ("full_name", "repository"),
    ("login", "account"),
    ("state", "workflow"),
)
"""A key that only one kind of payload has, the most telling first."""


def parse_webhook(event: str, body: object, host: str) -> Reading:
    """The body of a webhook, by its `X-GitHub-Event`. What the object says counts: `action` may disagree with it."""
    fields = Fields(body)
    if event not in ("workflow_run", "workflow_job"):
        return Reading(not_a_build=f"{event} webhook")
    if not fields.has(event) or not isinstance(body, dict):
        return Reading(not_a_build=f"{event} webhook without a {event}")
    if event == "workflow_run":
        return _of_run(body[event], host, default_branch=fields.inside("repository").text("default_branch"))
    return _of_jobs([body[event]], host, fields.inside("repository").identifier("id"))


def parse_any(payload: object, host: str) -> Reading:
    """Whatever GitHub sent, told apart by its own keys."""
    if isinstance(payload, list):
        return joined((parse_any(row, host) for row in payload), "JSON list")
    if not isinstance(payload, dict):
        return Reading(not_a_build=f"JSON {type(payload).__name__}")
    is_webhook = "action" in payload and "deployment_status" not in payload
    event = next((name for name in ("workflow_run", "workflow_job") if name in payload), None)
    if is_webhook and event is not None:
        return parse_webhook(event, payload, host)
    return _of_answer(payload, host)


def _of_answer(payload: dict[str, object], host: str) -> Reading:
    if isinstance(payload.get("workflow_runs"), list):
        page = parse_runs(payload, host)
        return Reading(builds=page.observations, unreadable=page.unreadable)
    rows = payload.get("jobs")
    if isinstance(rows, list):
        return _of_jobs(rows, host, None)
    if "workflow_id" in payload and "status" in payload:
        return _of_run(payload, host)
    if "run_id" in payload and "status" in payload:
        return _of_jobs([payload], host, None)
    told = next((words for key, words in _MARKS if key in payload), "object without a run or a job")
    return Reading(not_a_build=told)


def _of_run(payload: object, host: str, *, default_branch: str | None = None) -> Reading:
    return gathered([parse_run(payload, host, default_branch=default_branch)])


def _of_jobs(rows: list[object], host: str, repository_id: str | None) -> Reading:
    return gathered(_of_job(row, host, repository_id) for row in rows)


def _of_job(payload: object, host: str, repository_id: str | None) -> JobOfBuild | Unreadable:
    fields = Fields(payload)
    run_id, job = fields.identifier("run_id"), parse_job(payload, host)
    if isinstance(job, Unreadable):
        return job
    attempt = read_attempt(fields)
    if run_id is None or attempt is None:
        missing = "run_id" if run_id is None else "run_attempt"
        return Unreadable(kind="job", external_id=job.external_id, reason=f"a job without a usable {missing}")
    return JobOfBuild(build_external_id=run_id, attempt=attempt, repository_external_id=repository_id, job=job)

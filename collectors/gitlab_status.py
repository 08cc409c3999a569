"""GitLab's words for how a pipeline or a job stands, and ours. The documentation's table is generated from these."""

from collections.abc import Mapping
from dataclasses import dataclass

from collectors.fields import Fields
from shared.status import FINISHED, Status

STATUSES: Mapping[str, Status] = {
    "created": Status.QUEUED,
    "waiting_for_resource": Status.QUEUED,
    "preparing": Status.QUEUED,
    "waiting_for_callback": Status.QUEUED,
    "pending": Status.QUEUED,
    "scheduled": Status.QUEUED,  # delayed: it starts by itself
    "running": Status.RUNNING,
    "canceling": Status.RUNNING,
    "manual": Status.BLOCKED,
    "success": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
    "skipped": Status.SKIPPED,
}
"""`status` of pipelines and jobs alike. GitLab does not tell why something was canceled."""

TIMED_OUT = frozenset({"job_execution_timeout", "stuck_or_timeout_failure"})
"""`failure_reason` of a failed job that ran, or waited for a runner, for too long. A pipeline just says `failed`."""

WARNINGS = "warning"
"""What the detailed status of a success that hides an allowed failure says ("passed with warnings")."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pipeline or a job stands; `raw` is GitLab's `status`, with `/failure_reason` where a job has one."""

    status: Status
    raw: str
    is_finished: bool


def read_standing(fields: Fields) -> Standing:
    """The standing of a pipeline or a job; a word nobody has seen is `unknown` and a problem, never an error."""
    word = fields.text("status", 64)
    if word not in STATUSES:
        fields.problems.append(f"status {word or 'missing'} is unknown")
    status = STATUSES.get(word or "", Status.UNKNOWN)
    reason = fields.text("failure_reason", 64) if status is Status.FAILED else None
    if reason in TIMED_OUT:
        status = Status.TIMED_OUT
    return Standing(status, f"{word}/{reason}" if reason else word or "missing", status in FINISHED)


def has_warnings(fields: Fields) -> bool:
    """Whether a pipeline passed although something that is allowed to fail did; a webhook says it in one word."""
    if fields.is_object("detailed_status"):
        detailed = fields.inside("detailed_status")
        said = [detailed.text(key) or "" for key in ("group", "label", "text")]
    else:
        said = [fields.text("detailed_status") or ""]
    return any(WARNINGS in words.lower() for words in said)

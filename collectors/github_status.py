"""GitHub's words for how a run or a job stands, and ours. The documentation's table is generated from these."""

from collections.abc import Mapping
from dataclasses import dataclass

from collectors.fields import Fields
from shared.status import Status

STATUSES: Mapping[str, Status] = {
    "requested": Status.QUEUED,
    "queued": Status.QUEUED,
    "pending": Status.QUEUED,
    "in_progress": Status.RUNNING,
    "waiting": Status.BLOCKED,
}
"""`status` of what is not completed; its conclusion says nothing yet."""

CONCLUSIONS: Mapping[str, Status] = {
    "action_required": Status.BLOCKED,  # approving it starts the next attempt of the same run
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "startup_failure": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "skipped": Status.SKIPPED,
    "neutral": Status.SKIPPED,
    "timed_out": Status.TIMED_OUT,
    "stale": Status.TIMED_OUT,  # GitHub gave up on it
}
"""`conclusion` of what is completed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run or a job stands; `raw` is GitHub's `status`, with `/conclusion` when there is one."""

    status: Status
    raw: str
    is_finished: bool


def read_standing(fields: Fields) -> Standing:
    """The standing of a run or a job; a word nobody has seen is `unknown` and a problem, never an error."""
    status, conclusion = fields.text("status", 64), fields.text("conclusion", 64)
    if status != "completed":
        if status not in STATUSES:
            fields.problems.append(f"status {status or 'missing'} is unknown")
        return Standing(STATUSES.get(status or "", Status.UNKNOWN), status or "missing", is_finished=False)
    if conclusion not in CONCLUSIONS:
        fields.problems.append(f"conclusion {conclusion or 'missing'} of a completed one is unknown")
    known = CONCLUSIONS.get(conclusion or "", Status.UNKNOWN)
    raw = f"completed/{conclusion}" if conclusion else "completed"
    return Standing(known, raw, is_finished=known is not Status.BLOCKED)

"""Jenkins' words for how builds, stages and queue items stand, and ours. The documentation's table is made of these."""

from collections.abc import Mapping
from dataclasses import dataclass

from collectors.fields import Fields
from shared.status import CancelReason, Status

RESULTS: Mapping[str, Status] = {
    "SUCCESS": Status.SUCCEEDED,
    "UNSTABLE": Status.FAILED,  # with the flag: something did not pass, though nothing broke off
    "FAILURE": Status.FAILED,
    "NOT_BUILT": Status.SKIPPED,
    "ABORTED": Status.CANCELLED,
}
"""`result` of a build that is not building any more; while it builds, its result may still get worse."""

STAGES: Mapping[str, Status] = {
    "SUCCESS": Status.SUCCEEDED,
    "UNSTABLE": Status.FAILED,
    "FAILED": Status.FAILED,
    "ABORTED": Status.CANCELLED,
    "NOT_EXECUTED": Status.SKIPPED,
    "SKIPPED": Status.SKIPPED,
    "IN_PROGRESS": Status.RUNNING,
    "PAUSED_PENDING_INPUT": Status.BLOCKED,
}
"""`status` of the stage view (wfapi), of a whole build and of each stage."""

EVENTS: Mapping[str, str] = {
    "UserIdCause": "manual",
    "UserCause": "manual",
    "SCMTriggerCause": "push",
    "GitHubPushCause": "push",
    "GitLabWebHookCause": "push",
    "BitBucketPushCause": "push",
    "BranchEventCause": "push",
    "BranchIndexingCause": "indexing",
    "GerritCause": "gerrit",
    "GitHubPullRequestCause": "pull_request",
    "GhprbCause": "pull_request",
    "TimerTriggerCause": "schedule",
    "UpstreamCause": "upstream",
    "BuildUpstreamCause": "upstream",
    "RemoteCause": "remote",
    "ReplayCause": "replay",
    "RebuildCause": "rebuild",
    "NaginatorCause": "rebuild",
    "RestartDeclarativePipelineCause": "restart",
}
"""What started a build, by the last part of its cause's class."""

AGAIN = frozenset({"replay", "rebuild", "restart"})
"""Causes that say more than the person or trigger named beside them."""

INTERRUPTIONS: Mapping[str, CancelReason] = {
    "UserInterruption": CancelReason.PERSON,
    "ExceededTimeout": CancelReason.TIMEOUT,
    "CancelledCause": CancelReason.SUPERSEDED,  # a newer build passed its milestone, or concurrency is off
    "CanceledCause": CancelReason.SUPERSEDED,
}
"""Why a build was aborted, by the last part of the interruption's class."""

NO_RESULT = "no result"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a build stands; `raw` is Jenkins' `result`, with `building/` before it while that may still change."""

    status: Status
    raw: str
    is_finished: bool
    is_unstable: bool = False


def read_standing(build: Fields) -> Standing:
    """The standing of a build: `building` wins over `result`. An unheard-of word is `unknown` and a problem."""
    is_building, result = build.flag("building"), build.text("result", 64)
    if is_building:
        return Standing(Status.RUNNING, f"building/{result}" if result else "building", is_finished=False)
    if result is None:
        build.problems.append("it is not building and has no result")
        return Standing(Status.UNKNOWN, NO_RESULT, is_finished=is_building is False)
    if result not in RESULTS:
        build.problems.append(f"result {result} is unknown")
    status = RESULTS.get(result, Status.UNKNOWN)
    return Standing(status, result, is_finished=True, is_unstable=result == "UNSTABLE")


def read_stage(stage: Fields) -> Standing:
    """The standing of a stage, or of a whole build, in the stage view's words."""
    word = stage.text("status", 64)
    if word not in STAGES:
        stage.problems.append(f"stage status {word or 'missing'} is unknown")
    status = STAGES.get(word or "", Status.UNKNOWN)
    is_finished = status not in (Status.RUNNING, Status.BLOCKED, Status.UNKNOWN)
    return Standing(status, word or "missing", is_finished=is_finished)


def class_name(fields: Fields) -> str:
    """The last part of an object's `_class`, inner classes included; empty on cores that do not tell it."""
    return (fields.text("_class") or "").rpartition(".")[2].rpartition("$")[2]

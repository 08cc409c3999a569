"""The truth ledger of the simulated Jenkins: how every build truly stands at an instant, in our words."""

from collections.abc import Iterator
from datetime import datetime

from simulator.jenkins.beans import Beans, View
from simulator.jenkins.builds import Build, Controller, Standing
from simulator.jenkins.estate import Kind
from simulator.ledger import Entry

_STATUS = {
    "SUCCESS": "succeeded",
    "UNSTABLE": "failed",
    "FAILURE": "failed",
    "ABORTED": "cancelled",
    "NOT_BUILT": "skipped",
    None: "unknown",
}
_STANDING = {
    Standing.WAITING: "queued",
    Standing.LEFT_QUEUE: "cancelled",
    Standing.RUNNING: "running",
    Standing.PAUSED: "blocked",
}


def read_ledger(controller: Controller, now: datetime) -> Iterator[Entry]:
    """One entry for everything that was queued by `now`, oldest of each job first, deleted ones included."""
    beans = Beans(controller, View("", now))
    for plan in controller.plans:
        for build in reversed(list(controller.builds(plan, now))):
            yield _entry(controller, beans, build, now)


def _entry(controller: Controller, beans: Beans, build: Build, now: datetime) -> Entry:
    standing = build.standing(now)
    is_over = standing is Standing.OVER
    has_begun = standing not in (Standing.WAITING, Standing.LEFT_QUEUE)
    above = beans.upstream(build)
    return {
        "provider": "jenkins",
        "pipeline": controller.pipeline_of(build.plan),
        "external_id": _id(build) if has_begun else f"queue/{build.queue_id}",
        "formerly": f"queue/{build.queue_id}" if has_begun else None,
        "number": build.number if has_begun else None,
        "attempt": 1,
        "job": build.plan.full_name,
        "branch": controller.branch_of(build.plan)
        or ("main" if build.plan.kind is Kind.PIPELINE and has_begun else None),
        "commit_sha": build.sha if has_begun and build.plan.kind is Kind.PIPELINE else None,
        "status": _STATUS[build.result] if is_over else _STANDING[standing],
        "raw_status": build.result,
        "is_unstable": is_over and build.result == "UNSTABLE",
        "is_finished": is_over or standing is Standing.LEFT_QUEUE,
        "queued_at": build.queued_at.isoformat(),
        "started_at": build.started_at.isoformat() if has_begun else None,
        "finished_at": build.finished_at.isoformat() if is_over else None,
        "left_queue_at": build.finished_at.isoformat() if standing is Standing.LEFT_QUEUE else None,
        "upstream": None if above is None else _id(above),
        "is_deleted": controller.is_deleted(build, now),
        "is_corrupt": build.is_corrupt(now),
        "stages": [stage.id for stage in build.stages if stage.begins_at <= now],
    }


def _id(build: Build) -> str:
    return f"{build.plan.full_name}/{build.number}@{build.millis}"

"""What the notification plugin of the fake Jenkins sends when something happens to a build."""

from collections.abc import Iterator
from datetime import datetime

from simulator.hooks import Happening
from simulator.jenkins.beans import Beans, View
from simulator.jenkins.builds import Build, Controller, millis


def happenings(controller: Controller, root: str, since: datetime, until: datetime) -> Iterator[Happening]:
    """What became true after `since` and by `until`, in no order."""
    for plan in controller.plans:
        for build in controller.builds(plan, until):
            for at, phase in _changes(build):
                if since < at <= until:
                    yield Happening(
                        at, f"{plan.full_name}#{build.queue_id}", phase, _body(controller, root, build, phase)
                    )


def _changes(build: Build) -> Iterator[tuple[datetime, str]]:
    yield build.queued_at, "QUEUED"
    if build.has_number:
        yield build.started_at, "STARTED"
        yield build.finished_at, "COMPLETED"
        yield build.finished_at, "FINALIZED"


def _body(controller: Controller, root: str, build: Build, phase: str) -> dict[str, object]:
    url = Beans(controller, View(root, build.finished_at)).url(build.plan.full_name)
    name = build.plan.full_name.rpartition("/")[2]
    at = build.queued_at if phase == "QUEUED" else build.started_at
    told: dict[str, object] = {"queue_id": build.queue_id, "phase": phase, "timestamp": millis(at)}
    if phase != "QUEUED":
        told |= {"full_url": f"{url}{build.number}/", "number": build.number}
        told |= {"url": f"{url}{build.number}/".removeprefix(f"{root}/")}
    if phase in ("COMPLETED", "FINALIZED"):
        told |= {"status": build.result, "duration": build.duration}
    scm = {"url": "https://git.example/lumen.git", "branch": controller.branch_of(build.plan), "commit": build.sha}
    told |= {"scm": scm, "parameters": {"DEPLOY_PASSWORD": "webhook-canary"}, "log": "", "notes": "", "artifacts": {}}
    return {"name": name, "display_name": name, "url": url.removeprefix(f"{root}/"), "build": told}

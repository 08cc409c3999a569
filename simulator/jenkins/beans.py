"""Folders, jobs, builds and queue items as Jenkins exports them: the same names, classes and address forms."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from simulator.jenkins.builds import Build, Controller, Standing, millis
from simulator.jenkins.estate import Kind, Plan
from simulator.jenkins.tree import Bean, Value

NEWEST = 100
_PREFIX_MISSING = frozenset({"inProgress", "changeSets"})


@dataclass(frozen=True, slots=True)
class View:
    """From where, when and by whom things are looked at. `is_old` is a core without the newer fields."""

    root: str
    now: datetime
    is_old: bool = False
    hidden: frozenset[str] = frozenset()

    def may_see(self, full_name: str) -> bool:
        """Whether this user has Item/Read on it."""
        return not any(full_name == name or full_name.startswith(f"{name}/") for name in self.hidden)


class Beans:
    """Exports a controller's items for a view."""

    def __init__(self, controller: Controller, view: View) -> None:
        self._controller = controller
        self._view = view

    def root(self) -> Bean:
        """The controller itself."""
        fields: dict[str, Value | Callable[[], Value]] = {
            "mode": "NORMAL",
            "nodeDescription": "the Jenkins controller's built-in node",
            "nodeName": "",
            "numExecutors": 4,
            "jobs": lambda: self._inside(""),
            "quietingDown": False,
            "url": f"{self._view.root}/",
            "useCrumbs": True,
            "useSecurity": True,
            "views": [Bean("hudson.model.AllView", {"name": "all", "url": f"{self._view.root}/"})],
        }
        return Bean(str(Kind.ROOT), fields)

    def item(self, full_name: str) -> Bean | None:
        """A folder or job by its full name; None when there is none, or none for this user."""
        if not self._view.may_see(full_name):
            return None
        if full_name in self._controller.folders:
            return self._folder(full_name)
        plan = self.plan(full_name)
        return None if plan is None else self._job(plan)

    def plan(self, full_name: str) -> Plan | None:
        """The job of this name that the user may see."""
        _, found = self._controller.by_name.get(full_name, (0, None))
        return found if self._view.may_see(full_name) else None

    def _inside(self, folder: str) -> list[Bean]:
        names = [*self._controller.folders, *self._controller.by_name]
        own = sorted(name for name in names if name.rpartition("/")[0] == folder)
        return [bean for name in own if (bean := self.item(name)) is not None]

    def _named(self, full_name: str) -> dict[str, Value | Callable[[], Value]]:
        name = full_name.rpartition("/")[2]
        shown = unquote(name)
        fields: dict[str, Value | Callable[[], Value]] = {
            "actions": [Bean("", {}), Bean("com.cloudbees.plugins.credentials.ViewCredentialsAction", {})],
            "description": "",
            "displayName": shown,
            "fullDisplayName": " » ".join(map(unquote, full_name.split("/"))),
            "fullName": full_name,
            "name": name,
            "url": self.url(full_name),
        }
        return {key: field for key, field in fields.items() if not (self._view.is_old and key.startswith("full"))}

    def url(self, full_name: str) -> str:
        """Where the controller believes the item is: its own root address may be wrong."""
        return self._view.root + "".join(f"/job/{quote(name, safe='')}" for name in full_name.split("/")) + "/"

    def _folder(self, full_name: str) -> Bean:
        fields = self._named(full_name) | {"jobs": lambda: self._inside(full_name)}
        return Bean(str(self._controller.folders[full_name]), fields)

    def _job(self, plan: Plan) -> Bean:
        def numbered() -> list[Bean]:
            return [self.build(build) for build in self._controller.numbered(plan, self._view.now)]

        def last() -> Bean | None:
            builds = self._controller.numbered(plan, self._view.now)
            return self.build(builds[0]) if builds else None

        fields = self._named(plan.full_name) | {
            "buildable": True,
            "builds": lambda: numbered()[:NEWEST],
            "allBuilds": numbered,
            "color": lambda: self._color(plan),
            "inQueue": lambda: self._first_waiting(plan) is not None,
            "lastBuild": last,
            "nextBuildNumber": lambda: self._next_number(plan),
            "queueItem": lambda: self._first_waiting(plan),
        }
        if plan.is_primary:
            primary = Bean("jenkins.scm.api.metadata.PrimaryInstanceMetadataAction", {})
            fields["actions"] = [Bean("", {}), primary]
        return Bean(str(plan.kind), fields, hidden=frozenset({"allBuilds"}))

    def _first_waiting(self, plan: Plan) -> Bean | None:
        waiting = self._controller.waiting_for(plan, self._view.now)
        return self.queue_item(waiting[-1]) if waiting else None

    def _next_number(self, plan: Plan) -> int:
        builds = self._controller.numbered(plan, self._view.now)
        return builds[0].number + 1 if builds else 1

    def _color(self, plan: Plan) -> str:
        builds = self._controller.numbered(plan, self._view.now)
        over = [build for build in builds if build.standing(self._view.now) is Standing.OVER]
        words = {"SUCCESS": "blue", "UNSTABLE": "yellow", "FAILURE": "red", "ABORTED": "aborted"}
        color = words.get(over[0].result or "", "notbuilt") if over else "notbuilt"
        return f"{color}_anime" if len(over) < len(builds) else color

    def build(self, build: Build) -> Bean:
        """One build; a damaged record has lost its instant, its duration and its verdict."""
        now, number = self._view.now, build.number
        is_over, is_corrupt = build.standing(now) is Standing.OVER, build.is_corrupt(now)
        is_pipeline = build.plan.kind is Kind.PIPELINE
        fields: dict[str, Value | Callable[[], Value]] = {
            "actions": lambda: self._actions(build),
            "artifacts": [],
            "building": not is_over,
            "description": None,
            "displayName": f"#{number}",
            "duration": 0 if not is_over or is_corrupt else build.duration,
            "estimatedDuration": millis_of(build.estimated) if number > 1 else -1,
            "fullDisplayName": " » ".join(map(unquote, build.plan.full_name.split("/"))) + f" #{number}",
            "id": f"{build.started_at:%Y-%m-%d_%H-%M-%S}" if self._view.is_old else str(number),
            "inProgress": not is_over,
            "keepLog": False,
            "number": number,
            "queueId": build.queue_id,
            "result": "ABORTED" if is_corrupt else build.result_at(now),
            "timestamp": 0 if is_corrupt else build.millis,
            "url": f"{self.url(build.plan.full_name)}{number}/",
            "changeSets" if is_pipeline else "changeSet": lambda: self._changes(build, is_many=is_pipeline),
        }
        kept = {key: field for key, field in fields.items() if not (self._view.is_old and key in _PREFIX_MISSING)}
        kind = "org.jenkinsci.plugins.workflow.job.WorkflowRun" if is_pipeline else "hudson.model.FreeStyleBuild"
        return Bean(kind, kept)

    def _actions(self, build: Build) -> list[Bean]:
        found = [Bean("", {}), self._cause_action(build)]
        branch = self._controller.branch_of(build.plan)
        if build.plan.kind is Kind.PIPELINE:
            found.append(
                _build_data(build.sha, branch or "refs/remotes/origin/main", "git@git.example.com:lumen-shop/app.git")
            )
            # A shared library is a second checkout, and comes behind.
            found.append(_build_data("5" * 40, "main", "https://git.example.com/lumen-shop/library.git"))
        waited = millis_of(build.started_at - build.queued_at)
        found.append(Bean("jenkins.metrics.impl.TimeInQueueAction", {"queuingDurationMillis": waited}))
        if build.fate.value in ("aborted", "times_out") and build.standing(self._view.now) is Standing.OVER:
            found.append(_interruption(is_timeout=build.fate.value == "times_out"))
        return [*found, Bean("", {})]

    def _cause_action(self, build: Build) -> Bean:
        upstream = self.upstream(build)
        if upstream is not None:
            fields: dict[str, Value | Callable[[], Value]] = {
                "shortDescription": f'Started by upstream project "{upstream.plan.full_name}" build number '
                f"{upstream.number}",
                "upstreamBuild": upstream.number,
                "upstreamProject": upstream.plan.full_name,
                "upstreamUrl": "job/" + upstream.plan.full_name.replace("/", "/job/") + "/",
            }
            cause = Bean("hudson.model.Cause$UpstreamCause", fields)
        elif self._controller.branch_of(build.plan) is not None:
            words = "Pull request #17 updated" if "/PR-" in build.plan.full_name else "Push event to branch"
            cause = Bean("jenkins.branch.BranchEventCause", {"shortDescription": words})
        elif build.plan.full_name == "nightly":
            cause = Bean("hudson.triggers.TimerTrigger$TimerTriggerCause", {"shortDescription": "Started by timer"})
        else:
            who = build.person
            named = {"shortDescription": f"Started by user {who.name}", "userId": who.login, "userName": who.name}
            cause = Bean("hudson.model.Cause$UserIdCause", named)
        return Bean("hudson.model.CauseAction", {"causes": [cause]})

    def upstream(self, build: Build) -> Build | None:
        """The build that started this one: the last of the upstream job that was over by then."""
        _, above = self._controller.by_name.get(build.plan.upstream or "", (0, None))
        if above is None:
            return None
        builds = self._controller.builds(above, build.queued_at)
        return next((each for each in builds if each.has_number and each.finished_at <= build.queued_at), None)

    def _changes(self, build: Build, *, is_many: bool) -> Value:
        author = Bean("hudson.model.User", {"fullName": build.person.name})
        item: dict[str, Value | Callable[[], Value]] = {
            "commitId": build.sha,
            "msg": build.title,
            "timestamp": build.millis - 60_000,
            "author": author,
        }
        changes = Bean(
            "hudson.plugins.git.GitChangeSetList",
            {"items": [Bean("hudson.plugins.git.GitChangeSet", item)], "kind": "git"},
            brief=("items", "kind"),
        )
        return [changes] if is_many else changes

    def queue_item(self, build: Build) -> Bean:
        """An item of the queue: waiting, gone to be a build, or cancelled."""
        now = self._view.now
        has_left = now >= build.started_at
        name = build.plan.full_name
        task = {"name": name.rpartition("/")[2], "url": self.url(name), "color": "blue"}
        fields: dict[str, Value | Callable[[], Value]] = {
            "actions": [Bean("", {}), self._cause_action(build)],
            "blocked": False,
            "buildable": not has_left,
            "id": build.queue_id,
            "inQueueSince": millis(build.queued_at),
            "params": "",
            "stuck": False,
            "task": Bean(str(build.plan.kind), task),
            "url": f"queue/item/{build.queue_id}/",
            "why": None if has_left else "Waiting for next available executor",
        }
        if not has_left:
            pending = {"buildableStartMilliseconds": millis(build.queued_at), "pending": False}
            return Bean("hudson.model.Queue$BuildableItem", fields | pending)
        executable = self.build(build) if build.has_number else None
        return Bean(
            "hudson.model.Queue$LeftItem", fields | {"cancelled": not build.has_number, "executable": executable}
        )

    def queue(self) -> Bean:
        """All of it; a running Pipeline's parts wait there too, and name no job."""
        waiting = self._controller.waiting(self._view.now)
        seen = [self.queue_item(build) for build in waiting if self._view.may_see(build.plan.full_name)]
        part = Bean("org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask", {})
        fields: dict[str, Value | Callable[[], Value]] = {
            "actions": [],
            "id": 1,
            "inQueueSince": millis(self._view.now),
            "task": part,
        }
        rows = [*seen, Bean("hudson.model.Queue$BuildableItem", fields)]
        return Bean("hudson.model.Queue", {"discoverableItems": [], "items": rows}, brief=("items",))


def stage_view(build: Build, now: datetime, href: str) -> dict[str, object]:
    """`wfapi/describe` of a Pipeline build: addresses there are host-relative, a running stage's length may be odd."""
    standing = build.standing(now)
    words = {"FAILURE": "FAILED", None: "SUCCESS"}
    over = words.get(build.result, build.result)
    running = "PAUSED_PENDING_INPUT" if standing is Standing.PAUSED else "IN_PROGRESS"
    return {
        "_links": {"self": {"href": f"{href}wfapi/describe"}},
        "id": str(build.number),
        "name": f"#{build.number}",
        "status": over if standing is Standing.OVER else running,
        "startTimeMillis": build.millis,
        "endTimeMillis": millis(min(now, build.finished_at)),
        "durationMillis": millis(min(now, build.finished_at)) - build.millis,
        "queueDurationMillis": 3,
        "pauseDurationMillis": 0,
        "stages": [
            {
                "_links": {"self": {"href": f"{href}execution/node/{stage.id}/wfapi/describe"}},
                "id": stage.id,
                "name": stage.name,
                "execNode": "",
                "status": stage.word if now >= stage.ends_at else running,
                "startTimeMillis": millis(stage.begins_at),
                "durationMillis": millis(stage.ends_at) - millis(stage.begins_at) if now >= stage.ends_at else -1,
                "pauseDurationMillis": 0,
            }
            for stage in build.stages
            if stage.begins_at <= now
        ],
    }


def millis_of(length: timedelta) -> int:
    """A length of time as Jenkins writes it."""
    return round(length / timedelta(milliseconds=1))


def _build_data(sha: str, branch: str, remote: str) -> Bean:
    revision = Bean("", {"SHA1": sha, "branch": [Bean("", {"SHA1": sha, "name": branch})]}, brief=("SHA1", "branch"))
    return Bean("hudson.plugins.git.util.BuildData", {"lastBuiltRevision": revision, "remoteUrls": [remote]})


def _interruption(*, is_timeout: bool) -> Bean:
    kind = (
        "org.jenkinsci.plugins.workflow.steps.TimeoutStepExecution$ExceededTimeout"
        if is_timeout
        else "jenkins.model.CauseOfInterruption$UserInterruption"
    )
    words = "Timeout has been exceeded" if is_timeout else "Aborted by somebody"
    return Bean("jenkins.model.InterruptedBuildAction", {"causes": [Bean(kind, {"shortDescription": words})]})

"""Jenkins: folders, multibranch projects, jobs, builds, stages and the queue, read from one controller."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from collectors.base import BaseCollector, Check, Past, RawLog, TooManyPages
from collectors.fields import Fields
from collectors.held_builds import HeldBuilds, nothing_held
from collectors.jenkins_check import about
from collectors.jenkins_discovery import list_jobs
from collectors.jenkins_gate import gate
from collectors.jenkins_log import LOG_SECRETS, download_console
from collectors.jenkins_payload import (
    BUILD,
    QUEUE_ITEM,
    Left,
    as_paused,
    is_paused,
    parse_build,
    parse_queue_item,
    parse_stages,
    stage_problems,
    upstream_of,
)
from collectors.jenkins_reading import parse_any
from collectors.jenkins_status import RESULTS, STAGES, class_name
from collectors.jenkins_tree import (
    LEVELS_AT_ONCE,
    ROOT,
    FoundJob,
    Place,
    is_multibranch,
    is_queue_item,
    named_by,
    parse_build_id,
    parse_tree,
    path_of,
    place_of,
    tree_query,
)
from collectors.jenkins_window import JobsPast, read_mark
from collectors.reading import Reading
from shared.config.fields import HttpUrl
from shared.config.patterns import Pattern, is_exclusion, is_pattern
from shared.config.settings import ProviderSettings
from shared.errors import MalformedPayload, NotFound, ProviderError, Unauthorized, Unavailable
from shared.found_sources import Found
from shared.http.authorization import AuthStyle
from shared.http.client import Answer, Client, Limits
from shared.http.rate_limit import Budget
from shared.observation import Observation, ObservedJob, Page, ParentBuild, Unreadable
from shared.secret import SecretSource
from shared.validators import Validators

_DEEPEST = 20
_MOST_BROKEN_JOBS = 3
_WINDOWS = (("builds", 0, 5), ("builds", 5, 30), ("builds", 30, 100))
"""Which builds of a job with news are asked for; `builds` ends after 100, and `allBuilds` goes on from there."""


class JenkinsSettings(ProviderSettings):
    """`[[providers]]` of kind `jenkins`; the API token is named by `token_env` or `token_file`."""

    base_url: HttpUrl = Field(description="the controller's address, with its context path if it has one")
    username: str | None = Field(None, min_length=1, description="the user whose API token it is")
    token: SecretSource = Field(
        default_factory=SecretSource, description="an API token of a user who may read what is watched"
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) of a private authority, believed besides the well-known ones"
    )
    max_builds: int = Field(500, ge=100, le=10_000, description="builds of one job read at most in one poll")

    @field_validator("watch")
    @classmethod
    def _are_paths(cls, watch: tuple[str, ...]) -> tuple[str, ...]:
        for entry in watch:
            is_glob = is_pattern(entry) or is_exclusion(entry)
            names = (entry.removeprefix("!").removeprefix("/") if is_glob else entry).split("/")
            if entry != ROOT and (not all(names) or names[0] == "job" or {".", ".."} & {*names} or "://" in entry):
                raise ValueError(
                    f'"{entry}" is no folder or job; write its full name, like "team/app", "/" for all as one source, '
                    f'or "/team/**" for every job below a folder as one of its own'
                )
        return watch

    @field_validator("token")
    @classmethod
    def _has_a_user(cls, token: SecretSource, info: ValidationInfo) -> SecretSource:
        if token != SecretSource() and not info.data.get("username"):
            raise ValueError("an API token belongs to a user; name that user with username")
        return token


class JenkinsCollector(BaseCollector[JenkinsSettings]):
    """The builds of every job below one folder, of one job, or (`/`) of a whole controller."""

    kind = "jenkins"
    settings_class = JenkinsSettings
    words = {"`result` once it is not `building`": RESULTS, "`status` of the stage view": STAGES}  # noqa: RUF012
    log_secrets = LOG_SECRETS

    def __init__(
        self,
        settings: JenkinsSettings,
        scope: str,
        client: Client,
        *,
        default_branch: str | None = None,
        held: HeldBuilds = nothing_held,
        validators: Validators | None = None,
    ) -> None:
        super().__init__(settings, scope, client, default_branch=default_branch, held=held, validators=validators)
        # What is learnt on the way, for as long as one poll lasts.
        self._places: dict[str, Place] = {}
        self._seen_ids: dict[tuple[str, int], str] = {}
        self._without_stages: set[str] = set()
        self._has_stage_view = True

    @classmethod
    def open_client(
        cls,
        settings: JenkinsSettings,
        *,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
        limits: Limits | None = None,
    ) -> Client:
        token = settings.token.read()
        return Client(
            settings.base_url,
            None if token is None else SecretStr(f"{settings.username}:{token.get_secret_value()}"),
            auth=AuthStyle.BASIC,
            ca_file=settings.ca_file,
            limits=limits,
            on_budget=on_budget,
            before_try=before_try,
        )

    @classmethod
    def discover(cls, settings: JenkinsSettings, client: Client, pattern: Pattern) -> Iterator[Found]:
        return list_jobs(settings, client, pattern)

    def list_recent_builds(self, since: datetime) -> Iterator[Page]:
        """One request for every four folder levels, then one for each job with news.

        The watermark stays where the first list began: what is recorded ends a list, so a job that could not be read
        for a while, or a poll that broke off, leaves no gap. The queue is read before the builds that leave it.
        """
        jobs = self._found_jobs()
        yield Page(unreadable=tuple(row for job in jobs for row in job.corrupt), watermark=since)
        if any(job.is_queued for job in jobs):
            yield replace(self._queue(), watermark=since)
        broken, cut = 0, []
        for job in self._with_news(jobs, since):
            try:
                page, is_whole = self._unrecorded(job.place, since)
            except NotFound:
                continue
            except (Unavailable, MalformedPayload) as error:
                # Some jobs break the page that describes them; that must not hide the others.
                broken += 1
                if broken > _MOST_BROKEN_JOBS:
                    raise
                page = Page(unreadable=(Unreadable(kind="job", external_id=job.place.full_name, reason=str(error)),))
                is_whole = True
            cut += [] if is_whole else [job.place.full_name]
            yield replace(page, watermark=since)
        if cut:
            raise TooManyPages(
                f"{self.settings.name}: more than {self.settings.max_builds} new builds of {', '.join(cut[:5])}; raise "
                f"max_builds of {self.settings.name}; the others are collected as a backfill",
                is_newest_first=False,
            )

    def list_builds_between(self, since: datetime, until: datetime, place: str | None = None) -> Iterator[Past]:
        jobs = [job.place for job in self._found_jobs()]
        yield from JobsPast(self._range, self._fresh, since, until).of_jobs(jobs, read_mark(place))

    def fetch_build(self, external_id: str, attempt: int | None = None) -> Observation:  # noqa: ARG002 - always 1
        """By `<job>/<number>@<timestamp>`, by `<job>/<number>` as a webhook names it, or by `queue/<id>`."""
        if is_queue_item(external_id):
            return self._fetch_queued(external_id)
        full_name, number, millis = parse_build_id(external_id)
        build = self._fetch(self._place(full_name), number)
        if millis is not None and build.external_id != external_id:
            raise NotFound(f"{self.settings.name}: {external_id} is gone; {full_name} was made anew and counts again")
        return build

    def fetch_jobs(self, external_id: str, attempt: int) -> tuple[ObservedJob, ...]:  # noqa: ARG002 - always 1
        """The stages of a Pipeline build; none where the stage view plugin is absent or the job has no stages."""
        description = self._stage_view(external_id)
        return () if description is None else parse_stages(description)

    def with_jobs(self, observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
        return replace(observation, jobs=jobs, problems=observation.problems + stage_problems(jobs))

    def fetch_log(self, external_id: str, attempt: int, job_external_id: str | None) -> Iterator[RawLog]:  # noqa: ARG002
        """Jenkins' attempts are builds of their own, so `attempt` is always 1."""
        yield from download_console(self.client, external_id, job_external_id, gate(self.settings.base_url))

    @classmethod
    def read(cls, payload: object, url: str | None = None) -> Reading:
        return parse_any(payload, url or "")

    def fetch_default_branch(self) -> str | None:
        """None: a source has many pipelines; each multibranch project's primary branch comes with its builds."""
        return None

    def check(self) -> Check:
        try:
            top = self._get("", {"tree": "url,nodeDescription,mode"})
            answer = self._get(path_of(self.scope), {"tree": tree_query(0)})
        except ProviderError as error:
            return Check(is_ok=False, words=(str(error),))
        jobs = parse_tree(answer.payload, self.scope, 0).jobs
        return about(top, len(jobs), self.settings.base_url, self.scope, self.settings.username)

    def _found_jobs(self) -> list[FoundJob]:
        """Every job of the source that holds builds, each known by its place from now on."""
        jobs: list[FoundJob] = []
        for above in range(0, _DEEPEST, LEVELS_AT_ONCE):
            payload = self._get(path_of(self.scope), {"tree": tree_query(above)}).payload
            is_branch = Fields(payload).has("builds") and self._is_branch(self.scope)
            found = parse_tree(payload, self.scope, above, is_branch=is_branch)
            jobs += found.jobs
            if not found.is_cut:
                self._places |= {job.place.full_name: job.place for job in jobs}
                return jobs
        raise MalformedPayload(
            f"{self.settings.name}: folders lie deeper than {_DEEPEST} levels; watch one further down"
        )

    def _with_news(self, jobs: Sequence[FoundJob], since: datetime) -> list[FoundJob]:
        """The jobs whose newest builds are not recorded as they stand; a build that still runs is read by its id."""
        earliest = since.timestamp() * 1000
        fresh = {
            (job.place.pipeline, probe.external_id): probe
            for job in jobs
            for probe in job.probes
            if probe.is_building or probe.timestamp >= earliest
        }
        held = self.held(list(fresh))
        news = {
            name[1] for name, probe in fresh.items() if not (held.get(name) or (name in held and probe.is_building))
        }
        return [job for job in jobs if any(probe.external_id in news for probe in job.probes)]

    def _unrecorded(self, place: Place, since: datetime) -> tuple[Page, bool]:
        """The builds of a job that are not recorded as they stand, oldest first, on one page; False when cut short.

        On one page, because it is committed as one: were the newest recorded without the others, nobody would look.
        """
        builds: dict[str, Observation] = {}
        unreadable: list[Unreadable] = []
        for key, start, end in self._windows():
            rows = self._rows(place, key, start, end)
            parsed = [build for _, build in rows]
            found = {build.external_id: (row, build) for row, build in rows if isinstance(build, Observation)}
            unreadable += [build for build in parsed if isinstance(build, Unreadable)]
            held = self.held([(place.pipeline, external_id) for external_id in found])
            for external_id, (row, build) in found.items():
                is_finished = held.get((place.pipeline, external_id))
                is_known = is_finished or (is_finished is False and not build.is_finished)
                if not is_known and (build.queued_at >= since or not build.is_finished):
                    builds[external_id] = self._with_parent(build, row)
            if len(rows) < end - start or held or any(build.queued_at < since for _, build in found.values()):
                return Page(observations=tuple(builds.values())[::-1], unreadable=tuple(unreadable)), True
        return Page(observations=tuple(builds.values())[::-1], unreadable=tuple(unreadable)), False

    def _range(self, place: Place, start: int, end: int) -> list[tuple[object, Observation | Unreadable]]:
        return self._rows(place, "allBuilds", start, end)

    def _fresh(self, place: Place, rows: list[tuple[object, Observation]]) -> tuple[Observation, ...]:
        """Those of a job's builds that are not recorded as finished, each with the one that started it."""
        held = self.held([(place.pipeline, build.external_id) for _, build in rows])
        unheld = [(row, build) for row, build in rows if not held.get((place.pipeline, build.external_id))]
        return tuple(self._with_parent(build, row) for row, build in unheld)

    def _windows(self) -> Iterator[tuple[str, int, int]]:
        yield from _WINDOWS
        for start in range(100, self.settings.max_builds, 100):
            yield "allBuilds", start, start + 100

    def _rows(self, place: Place, key: str, start: int, end: int) -> list[tuple[object, Observation | Unreadable]]:
        """One window of a job's builds, newest first."""
        # A branch's own actions tell whether it is the primary one, which is the default branch of its pipeline.
        own = "" if place.branch is None else "actions[_class],"
        answer = self._get(place.path, {"tree": f"{own}{key}[{BUILD}]{{{start},{end}}}"})
        job = Fields(answer.payload)
        is_primary = any(class_name(action) == "PrimaryInstanceMetadataAction" for action in job.listed("actions"))
        default_branch = place.branch if is_primary else None
        rows = answer.payload.get(key) if isinstance(answer.payload, dict) else None
        return [
            (row, self._parsed(row, place, answer.date, default_branch))
            for row in (rows if isinstance(rows, list) else [])
        ]

    def _parsed(
        self, payload: object, place: Place, seen_at: datetime | None, default_branch: str | None = None
    ) -> Observation | Unreadable:
        build = parse_build(payload, place, self.settings.base_url, seen_at=seen_at, default_branch=default_branch)
        if isinstance(build, Observation):
            self._seen_ids[place.full_name, build.number or 0] = build.external_id
            if class_name(Fields(payload)) not in ("WorkflowRun", ""):
                self._without_stages.add(build.external_id)
        return build

    def _fetch(self, place: Place, number: int) -> Observation:
        path = f"{place.path}/{number}"
        answer = self._get(path, {"tree": BUILD})
        build = self._parsed(answer.payload, place, answer.date)
        if isinstance(build, Unreadable):
            raise MalformedPayload(f"{self.settings.name}: {path}: {build.reason}")
        if not self.held([(place.pipeline, build.external_id)]):
            build = self._with_parent(build, answer.payload)
        if not build.is_finished:
            description = self._stage_view(build.external_id)
            return as_paused(build) if description is not None and is_paused(description) else build
        return build

    def _fetch_queued(self, external_id: str) -> Observation:
        number = external_id.removeprefix("queue/")
        if not (number.isascii() and number.isdigit()):
            raise MalformedPayload(f'"{external_id[:40]}" is no queue item of Jenkins; its id is a number')
        answer = self._get(f"/queue/item/{number}", {"tree": QUEUE_ITEM})
        named = named_by(Fields(answer.payload).inside("task").text("url", 2_048) or "")
        if named is None:
            raise MalformedPayload(f"{self.settings.name}: queue item {number} does not tell for which job it waits")
        place = self._place(named[0])
        item = parse_queue_item(answer.payload, place, self.settings.base_url, seen_at=answer.date)
        if isinstance(item, Unreadable):
            raise MalformedPayload(f"{self.settings.name}: queue item {number}: {item.reason}")
        return replace(self._fetch(place, item.number), formerly=external_id) if isinstance(item, Left) else item

    def _queue(self) -> Page:
        """The items of the queue that wait for jobs of this source; parts of running Pipelines wait there too."""
        try:
            answer = self._get("/queue", {"tree": f"items[{QUEUE_ITEM}]"})
        except (Unavailable, MalformedPayload) as error:
            # What waits shows as soon as it runs; that it cannot be read must not hide what does.
            return Page(unreadable=(Unreadable(kind="queue", external_id=None, reason=str(error)),))
        rows = answer.payload.get("items") if isinstance(answer.payload, dict) else None
        items: list[Observation | Left | Unreadable] = []
        for row in rows if isinstance(rows, list) else []:
            named = named_by(Fields(row).inside("task").text("url", 2_048) or "")
            place = self._places.get(named[0]) if named is not None else None
            if place is not None:
                items.append(parse_queue_item(row, place, self.settings.base_url, seen_at=answer.date))
        return Page(
            observations=tuple(item for item in items if isinstance(item, Observation)),
            unreadable=tuple(item for item in items if isinstance(item, Unreadable)),
        )

    def _stage_view(self, external_id: str) -> Mapping[str, object] | None:
        """The stage view's description of a build, None where there is none; asked in vain only once a poll.

        Raises NotFound when the build itself is gone.
        """
        if not self._has_stage_view or external_id in self._without_stages or is_queue_item(external_id):
            return None
        full_name, number, _ = parse_build_id(external_id)
        path = f"{path_of(full_name)}/{number}"
        try:
            payload = self._ask(f"{path}/wfapi/describe").payload
        except NotFound:
            # Not there is the plugin, or the build, which may have been rotated away since it was listed.
            build = Fields(self._get(path, {"tree": "number"}).payload)
            self._has_stage_view = class_name(build) != "WorkflowRun"
            self._without_stages.add(external_id)
            return None
        return payload if isinstance(payload, dict) else None

    def _with_parent(self, build: Observation, payload: object) -> Observation:
        """The build with the one that started it, if that one can still be read: it has to tell when it began."""
        upstream = upstream_of(payload)
        if upstream is None:
            return build
        full_name, number = upstream
        try:
            place = self._place(full_name)
            if upstream not in self._seen_ids:
                row = self._get(f"{place.path}/{number}", {"tree": "number,timestamp,building"})
                self._parsed(row.payload, place, row.date)
        except (NotFound, Unauthorized, Unavailable, MalformedPayload):
            return build
        external_id = self._seen_ids.get(upstream)
        if external_id is None:
            return build
        return replace(build, parent=ParentBuild(pipeline_external_id=place.pipeline, external_id=external_id))

    def _place(self, full_name: str) -> Place:
        """Where a job is; whether it is a branch has to be asked for when the tree was not read."""
        if full_name not in self._places:
            self._places[full_name] = place_of(full_name, is_branch=self._is_branch(full_name))
        return self._places[full_name]

    def _is_branch(self, full_name: str) -> bool:
        folder = full_name.rpartition("/")[0]
        if full_name == ROOT or not folder:
            return False
        try:
            return is_multibranch(Fields(self._get(path_of(folder), {"tree": "name"}).payload))
        except NotFound:  # one may see a job and not the folder it lies in
            return False

    def _get(self, path: str, params: Mapping[str, str]) -> Answer:
        return self._ask(f"{path}/api/json", params)

    def _ask(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        with gate(self.settings.base_url):
            return self.client.get_json(path, params)

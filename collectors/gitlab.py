"""GitLab CI: pipelines with their jobs, attempts and parents, read from gitlab.com or a server of one's own."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from collectors import gitlab_check
from collectors.base import OVERLAP, BaseCollector, Check, CommitRange, Past, RawLog
from collectors.fields import Fields
from collectors.gitlab_attempts import complete
from collectors.gitlab_discovery import list_projects
from collectors.gitlab_family import Look, Seen, attempts_of
from collectors.gitlab_list import Row, Walk, read_row
from collectors.gitlab_log import LOG_SECRETS, download_trace, download_traces
from collectors.gitlab_payload import (
    PipelineJob,
    Project,
    parse_downstream,
    parse_job,
    parse_pipeline,
)
from collectors.gitlab_range import fetch_range
from collectors.gitlab_reading import parse_any
from collectors.gitlab_status import STATUSES, TIMED_OUT
from collectors.gitlab_window import Stretches
from collectors.reading import Reading
from shared.config.fields import HttpUrl
from shared.config.patterns import Pattern, is_exclusion, is_pattern
from shared.config.settings import ProviderSettings
from shared.errors import MalformedPayload, NotFound, Unauthorized, Unavailable
from shared.found_sources import Found
from shared.http.authorization import AuthStyle
from shared.http.client import Answer, Client, Limits
from shared.http.rate_limit import Budget
from shared.observation import Observation, ObservedJob, Page, Unreadable
from shared.secret import SecretSource
from shared.status import Status

_SCOPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)+")
_PATTERN = re.compile(r"!?[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_.+*?-]+)+")
_ROWS = 100
_LOOKS = 3
_GRAIN = timedelta(milliseconds=1)
_WAITS_FOR_OTHERS = timedelta(minutes=10)
_NO_ID = "a pipeline without a usable id"
_PIPELINES_A_PAGE = 10
"""Each pipeline costs three requests or more; after this many what was read is given out."""

_MOST_LOOKS = 50
"""Changed pipelines that one pass looks at in one poll: a kill or a limit costs no more than that, whatever is left.

Both passes together stay below the 500 requests a minute that gitlab.com grants without a token.
"""

_MOST_PAGES = 100
"""Of the jobs of one pipeline: no GitLab makes so many, and a list without end must end."""

_PAST_A_PAGE = 3
"""The past is read on what a poll has left, and between two pages is where it can stop."""


class GitLabSettings(ProviderSettings):
    """`[[providers]]` of kind `gitlab`; the token is named by `token_env` or `token_file`."""

    base_url: HttpUrl = Field("https://gitlab.com", description="the server's address, without /api/v4")
    web_url: HttpUrl = Field(
        default_factory=lambda known: known.get("base_url", ""),
        description="where people see it, if elsewhere: links to any other host are dropped",
    )
    token: SecretSource = Field(
        default_factory=SecretSource,
        description="a personal, group or project token with the scope read_api; none for public projects only",
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) of a private authority, believed besides the well-known ones"
    )
    page_size: int = Field(100, ge=1, le=100, description="pipelines asked for at once; a row is half a kilobyte")
    max_pages: int = Field(20, ge=1, le=1000, description="pages of one list read in one poll; the next one goes on")

    @field_validator("base_url")
    @classmethod
    def _is_the_server(cls, base_url: str) -> str:
        if base_url.rstrip("/").endswith("/api/v4"):
            raise ValueError(f'write it without /api/v4: "{base_url.rstrip("/").removesuffix("/api/v4")}"')
        return base_url

    @field_validator("watch")
    @classmethod
    def _are_projects(cls, watch: tuple[str, ...]) -> tuple[str, ...]:
        for entry in watch:
            if not (_PATTERN if is_pattern(entry) or is_exclusion(entry) else _SCOPE).fullmatch(entry):
                raise ValueError(
                    f'"{entry}" is no project; write its full path, like "group/subgroup/project", or "group/*" or '
                    f'"group/**" for all of a group'
                )
        return watch


class GitLabCollector(BaseCollector[GitLabSettings]):
    """The builds of one project, `group/subgroup/project`."""

    kind = "gitlab"
    settings_class = GitLabSettings
    words = {  # noqa: RUF012
        "`status` of pipelines and jobs": STATUSES,
        "`failure_reason` of a `failed` job": dict.fromkeys(sorted(TIMED_OUT), Status.TIMED_OUT),
    }
    log_secrets = LOG_SECRETS

    @classmethod
    def open_client(
        cls,
        settings: GitLabSettings,
        *,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
        limits: Limits | None = None,
    ) -> Client:
        return Client(
            settings.base_url,
            settings.token.read(),
            auth=AuthStyle.PRIVATE_TOKEN,
            ca_file=settings.ca_file,
            limits=limits,
            on_budget=on_budget,
            before_try=before_try,
        )

    @classmethod
    def discover(cls, settings: GitLabSettings, client: Client, pattern: Pattern) -> Iterator[Found]:  # noqa: ARG003
        return list_projects(client, pattern)

    def list_recent_builds(self, since: datetime) -> Iterator[Page]:
        """The builds changed since an instant, oldest change first, all attempts of each, complete with their jobs.

        Child pipelines come in a second pass; they and the pipelines started in other watched projects know their
        parent. The last page's watermark is how far both passes came: a list too long for one poll goes on in the next.
        """
        try:
            yield from self._changed(since)
        except Unauthorized:
            # A project whose CI is switched off answers its lists with 403: it has no builds, and nothing is wrong.
            if self._has_ci():
                raise

    def list_builds_between(self, since: datetime, until: datetime, place: str | None = None) -> Iterator[Past]:  # noqa: ARG002 - time says it all
        try:
            yield from self._changed_between(since, until)
        except Unauthorized:
            if self._has_ci():
                raise
            yield Past(Page(), since)

    def fetch_commits_between(self, base_sha: str, head_sha: str) -> CommitRange:
        return fetch_range(self._get, base_sha, head_sha)

    def fetch_build(self, external_id: str, attempt: int | None = None) -> Observation:
        attempts = self.fetch_attempts(external_id, attempt)
        if not attempts:
            raise Unavailable(f"{self._named(external_id)}: it changed while it was read; asked again later")
        return attempts[-1]

    def fetch_attempts(self, external_id: str, attempt: int | None = None) -> tuple[Observation, ...]:
        look = self._look(external_id)
        found = tuple(each for each in look.attempts if attempt in (None, each.attempt)) if look is not None else ()
        if look is not None and not found:
            raise NotFound(f"{self._named(external_id)}: its jobs tell of no attempt {attempt}")
        return found

    def fetch_jobs(self, external_id: str, attempt: int) -> tuple[ObservedJob, ...]:
        return self.fetch_build(external_id, attempt).jobs or ()

    def with_jobs(self, observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
        return replace(observation, jobs=jobs)

    def fetch_log(self, external_id: str, attempt: int, job_external_id: str | None) -> Iterator[RawLog]:
        project = f"/api/v4/projects/{quote(self.scope, safe='')}"
        if job_external_id is not None:
            yield from download_trace(self.client, project, job_external_id)
        else:
            yield from download_traces(self.client, project, self.fetch_jobs(external_id, attempt))

    @classmethod
    def read(cls, payload: object, url: str | None = None) -> Reading:
        return parse_any(payload, urlsplit(url).hostname if url else None)

    def fetch_default_branch(self) -> str | None:
        return Fields(self._get("").payload).text("default_branch")

    def check(self) -> Check:
        return gitlab_check.check(self.scope, self._get, has_token=self.settings.token != SecretSource())

    def _has_ci(self) -> bool:
        return gitlab_check.has_ci(self._get("").payload)

    def _changed(self, since: datetime) -> Iterator[Page]:
        seen = Seen()
        walks = [self._walk(since, {}), self._walk(since, {"source": "parent_pipeline"})]
        for walk in walks:
            for rows in self._worth_a_look(walk, since + OVERLAP, seen):
                yield replace(self._page(rows, seen), watermark=since)
        reached = min([walk.reached for walk in walks if walk.is_cut] or [max(walk.reached for walk in walks)])
        children, elsewhere = tuple(self._linked_late(seen)), tuple(self._linked_elsewhere(seen, reached))
        yield Page(observations=children, elsewhere=elsewhere, watermark=min([reached, *seen.left_at]))

    def _changed_between(self, since: datetime, until: datetime) -> Iterator[Past]:
        stretches = Stretches(self._list, self._followed, since, until, self.settings.max_pages)
        for stretch in stretches:
            seen = Seen()
            *earlier, last = [*_batches(self._unknown(stretch.rows, until + OVERLAP), _PAST_A_PAGE)] or [()]
            for some in earlier:
                yield Past(self._page(some, seen), stretch.told_with(some))
            page = self._page(last, seen)
            linked = (*page.observations, *self._linked_late(seen))
            elsewhere = tuple(self._linked_elsewhere(seen, stretch.reached))
            yield Past(replace(page, observations=linked, elsewhere=elsewhere), stretch.reached)

    def _worth_a_look(self, walk: Walk, watermark: datetime, seen: Seen) -> Iterator[tuple[Row, ...]]:
        """The rows of a walk to look at, a few at a time; after `_MOST_LOOKS` new ones the walk is cut there.

        A server before 14.3 does not know `source`: its second list tells once more what the first one told.
        """
        left = _MOST_LOOKS
        for rows in walk:
            unseen = tuple(
                row for row in rows if row.updated_at is None or not seen.has(row.external_id, row.updated_at)
            )
            for some in _batches(self._unknown(unseen, watermark)):
                yield some
                left -= sum(row.updated_at is None or row.updated_at > watermark for row in some)
                if left <= 0:
                    walk.cut_at(some[-1])
                    return

    def _unknown(self, rows: tuple[Row, ...], watermark: datetime) -> tuple[Row, ...]:
        """The rows worth three requests or more: changed since the last poll, or not recorded as they stand.

        What lies behind the watermark was listed before; only what came late into the list is not recorded by now.
        """
        behind = {
            (row.project_external_id, row.external_id): row
            for row in rows
            if row.external_id and row.project_external_id and row.updated_at and row.updated_at <= watermark
        }
        held = self.held(list(behind))
        known = {row for name, row in behind.items() if held.get(name) is row.is_finished}
        return tuple(row for row in rows if row not in known)

    def _walk(self, since: datetime, params: Mapping[str, str | int]) -> Walk:
        return Walk(self._list, self._followed, since, params, self.settings.max_pages)

    def _list(self, window: Mapping[str, str | int]) -> Answer:
        return self._get("/pipelines", {**window, "per_page": self.settings.page_size}, shape=list)

    def _page(self, rows: Iterable[Row], seen: Seen) -> Page:
        """The pipelines of these rows; one that is gone meanwhile, or does not hold still, is left for another time."""
        observations: list[Observation] = []
        unreadable: list[Unreadable] = []
        for row in rows:
            try:
                look = None if row.external_id is None else self._look(row.external_id, listed=row)
            except NotFound:
                continue
            except MalformedPayload as error:
                unreadable.append(Unreadable(kind="pipeline", external_id=row.external_id, reason=str(error)))
                continue
            if row.external_id is None:
                unreadable.append(Unreadable(kind="pipeline", external_id=None, reason=_NO_ID))
            elif look is not None:
                seen.changed_at[row.external_id] = row.updated_at or look.latest.queued_at
                observations += seen.add(row.external_id, look)
            elif row.updated_at is not None:
                seen.left_at.append(row.updated_at - _GRAIN)
        return Page(observations=tuple(observations), unreadable=tuple(unreadable))

    def _linked_late(self, seen: Seen) -> Iterator[Observation]:
        """Children that learn of their parent only now: listed before it, or not at all, because nothing changed."""
        for child, parent in seen.unlinked():
            if child.project_external_id == parent.pipeline_external_id:
                look = seen.looks.get(child.external_id)
                if look is None and seen.looks[parent.external_id].latest.is_finished:
                    look = self._look_if_there(child.external_id)
                yield from attempts_of(look, parent)

    def _linked_elsewhere(self, seen: Seen, reached: datetime) -> Iterator[Observation]:
        """Pipelines started in other watched projects, once their own source has recorded them.

        Until it has, a pipeline that started one stays ahead of the watermark, for a while, and is looked at again.
        """
        for child, parent in seen.unlinked():
            project = child.project_external_id
            if project is None or project == parent.pipeline_external_id:
                continue
            if child.project_path is None or not self.settings.watches(child.project_path):
                continue
            if self.held([(project, child.external_id)]):
                yield from attempts_of(self._look_if_there(child.external_id, child.project_path), parent)
            elif (changed_at := seen.changed_at[parent.external_id]) > reached - _WAITS_FOR_OTHERS:
                seen.left_at.append(changed_at - _GRAIN)

    def _look_if_there(self, external_id: str, scope: str | None = None) -> Look | None:
        try:
            return self._look(external_id, scope)
        except (NotFound, MalformedPayload, Unauthorized):
            return None  # the poll that lists it says what is wrong with it

    def _look(self, external_id: str, scope: str | None = None, listed: Row | None = None) -> Look | None:
        """One pipeline as a whole: detail, jobs, bridges, and the detail again; None if it does not hold still.

        What was `listed` as finished hardly changes any more, so that row is its first detail. Raises MalformedPayload
        for one that cannot be read.
        """
        path = f"/pipelines/{_number(external_id)}"
        before = listed if listed and listed.is_finished else read_row(Fields(self._get(path, scope=scope).payload))
        for _ in range(_LOOKS):
            jobs = [row for page in self._all(f"{path}/jobs", {"include_retried": "true"}, scope) for row in page]
            bridges = self._bridges(path, scope)
            detail = self._get(path, scope=scope)
            after = read_row(Fields(detail.payload))
            if before.moment == after.moment:
                return self._read(external_id, detail, jobs, bridges, scope)
            before = after
        return None

    def _bridges(self, path: str, scope: str | None) -> list[object]:
        try:
            return [row for page in self._all(f"{path}/bridges", {}, scope) for row in page]
        except NotFound:
            return []  # a server too old to know bridges; a pipeline that is gone is noticed by its detail

    def _read(
        self, external_id: str, detail: Answer, jobs: list[object], bridges: list[object], scope: str | None
    ) -> Look:
        pipeline = parse_pipeline(detail.payload, self._host, self._project(detail, scope))
        if isinstance(pipeline, Unreadable):
            raise MalformedPayload(f"{self._named(external_id)}: {pipeline.reason}")
        read: list[PipelineJob] = []
        for row in [*jobs, *bridges]:
            job = parse_job(row, self._host, now=detail.date)
            if isinstance(job, Unreadable):
                # The list has to be complete to be recorded, and a job without an id cannot be stored.
                raise MalformedPayload(f"{self._named(external_id)}: {job.reason}")
            read.append(job)
        started = (parse_downstream(row, self._host, self._root) for row in bridges)
        return Look(complete(pipeline, read), tuple(each for each in started if each is not None))

    def _project(self, detail: Answer, scope: str | None) -> Project:
        """What this source knows of its project; servers before 12.3 do not say its id with a pipeline."""
        is_told = Fields(detail.payload).has("project_id")
        return Project(
            path=scope or self.scope,
            external_id=None if is_told else Fields(self._get("", scope=scope).payload).identifier("id"),
            default_branch=None if scope else self.default_branch,
            root=self._root,
        )

    @cached_property
    def _host(self) -> str:
        return urlsplit(self.settings.web_url).hostname or ""

    @cached_property
    def _root(self) -> str:
        """The path below which a server lives that does not have a host of its own."""
        return urlsplit(self.settings.web_url).path

    def _get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        shape: type[dict[str, object]] | type[list[object]] = dict,
        scope: str | None = None,
    ) -> Answer:
        project = quote(scope or self.scope, safe="")
        return self.client.get_json(f"/api/v4/projects/{project}{path}", params, shape=shape)

    def _all(self, path: str, params: Mapping[str, str | int], scope: str | None) -> Iterator[list[object]]:
        """Every page of a list by its `Link` header."""
        answer = self._get(path, {**params, "per_page": _ROWS}, shape=list, scope=scope)
        for _ in range(_MOST_PAGES):
            yield answer.payload if isinstance(answer.payload, list) else []
            following = answer.links.get("next")
            if following is None:
                return
            answer = self._followed(following)
        raise MalformedPayload(f"{self.settings.name}: {path}: the list goes on after {_MOST_PAGES} pages")

    def _followed(self, link: str) -> Answer:
        """The next page of a list: GitLab links to the address it takes for its own, which need not be `base_url`."""
        _, found, below = link.partition("/api/v4/")
        if not found:
            raise MalformedPayload(f"{self.settings.name}: the link to the next page does not lead into the API")
        return self.client.get_json(f"/api/v4/{below}", shape=list)

    def _named(self, external_id: str) -> str:
        return f"{self.settings.name}: pipeline {external_id} of {self.scope}"


def _batches(rows: tuple[Row, ...], size: int = _PIPELINES_A_PAGE) -> Iterator[tuple[Row, ...]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _number(external_id: str) -> str:
    if not (external_id.isascii() and external_id.isdigit()):
        raise MalformedPayload(f'"{external_id[:40]}" is no pipeline id of GitLab; a pipeline id is a number')
    return external_id

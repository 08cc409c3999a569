"""GitHub Actions: workflow runs, their attempts and jobs, read from github.com or a GitHub Enterprise Server."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from collectors.base import BaseCollector, Check, CommitRange, Past, RawLog, TooManyPages
from collectors.fields import Fields
from collectors.github_app import InstallationCredential, identity_of, read_key, shared_app
from collectors.github_discovery import list_repositories
from collectors.github_log import LOG_HOSTS, download_log
from collectors.github_payload import parse_job, parse_run, parse_runs, with_jobs
from collectors.github_range import fetch_range
from collectors.github_reading import parse_any
from collectors.github_status import CONCLUSIONS, STATUSES
from collectors.github_window import Windows
from collectors.reading import Reading, address_in
from shared.config.fields import HttpUrl
from shared.config.patterns import Pattern, is_exclusion, is_pattern
from shared.config.settings import ProviderSettings
from shared.errors import MalformedPayload, ProviderError, Unauthorized, Unprocessable
from shared.found_sources import Found
from shared.http.authorization import Renewable
from shared.http.client import Answer, Client, Limits
from shared.http.rate_limit import Budget
from shared.observation import Observation, ObservedJob, Page, Unreadable
from shared.secret import SecretSource, fingerprint

_SCOPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+")
_PATTERN = re.compile(r"!?[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_.*?-]+")
_HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_JOBS_A_PAGE = 100
_HINTS_A_PAGE = 20


class GitHubSettings(ProviderSettings):
    """`[[providers]]` of kind `github`; a token is named by `token_env` or `token_file`, or an app stands for it."""

    base_url: HttpUrl = Field(
        "https://api.github.com", description="the API's address; https://HOST/api/v3 for an Enterprise Server"
    )
    web_url: HttpUrl = Field(
        default_factory=lambda known: web_address(known.get("base_url", "")),
        description="where people see it: links to any other host are dropped",
    )
    token: SecretSource = Field(
        default_factory=SecretSource, description="a token that may read Actions; none for public repositories only"
    )
    app_id: int | None = Field(None, ge=1, description="the id of a GitHub App that is asked as, in place of a token")
    app_key: SecretSource = Field(
        default_factory=SecretSource, validate_default=True, description="the private key (PEM) GitHub made for the app"
    )
    installation_id: int | None = Field(
        None, ge=1, description="the one installation to use; without it each owner's own is looked up"
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) of a private authority, believed besides the well-known ones"
    )
    log_hosts: tuple[str, ...] = Field(
        LOG_HOSTS, description="other hosts that logs may be read from, without a credential; `*` stands for anything"
    )
    page_size: int = Field(50, ge=1, le=100, description="runs asked for at once; 100 costs about 1.2 MB")
    max_pages: int = Field(100, ge=1, le=800, description="pages of one list read at most in one poll")

    @field_validator("app_id")
    @classmethod
    def _stands_alone(cls, app_id: int | None, info: ValidationInfo) -> int | None:
        if app_id is not None and info.data.get("token", SecretSource()) != SecretSource():
            raise ValueError("stands beside a token; keep one of them")
        return app_id

    @field_validator("app_key")
    @classmethod
    def _is_the_apps(cls, source: SecretSource, info: ValidationInfo) -> SecretSource:
        pem, app_id = source.read(), info.data.get("app_id")
        if pem is not None:
            read_key(pem)
        if pem is None and app_id is not None:
            raise ValueError("is missing: app_id needs the app's private key; name its file with app_key_file")
        if pem is not None and app_id is None and "app_id" in info.data:
            raise ValueError("is of no app; say which with app_id, the number on the app's page")
        return source

    @field_validator("installation_id")
    @classmethod
    def _is_an_apps(cls, installation_id: int | None, info: ValidationInfo) -> int | None:
        if installation_id is not None and info.data.get("app_id", 0) is None:
            raise ValueError("is an app's; add app_id and app_key_file")
        return installation_id

    def identity(self) -> str | None:
        """What tells the credential from others, None without one; raises SecretUnavailable."""
        key = self.app_key.read()
        if self.app_id is not None and key is not None:
            return identity_of(self.app_id, key, self.installation_id)
        token = self.token.read()
        return None if token is None else fingerprint(token)

    def credential(self) -> SecretStr | Renewable | None:
        """What a client asks with; raises SecretUnavailable, and Unauthorized for an app's key that is none."""
        key = self.app_key.read()
        if self.app_id is None or key is None:
            return self.token.read()
        try:
            pem = read_key(key)
        except ValueError as error:
            raise Unauthorized(f"app_key of {self.name} {error}") from error
        app = shared_app(
            self.base_url,
            self.app_id,
            pem,
            installation_id=self.installation_id,
            headers=_HEADERS,
            ca_file=self.ca_file,
        )
        return InstallationCredential(app)

    @field_validator("watch")
    @classmethod
    def _are_repositories(cls, watch: tuple[str, ...]) -> tuple[str, ...]:
        for entry in watch:
            form = _PATTERN if is_pattern(entry) or is_exclusion(entry) else _SCOPE
            if not form.fullmatch(entry) or entry.endswith(("/.", "/..")):
                raise ValueError(
                    f'"{entry}" is no repository; write it like "owner/repo", or "owner/*" for all of an owner'
                )
        return watch


class GitHubCollector(BaseCollector[GitHubSettings]):
    """The builds of one repository, `owner/repo`."""

    kind = "github"
    settings_class = GitHubSettings
    is_serial = True
    words = {"`status`": STATUSES, "`conclusion` once `status` is `completed`": CONCLUSIONS}  # noqa: RUF012

    @classmethod
    def open_client(
        cls,
        settings: GitHubSettings,
        *,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
        limits: Limits | None = None,
    ) -> Client:
        return Client(
            settings.base_url,
            settings.credential(),
            headers=_HEADERS,
            ca_file=settings.ca_file,
            limits=limits,
            on_budget=on_budget,
            before_try=before_try,
        )

    @classmethod
    def discover(cls, settings: GitHubSettings, client: Client, pattern: Pattern) -> Iterator[Found]:  # noqa: ARG003
        return list_repositories(client, pattern)

    def list_recent_builds(self, since: datetime) -> Iterator[Page]:
        seen: set[tuple[str, int]] = set()
        for answer in self._changed_pages("/actions/runs", self._page_params()):
            page = self._parsed(answer)
            fresh = tuple(build for build in page.observations if (build.external_id, build.attempt) not in seen)
            seen.update((build.external_id, build.attempt) for build in fresh)
            yield replace(page, observations=fresh)
            if page.observations and all(build.queued_at < since for build in page.observations):
                return

    def list_active(self) -> Iterator[Page]:
        # These lists come from an index that lags and has lost runs: what they lack says nothing.
        for status in ("queued", "in_progress"):
            answer = self._changed("/actions/runs", self._page_params(_HINTS_A_PAGE) | {"status": status})
            if answer is not None:
                yield self._parsed(answer)

    def sweep(self, place: int, since: datetime) -> tuple[Page, int]:
        # A re-run does not move its run in the list, and the list cannot be asked for what changed. Runs can be run
        # again for 30 days. The first page is in every poll; pages shift meanwhile, which the next round makes good.
        number = max(place, 2)
        params = self._page_params() | {"page": number}
        answer = self._changed("/actions/runs", params)
        if answer is None:
            # "Not modified" comes without links; the page after it was read before if there was one.
            is_over = not self.validators.is_known(self._address("/actions/runs", params | {"page": number + 1}))
            return Page(), 0 if is_over else number + 1
        page = self._parsed(answer)
        is_over = "next" not in answer.links or all(build.queued_at < since for build in page.observations)
        return page, 0 if is_over else number + 1

    def list_builds_between(self, since: datetime, until: datetime, place: str | None = None) -> Iterator[Past]:  # noqa: ARG002 - time says it all
        windows = Windows(
            lambda params: self._get("/actions/runs", params),
            self.client.get_json,
            lambda payload: parse_runs(payload, self._host, default_branch=self.default_branch),
            self.settings.page_size,
        )
        yield from windows.between(since, until)

    def fetch_commits_between(self, base_sha: str, head_sha: str) -> CommitRange:
        return fetch_range(self._get, base_sha, head_sha)

    def fetch_build(self, external_id: str, attempt: int | None = None) -> Observation:
        path = f"/actions/runs/{_number(external_id)}" + (f"/attempts/{attempt}" if attempt else "")
        parsed = parse_run(self._get(path).payload, self._host, default_branch=self.default_branch)
        if isinstance(parsed, Unreadable):
            raise MalformedPayload(f"{self._named(path)}: {parsed.reason}")
        return parsed

    def fetch_jobs(self, external_id: str, attempt: int) -> tuple[ObservedJob, ...]:
        path = f"/actions/runs/{_number(external_id)}/attempts/{attempt}/jobs"
        jobs: dict[str, ObservedJob] = {}
        for answer in self._pages(path, {"per_page": _JOBS_A_PAGE}):
            for row in _list(answer, "jobs")["jobs"]:
                parsed = parse_job(row, self._host)
                if isinstance(parsed, Unreadable):
                    # The list has to be complete to be recorded, and a job without an id cannot be stored.
                    raise MalformedPayload(f"{self._named(path)}: {parsed.reason}")
                jobs[parsed.external_id] = parsed
        return tuple(jobs.values())

    def with_jobs(self, observation: Observation, jobs: tuple[ObservedJob, ...]) -> Observation:
        return with_jobs(observation, jobs)

    @classmethod
    def read(cls, payload: object, url: str | None = None) -> Reading:
        said = url or address_in(payload, ("html_url", "url")) or "https://github.com"
        return parse_any(payload, urlsplit(web_address(said)).hostname or "")

    def fetch_log(self, external_id: str, attempt: int, job_external_id: str | None) -> Iterator[RawLog]:
        if job_external_id is None:
            path = f"/actions/runs/{_number(external_id)}/attempts/{attempt}/logs"
        else:
            path = f"/actions/jobs/{_number(job_external_id)}/logs"
        hosts = self.settings.log_hosts
        yield from download_log(self.client, f"/repos/{self.scope}{path}", job_external_id, hosts)

    def fetch_default_branch(self) -> str | None:
        answer = self._changed("")
        return self.default_branch if answer is None else Fields(answer.payload).text("default_branch")

    def check(self) -> Check:
        try:
            repository = self._get("")
            runs = self._get("/actions/runs", {"per_page": 1, "exclude_pull_requests": "true"})
        except ProviderError as error:
            return Check(is_ok=False, words=(str(error),))
        return Check(is_ok=True, words=(*_about_repository(repository, runs), self._about_token(repository)))

    def _about_token(self, answer: Answer) -> str:
        budget, scopes = answer.budget, answer.headers.get("x-oauth-scopes")
        left = "" if budget is None else f"; {budget.remaining} of {budget.limit} requests left"
        if self.settings.app_id is not None:
            return f"the GitHub App {self.settings.app_id} is accepted{left}"
        if self.settings.token == SecretSource():
            return f"no token is used, so only public repositories can be read{left}"
        return f"the token is accepted{f', with the scopes {scopes}' if scopes else ''}{left}"

    @property
    def _host(self) -> str:
        return urlsplit(self.settings.web_url).hostname or ""

    def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        return self.client.get_json(f"/repos/{self.scope}{path}", params)

    def _changed(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer | None:
        """The answer, or None when it is the one that was recorded last: that costs nothing of the primary limit."""
        address = self._address(path, params)
        answer = self.client.get_json(f"/repos/{self.scope}{path}", params, self.validators.headers(address))
        if answer.status == 304:
            self.validators.unchanged()
            return None
        self.validators.saw(address, answer.headers.get("etag"))
        return answer

    def _address(self, path: str, params: Mapping[str, str | int] | None = None) -> str:
        """What names a question whose answer can be recorded as known."""
        return f"{self.settings.base_url}/repos/{self.scope}{path}?{urlencode(sorted((params or {}).items()))}"

    def _page_params(self, size: int | None = None) -> dict[str, str | int]:
        return {"per_page": size or self.settings.page_size, "exclude_pull_requests": "true"}

    def _parsed(self, answer: Answer) -> Page:
        return parse_runs(_list(answer, "workflow_runs"), self._host, default_branch=self.default_branch)

    def _named(self, path: str) -> str:
        return f"{self.settings.name}: /repos/{self.scope}{path}"

    def _changed_pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Answer]:
        """Every page of a list, or none when its first page is the one that was recorded last."""
        first = self._changed(path, params)
        if first is not None:
            yield from self._from(first, path)

    def _pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Answer]:
        """Every page of a list."""
        yield from self._from(self._get(path, params), path)

    def _from(self, answer: Answer, path: str) -> Iterator[Answer]:
        """A page and all that follow it by their `Link` header; the client refuses a link that leaves the origin.

        Real links carry numeric ids (`/repositories/348674220/actions/runs?page=2`), so only the origin is compared.
        """
        yield answer
        asked: set[str] = set()
        while (following := answer.links.get("next")) is not None and len(asked) + 1 < self.settings.max_pages:
            if following in asked:
                raise MalformedPayload(f"{self._named(path)}: the link to the next page leads in a circle")
            asked.add(following)
            try:
                answer = self.client.get_json(following)
            except Unprocessable as error:  # beyond about 40,000 rows, whatever max_pages allows
                raise TooManyPages(f"{error}; the others are collected as a backfill") from error
            yield answer
        if following is None:
            return
        raise TooManyPages(
            f"{self._named(path)}: more than {self.settings.max_pages} pages; raise max_pages or page_size of "
            f"{self.settings.name}; the others are collected as a backfill"
        )


def web_address(base_url: str) -> str:
    """Where people see what an API address serves: `api.github.com` is `github.com`, `HOST/api/v3` is `HOST`."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"


def _list(answer: Answer, key: str) -> dict[str, list[object]]:
    """The list in an answer. One without it is no empty list: absence of data must never look like zero builds."""
    rows = answer.payload.get(key) if isinstance(answer.payload, dict) else None
    if not isinstance(rows, list):
        raise MalformedPayload(f"GitHub's answer holds no list of {key}; is base_url the API's address?")
    return {key: rows}


def _number(external_id: str) -> str:
    if not (external_id.isascii() and external_id.isdigit()):
        raise MalformedPayload(f"\"{external_id[:40]}\" is no id of GitHub; a run's or a job's id is a number")
    return external_id


def _about_repository(repository: Answer, runs: Answer) -> tuple[str, ...]:
    fields = Fields(repository.payload)
    is_private = isinstance(repository.payload, dict) and repository.payload.get("private") is True
    name, branch = fields.text("full_name") or "the repository", fields.text("default_branch") or "unknown"
    count = Fields(runs.payload).whole("total_count")
    kind = "private" if is_private else "public"
    return (f"{name} is {kind}, its default branch is {branch}", f"{count or 'no'} workflow runs can be read")

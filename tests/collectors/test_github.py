"""The GitHub collector: lists walked page by page, builds and jobs fetched, from a server on loopback."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collectors import COLLECTORS
from collectors.base import TooManyPages
from collectors.github import GitHubCollector, GitHubSettings, web_address
from shared.config.settings import load
from shared.errors import ConfigError, MalformedPayload, NotFound
from shared.http.client import Client, Limits
from shared.observation import Page
from tests.collectors.github_rows import Row, a_job, a_run, at
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply


class Repository:
    """acme/web as GitHub serves it: runs newest first, numeric links, jobs; `shift` runs appear after each page."""

    def __init__(self, runs: Iterable[Row], jobs: Iterable[Row] = (), shift: int = 0) -> None:
        self.runs = list(runs)
        self.jobs = list(jobs)
        self.shift = shift

    def __call__(self, heard: Heard) -> bytes:
        url = urlsplit(heard.target)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.endswith(("/acme/web", "/repositories/1")):
            return reply({"id": 1, "full_name": "acme/web", "default_branch": "trunk", "private": True})
        if url.path.endswith("/actions/runs"):
            return self._page(heard, "workflow_runs", self.runs, asked)
        if url.path.endswith("/jobs"):
            return self._page(heard, "jobs", self.jobs, asked)
        if "/actions/runs/100" in url.path:
            return reply(self.runs[-1])
        return reply({"message": "Not Found"}, 404)

    def _page(self, heard: Heard, key: str, rows: list[Row], asked: dict[str, str]) -> bytes:
        size, page = int(asked["per_page"]), int(asked.get("page", 1))
        shown = rows[(page - 1) * size : page * size]
        link = f"http://{heard.headers['host']}/repositories/1/actions/{'runs' if key == 'workflow_runs' else 'x/jobs'}"
        told = {"Link": f'<{link}?per_page={size}&page={page + 1}>; rel="next"'} if len(rows) > page * size else {}
        newest = rows[0]["id"] if rows else 0
        for number in range(self.shift):
            rows.insert(0, a_run(id=newest + 1 + number))
        return reply({"total_count": len(rows), key: shown}, headers=told)


def a_collector(server: Loopback, client: Client, **settings: Any) -> GitHubCollector:
    made = GitHubSettings(
        kind="github", name="github.com", base_url=server.url, web_url="https://github.com", **settings
    )
    return GitHubCollector(made, "acme/web", client, default_branch="main")


def open_client(server: Loopback) -> Client:
    settings = GitHubSettings(kind="github", name="github.com", base_url=server.url)
    return GitHubCollector.open_client(settings, limits=Limits(pause_seconds=0.001, read_seconds=2, total_seconds=4))


def runs_back_to(days: int) -> list[Row]:
    """A run a day, the newest first, `id` counting down to 100."""
    return [a_run(id=100 + days - day, created_at=at(NOON - timedelta(days=day))) for day in range(days + 1)]


def test_recent_builds_are_paged_newest_first_until_a_page_is_wholly_older() -> None:
    with Loopback(Repository(runs_back_to(30))) as server, open_client(server) as client:
        collector = a_collector(server, client, page_size=4)
        pages = list(collector.list_recent_builds(NOON - timedelta(days=5)))

    assert [len(page.observations) for page in pages] == [4, 4, 4]
    assert {build.default_branch for page in pages for build in page.observations} == {"main"}
    first, second = server.heard[0], server.heard[1]
    assert first.target == "/repos/acme/web/actions/runs?per_page=4&exclude_pull_requests=true"
    assert first.headers["x-github-api-version"] == "2022-11-28"
    assert first.headers["accept"] == "application/vnd.github+json"
    assert second.target == "/repositories/1/actions/runs?per_page=4&page=2"


def test_builds_that_arrive_while_paging_make_none_come_twice_or_get_lost() -> None:
    with Loopback(Repository(runs_back_to(9), shift=2)) as server, open_client(server) as client:
        pages = list(a_collector(server, client, page_size=4).list_recent_builds(NOON - timedelta(days=400)))

    ids = [int(build.external_id) for page in pages for build in page.observations]
    assert len(ids) == len(set(ids))
    assert set(range(100, 110)) <= set(ids)


def test_a_page_is_given_out_before_the_next_is_asked_for() -> None:
    with Loopback(Repository(runs_back_to(9))) as server, open_client(server) as client:
        next(a_collector(server, client, page_size=2).list_recent_builds(NOON - timedelta(days=400)))

        assert len(server.heard) == 1


def test_a_next_link_in_circles_is_noticed() -> None:
    def circle(heard: Heard) -> bytes:
        link = f'<http://{heard.headers["host"]}/repositories/1/actions/runs?page=2>; rel="next"'
        return reply({"workflow_runs": [a_run()]}, headers={"Link": link})

    with Loopback(circle) as server, open_client(server) as client, pytest.raises(MalformedPayload, match="circle"):
        list(a_collector(server, client).list_recent_builds(NOON - timedelta(days=1)))


def test_a_next_link_to_another_host_is_refused() -> None:
    link = {"Link": '<https://evil.example/repositories/1/actions/runs?page=2>; rel="next"'}
    with (
        Loopback(lambda _: reply({"workflow_runs": [a_run()]}, headers=link)) as server,
        open_client(server) as client,
        pytest.raises(MalformedPayload, match=r"another address \(https://evil.example\)"),
    ):
        list(a_collector(server, client).list_recent_builds(NOON - timedelta(days=1)))


def test_a_list_longer_than_a_poll_may_read_says_so_after_its_last_page() -> None:
    pages: list[Page] = []
    with Loopback(Repository(runs_back_to(9))) as server, open_client(server) as client:
        collector = a_collector(server, client, page_size=2, max_pages=3)
        with pytest.raises(TooManyPages, match="raise max_pages"):
            pages.extend(collector.list_recent_builds(NOON - timedelta(days=400)))

    assert len(server.heard) == 3
    assert len(pages) == 3


@pytest.mark.parametrize("body", [{}, {"workflow_runs": None}, {"message": "hello"}])
def test_an_answer_without_the_list_is_not_zero_builds(body: object) -> None:
    with (
        Loopback(lambda _: reply(body)) as server,
        open_client(server) as client,
        pytest.raises(MalformedPayload, match="no list of workflow_runs"),
    ):
        list(a_collector(server, client).list_recent_builds(NOON))


def test_an_empty_repository_is_an_empty_page() -> None:
    with Loopback(Repository([])) as server, open_client(server) as client:
        pages = list(a_collector(server, client).list_recent_builds(NOON))

    assert [page.observations for page in pages] == [()]


def test_a_build_is_fetched_by_id_and_attempt() -> None:
    with Loopback(Repository([a_run(run_attempt=2)])) as server, open_client(server) as client:
        collector = a_collector(server, client)
        latest, named = collector.fetch_build("100"), collector.fetch_build("100", attempt=2)
        with pytest.raises(NotFound):
            collector.fetch_build("999")
        with pytest.raises(MalformedPayload, match="no id of GitHub"):
            collector.fetch_build("../../user")

    assert (latest.attempt, named.attempt) == (2, 2)
    paths = [heard.target for heard in server.heard]
    assert paths[:2] == ["/repos/acme/web/actions/runs/100", "/repos/acme/web/actions/runs/100/attempts/2"]
    assert len(paths) == 3


def test_a_build_that_makes_no_sense_is_malformed() -> None:
    with (
        Loopback(lambda _: reply({"id": 100})) as server,
        open_client(server) as client,
        pytest.raises(MalformedPayload, match="without a usable workflow_id"),
    ):
        a_collector(server, client).fetch_build("100")


def test_all_jobs_of_an_attempt_are_fetched() -> None:
    jobs = [a_job(id=number) for number in range(1, 251)]
    with Loopback(Repository([], jobs)) as server, open_client(server) as client:
        fetched = a_collector(server, client).fetch_jobs("100", 2)

    assert [job.external_id for job in fetched] == [str(number) for number in range(1, 251)]
    assert server.heard[0].target == "/repos/acme/web/actions/runs/100/attempts/2/jobs?per_page=100"


def test_jobs_with_one_unreadable_are_no_complete_list() -> None:
    with (
        Loopback(Repository([], [a_job(), a_job(id=None)])) as server,
        open_client(server) as client,
        pytest.raises(MalformedPayload, match="a job without a usable id"),
    ):
        a_collector(server, client).fetch_jobs("100", 1)


def test_a_check_tells_what_it_found() -> None:
    with Loopback(Repository([a_run()])) as server, open_client(server) as client:
        collector = a_collector(server, client)
        check, branch = collector.check(), collector.fetch_default_branch()

    assert check.is_ok
    assert check.words[:2] == (
        "acme/web is private, its default branch is trunk",
        "1 workflow runs can be read",
    )
    assert "no token is used" in check.words[2]
    assert branch == "trunk"


def test_a_check_that_fails_says_what_is_missing() -> None:
    def no_actions(heard: Heard) -> bytes:
        if heard.target.endswith("/acme/web"):
            return reply({"full_name": "acme/web", "default_branch": "main", "private": False})
        needs = {"X-Accepted-GitHub-Permissions": "actions=read"}
        return reply({"message": "Resource not accessible by personal access token"}, 403, needs)

    with Loopback(no_actions) as server, open_client(server) as client:
        check = a_collector(server, client).check()

    assert not check.is_ok
    assert "403" in check.words[0]


def test_the_token_is_read_anew_for_every_client(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    settings = tmp_path / "config.toml"
    with Loopback(Repository([])) as server:
        secret.write_text("first-token\n")
        settings.write_text(
            f'[[providers]]\nkind = "github"\nname = "gh"\nbase_url = "{server.url}"\ntoken_file = "{secret}"\n'
        )
        (github,) = load(settings, providers={"github": COLLECTORS["github"].settings_class}, environ={}).providers
        for token in ("first-token", "second-token"):
            secret.write_text(token)
            with COLLECTORS["github"].open_client(github) as client:
                client.get_json("/acme/web")

    assert [heard.headers["authorization"] for heard in server.heard] == ["Bearer first-token", "Bearer second-token"]


@pytest.mark.parametrize("scope", ["acme", "acme/web/x", "acme/..", "a b/c", "../x", "https://github.com/acme/web"])
def test_a_scope_that_is_no_repository_is_a_mistake_in_words(tmp_path: Path, scope: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[[providers]]\nkind = "github"\nname = "gh"\nwatch = {json.dumps([scope])}\n')

    with pytest.raises(ConfigError, match="owner/repo"):
        load(file, providers={"github": GitHubSettings}, environ={})


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://ghe.acme.com/api/v3", "https://ghe.acme.com"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
    ],
)
def test_people_see_builds_where_the_api_belongs(api: str, web: str) -> None:
    assert web_address(api) == web
    assert GitHubSettings(kind="github", name="gh", base_url=api).web_url == web

"""group/web of a GitLab on loopback, and the collector that reads it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from collectors.gitlab import GitLabCollector, GitLabSettings
from shared.http.client import Client, Limits
from shared.observation import Page
from shared.secret import SecretSource
from tests.collectors.gitlab_rows import Row, a_pipeline, at
from tests.factories import NOON, minutes
from tests.loopback import Heard, Loopback, reply

QUICK = Limits(pause_seconds=0.001, read_seconds=2, total_seconds=4)
PROJECT = {"id": 3, "path_with_namespace": "group/web", "default_branch": "trunk", "visibility": "private",
           "builds_access_level": "enabled"}  # fmt: skip


class Server:
    """group/web as GitLab serves it: `pipelines` with their jobs and bridges; `edits` happen before an answer."""

    def __init__(self, *pipelines: Row, jobs: Sequence[Row] = (), bridges: Mapping[int, Sequence[Row]] | None = None):
        self.pipelines = list(pipelines)
        self.jobs = list(jobs)
        self.bridges = bridges or {}
        self.before: Callable[[str], None] = lambda _path: None
        self.shows_totals = True
        self.knows_source = True
        self.own_address: str | None = None
        self.refusal: dict[str, bytes] = {}

    def __call__(self, heard: Heard) -> bytes:
        url = urlsplit(heard.target)
        path = unquote(url.path).removeprefix("/api/v4/projects/group/web").removeprefix("/api/v4/projects/group/other")
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.before(path)
        for part, answer in self.refusal.items():
            if part in path:
                return answer
        if path == "":
            return reply(PROJECT)
        if path == "/pipelines":
            return self._page(heard, url.path, self._listed(asked), asked)
        _, _, number, *rest = path.split("/")
        found = next((row for row in self.pipelines if str(row["id"]) == number), None)
        if found is None:
            return reply({"message": "404 Not found"}, 404)
        if not rest:
            return reply(found)
        rows = self.jobs if rest == ["jobs"] else self.bridges.get(int(number), [])
        return self._page(heard, url.path, [row for row in rows if rest != ["jobs"] or _is_of(row, number)], asked)

    def _listed(self, asked: dict[str, str]) -> list[Row]:
        is_child = asked.get("source") == "parent_pipeline"
        rows = [
            row for row in self.pipelines if (row["source"] == "parent_pipeline") is is_child or not self.knows_source
        ]
        assert (asked["order_by"], asked["sort"]) == ("updated_at", "asc")
        after = datetime.fromisoformat(asked["updated_after"])
        rows = [row for row in rows if row["updated_at"] and datetime.fromisoformat(row["updated_at"]) >= after]
        return sorted(rows, key=lambda row: (row["updated_at"], row["id"]))

    def _page(self, heard: Heard, path: str, rows: list[Row], asked: dict[str, str]) -> bytes:
        size, page = int(asked["per_page"]), int(asked.get("page", 1))
        query = "&".join(f"{key}={value}" for key, value in asked.items() if key != "page").replace("+", "%2B")
        address = self.own_address or f"http://{heard.headers['host']}"
        link = f'<{address}{path}?{query}&page={page + 1}>; rel="next"'
        told = {"Link": link} if len(rows) > page * size else {}
        totals = {"X-Total": "1", "X-Total-Pages": "1"} if self.shows_totals else {}
        return reply(rows[(page - 1) * size : page * size], headers=told | totals)


def _is_of(row: Row, number: str) -> bool:
    return str(row["pipeline"]["id"]) == number


def settings(url: str, **more: Any) -> GitLabSettings:
    token = SecretSource(env="TOKEN", environ={"TOKEN": "glpat-1"})
    given = {"web_url": "https://gitlab.com", "token": token, "watch": ("group/web", "group/other")}
    return GitLabSettings(kind="gitlab", name="gitlab.com", base_url=url, **(given | more))


def collecting(far: Server, server: Loopback, **more: Any) -> tuple[Client, GitLabCollector]:
    held = more.pop("held", lambda _names: {})
    made = settings(server.url, **more)
    client = GitLabCollector.open_client(made, limits=QUICK)
    return client, GitLabCollector(made, "group/web", client, default_branch="trunk", held=held)


AN_HOUR_AGO = NOON - minutes(60)


def listed(far: Server, since: datetime = AN_HOUR_AGO, **more: Any) -> tuple[list[Page], list[Heard]]:
    with Loopback(far) as server:
        client, collector = collecting(far, server, **more)
        with client:
            return list(collector.list_recent_builds(since)), server.heard


def changing(count: int) -> list[Row]:
    """So many pipelines, one changed a second."""
    return [a_pipeline(id=100 + n, updated_at=at(NOON + timedelta(seconds=n))) for n in range(count)]


def paths(heard: Sequence[Heard]) -> list[str]:
    return [unquote(urlsplit(each.target).path).removeprefix("/api/v4/projects/group/web") for each in heard]

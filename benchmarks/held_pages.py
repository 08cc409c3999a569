"""Pages of real size held in memory, read by the real collectors: no wire, no server, only JSON and parsing."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from collectors.base import OVERLAP, BaseCollector
from collectors.github import GitHubCollector, GitHubSettings
from collectors.gitlab import GitLabCollector, GitLabSettings
from collectors.held_builds import BuildName
from collectors.jenkins import JenkinsCollector, JenkinsSettings
from shared.http.body import parse_json
from shared.http.client import Answer, Client
from shared.observation import Observation
from simulator import TOKEN
from simulator.exchange import Request
from simulator.faults import Dialect
from simulator.github.resources import GitHubSettings as FakeGitHubSettings
from simulator.github.service import GitHub
from simulator.gitlab.service import GitLab
from simulator.gitlab.service import GitLabSettings as FakeGitLabSettings
from simulator.gitlab.world import GitLabWorld
from simulator.jenkins.builds import Controller
from simulator.jenkins.estate import Fate, Kind, Plan
from simulator.jenkins.service import USER, Jenkins
from simulator.jenkins.service import JenkinsSettings as FakeJenkinsSettings
from simulator.profiles import make_profile
from simulator.world import World

SEED = 7
HOUR = timedelta(hours=1)
GITHUB, GITLAB, JENKINS = "https://api.github.com", "https://gitlab.com", "https://jenkins.example.com"

_LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')
_BASIC = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
_HEADERS = {
    "github": {"authorization": f"Bearer {TOKEN}", "user-agent": "benchmarks"},
    "gitlab": {"private-token": TOKEN},
    "jenkins": {"authorization": f"Basic {_BASIC}"},
}


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer as it came: the body is not read yet."""

    body: bytes
    links: Mapping[str, str]
    date: datetime


class KeptAnswers(Client):
    """A client whose answers are kept: the first time a simulated provider gives them, afterwards memory does.

    Bodies are kept as bytes and read as JSON each time, as the client on the wire does. Raises RuntimeError for what a
    provider refuses.
    """

    def __init__(self, base_url: str, dialect: Dialect, now: datetime) -> None:
        super().__init__(base_url)
        self._base_url, self._now = base_url, now
        self._dialect: Dialect | None = dialect
        self.kept: dict[str, Kept] = {}

    def leave_provider(self) -> None:
        """Ask no more: only what is kept can be had, and the simulated world's memory is free."""
        self._dialect = None
        self.close()

    def get_json(
        self,
        path_or_url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - nothing is conditional here
        *,
        shape: type[dict[str, object]] | type[list[object]] = dict,  # noqa: ARG002 - the provider is known to be one
    ) -> Answer:
        target = path_or_url.removeprefix(self._base_url) + (f"?{urlencode(params)}" if params else "")
        kept = self.kept.get(target) or self._asked(target)
        return Answer(status=200, headers={}, payload=parse_json(kept.body), date=kept.date, links=kept.links)

    def _asked(self, target: str) -> Kept:
        if self._dialect is None:
            raise RuntimeError(f"nothing was kept of {target}")
        said = self._dialect.answer(Request("GET", target, _HEADERS[self._dialect.name]), self._now)
        if said.status != 200:
            raise RuntimeError(f"{self._dialect.name} answered {said.status} to {target}")
        links = {rel: url for url, rel in _LINK.findall(said.headers.get("Link", ""))}
        self.kept[target] = Kept(said.body, links, self._now)
        return self.kept[target]


class HeldSource:
    """One source of one provider with all of its answers in memory: `builds` in all, `jobs` of all their attempts."""

    def __init__(self, collector: BaseCollector[Any], client: KeptAnswers, since: datetime) -> None:
        self.collector = collector
        self._client, self._since = client, since
        self._told: dict[BuildName, bool] = {}
        collector.held = self._held
        pages = list(self.pages())
        client.leave_provider()
        self.builds = len(self._told)
        self.jobs = sum({(_name(seen), seen.attempt): len(seen.jobs or ()) for page in pages for seen in page}.values())
        self.builds_a_page = self.builds / len(pages)

    def pages(self, rows: int | None = None) -> Iterator[Sequence[Observation]]:
        """Everything the source lists, parsed anew: in the collector's own pages, or in pages of so many rows."""
        if rows is None:
            yield from self._listed()
            return
        told = (seen for page in self._listed() for seen in page)
        while page := list(islice(told, rows)):
            yield page

    def _listed(self) -> Iterator[tuple[Observation, ...]]:
        """List after list, as polls do, until one comes no further."""
        self._told.clear()
        since = self._since
        while True:
            reached = since
            for page in self.collector.list_recent_builds(since):
                self._told |= {_name(seen): seen.is_finished for seen in page.observations}
                reached = page.watermark or reached
                if page.observations:
                    yield page.observations
            if reached - OVERLAP <= since:
                return
            since = reached - OVERLAP

    def _held(self, names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
        """What was told is recorded by now."""
        return {name: self._told[name] for name in names if name in self._told}

    @property
    def kilobytes_a_build(self) -> float:
        """Of JSON, by the answers that are kept; one that is asked for twice counts once."""
        return sum(len(kept.body) for kept in self._client.kept.values()) / self.builds / 1000


def _name(seen: Observation) -> BuildName:
    return seen.pipeline_external_id, seen.external_id


def github(now: datetime, runs: int) -> HeldSource:
    """A repository of `runs` finished runs, 100 a page."""
    world = World(SEED, make_profile("drill", runs=3 * runs, seconds=float(runs)), now - 20 * HOUR)
    dialect = GitHub(world, FakeGitHubSettings({TOKEN: 10**6}), GITHUB, GITHUB)
    client = KeptAnswers(GITHUB, dialect, now)
    settings = GitHubSettings(kind="github", name="github.com", base_url=GITHUB, page_size=100, max_pages=800)
    scope = world.repositories[0].full_name_at(now)
    return HeldSource(GitHubCollector(settings, scope, client), client, now - 24 * HOUR)


def gitlab(now: datetime, pipelines: int) -> HeldSource:
    """A project of about so many finished pipelines; each is a detail, its jobs, its bridges, the detail again."""
    world = GitLabWorld(SEED, make_profile("drill", runs=3 * pipelines, seconds=float(pipelines)), now - 20 * HOUR)
    client = KeptAnswers(GITLAB, GitLab(world, FakeGitLabSettings({TOKEN: 10**6}), GITLAB), now)
    settings = GitLabSettings(kind="gitlab", name="gitlab.com", base_url=GITLAB, max_pages=1000)
    scope = world.projects[0].path_at(now)
    return HeldSource(GitLabCollector(settings, scope, client), client, now - 24 * HOUR)


def jenkins(now: datetime, jobs: int) -> HeldSource:
    """A controller of `jobs` Pipeline jobs with 50 finished builds each, one page a job."""
    fates = {Fate.PASSES: 10, Fate.FAILS: 4, Fate.UNSTABLE: 3, Fate.ABORTED: 2}
    stages = ("Checkout", "Build", "Test")
    plans = [Plan(f"team/service-{number:02}", Kind.PIPELINE, stages, fates) for number in range(jobs)]
    controller = Controller(
        SEED, make_profile("drill", runs=501, seconds=1000), now - 20 * HOUR, plans, {"team": Kind.FOLDER}
    )
    users = {f"{USER}:{TOKEN}": frozenset[str]()}
    client = KeptAnswers(JENKINS, Jenkins(controller, FakeJenkinsSettings(users)), now)
    settings = JenkinsSettings(kind="jenkins", name="jenkins", base_url=JENKINS)
    return HeldSource(JenkinsCollector(settings, "/", client), client, now - 24 * HOUR)

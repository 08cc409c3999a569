"""GitHub's past read window by window from the simulator, whose searches end as GitHub's do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from collectors.base import Past, TooManyPages
from collectors.github import GitHubCollector, GitHubSettings
from collectors.github_payload import parse_runs
from collectors.github_window import Windows
from shared.http.client import Answer, Client
from shared.observation import Page
from shared.secret import SecretSource
from simulator import Simulator
from simulator.github.lists import Caps
from tests.factories import NOON

DAYS = timedelta(days=14)
FILTERED = 12


@dataclass(frozen=True)
class Stand:
    simulator: Simulator
    client: Client

    @property
    def path(self) -> str:
        return f"/repos/{self.simulator.repositories[0]}/actions/runs"

    def windows(self, *, most: int = FILTERED, page_size: int = 5) -> Windows:
        def ask(params: Mapping[str, str | int]) -> Answer:
            return self.client.get_json(self.path, params)

        def parse(payload: object) -> Page:
            return parse_runs(payload, "localhost")

        return Windows(ask, self.client.get_json, parse, page_size, most=most)

    def truth(self, since: datetime, until: datetime) -> set[str]:
        return {
            str(entry["external_id"])
            for entry in self.simulator.ledger()
            if entry["repository"] == self.simulator.repositories[0]
            and since <= datetime.fromisoformat(str(entry["created_at"])) < until
        }


@pytest.fixture
def stand() -> Iterator[Stand]:
    caps = Caps(filtered=FILTERED, unfiltered=40, counted=30)
    with Simulator(seed=7, profile="varied", now=NOON, speed=0, caps=caps) as simulator:
        settings = GitHubSettings(
            kind="github",
            name="github.com",
            base_url=simulator.url,
            token=SecretSource(env="TOKEN", environ={"TOKEN": simulator.token}),
        )
        with GitHubCollector.open_client(settings) as client:
            yield Stand(simulator, client)


def builds(pages: list[Past]) -> list[str]:
    return [build.external_id for past in pages for build in past.page.observations]


def test_everything_is_told_although_a_search_ends_long_before(stand: Stand) -> None:
    pages = list(stand.windows().between(NOON - DAYS, NOON))

    truth = stand.truth(NOON - DAYS, NOON)
    assert len(truth) > 5 * FILTERED
    assert set(builds(pages)) == truth
    assert [row for past in pages for row in past.page.unreadable] == []
    assert pages[-1].reached == NOON - DAYS


def test_whatever_was_reached_nothing_above_it_is_untold(stand: Stand) -> None:
    told: set[str] = set()
    before = NOON

    for past in stand.windows().between(NOON - DAYS, NOON):
        told |= {build.external_id for build in past.page.observations}
        assert stand.truth(past.reached, NOON) <= told
        before = min(before, past.reached)

    assert before == NOON - DAYS


def test_a_walk_that_is_broken_off_at_every_page_still_tells_everything_and_ends(stand: Stand) -> None:
    told: set[str] = set()
    reached, requests = NOON, 0

    while reached > NOON - DAYS:
        past = next(stand.windows().between(NOON - DAYS, reached))
        told |= {build.external_id for build in past.page.observations}
        assert past.reached < reached, "every request has to lead on"
        reached, requests = past.reached, requests + 1

    assert told == stand.truth(NOON - DAYS, NOON)
    assert requests < len(told)


def test_a_second_with_more_than_can_be_told_is_said_and_the_rest_goes_on(stand: Stand) -> None:
    pages = list(stand.windows(most=0, page_size=100).between(NOON - timedelta(hours=4), NOON))

    said = [row for past in pages for row in past.page.unreadable]
    truth = stand.truth(NOON - timedelta(hours=4), NOON)
    assert truth != set()
    assert set(builds(pages)) == truth
    assert len(said) == len(truth)
    assert all(row.kind == "backfill" and "cannot be collected" in row.reason for row in said)


def test_a_search_that_is_refused_as_too_deep_is_halved(stand: Stand) -> None:
    stand.simulator.fault("server_error", path="/actions/runs", status=422, count=3)

    pages = list(stand.windows().between(NOON - DAYS, NOON))

    assert set(builds(pages)) == stand.truth(NOON - DAYS, NOON)


def test_nothing_between_two_equal_instants_is_asked_for(stand: Stand) -> None:
    pages = list(stand.windows().between(NOON, NOON))

    assert [past.reached for past in pages] == [NOON]
    assert stand.simulator.requests("github") == []


def test_an_ordinary_list_that_is_too_deep_tells_what_it_could_and_that_it_was_cut(stand: Stand) -> None:
    settings = GitHubSettings(kind="github", name="github.com", base_url=stand.simulator.url, page_size=15)
    collector = GitHubCollector(settings, stand.simulator.repositories[0], stand.client)
    pages = collector.list_recent_builds(NOON - DAYS)

    told = [build.external_id for page in (next(pages), next(pages)) for build in page.observations]

    assert len(told) == 30
    with pytest.raises(TooManyPages, match="as a backfill"):
        next(pages)

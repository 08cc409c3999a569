"""The GitHub collector against the simulator: it sees what truly happened, and survives what may go wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from collectors.github import GitHubCollector, GitHubSettings
from shared.errors import MalformedPayload, NotFound, ProviderError, RateLimited, Unauthorized, Unavailable
from shared.http.client import Limits
from shared.secret import SecretSource
from simulator import Simulator
from tests.factories import NOON

QUICK = Limits(connect_seconds=2, read_seconds=0.3, total_seconds=0.6, pause_seconds=0.001, largest_body=3_000_000)


@pytest.fixture
def world() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="varied", now=NOON, speed=0) as simulator:
        yield simulator


@pytest.fixture
def collector(world: Simulator) -> Iterator[GitHubCollector]:
    token = SecretSource(env="TOKEN", environ={"TOKEN": world.token})
    settings = GitHubSettings(kind="github", name="github.com", base_url=world.url, token=token)
    with GitHubCollector.open_client(settings, limits=QUICK) as client:
        yield GitHubCollector(settings, world.repositories[0], client)


def true_attempts(world: Simulator, collector: GitHubCollector, since: datetime) -> set[tuple[object, ...]]:
    """The latest attempt of every run of the watched repository created since, as the ledger has it."""
    latest = {}
    for entry in world.ledger():
        if entry["repository"] == collector.scope and datetime.fromisoformat(str(entry["created_at"])) >= since:
            latest[entry["external_id"]] = entry
    return {(run, entry["attempt"], entry["status"], entry["pipeline"]) for run, entry in latest.items()}


def test_what_is_listed_is_what_truly_happened(world: Simulator, collector: GitHubCollector) -> None:
    since = NOON - timedelta(days=3)

    listed = [build for page in collector.list_recent_builds(since) for build in page.observations]

    truth = true_attempts(world, collector, since)
    assert len(truth) > 20
    assert truth == {
        (build.external_id, build.attempt, build.status, build.pipeline_external_id)
        for build in listed
        if build.queued_at >= since
    }
    assert [build.problems for build in listed if build.problems] == []
    assert all(build.web_url is not None and build.author for build in listed)


def test_every_finished_build_is_completed_by_its_jobs(world: Simulator, collector: GitHubCollector) -> None:
    pages = collector.list_recent_builds(NOON - timedelta(days=1))
    finished = [build for build in next(pages).observations if build.is_finished][:10]

    whole = [collector.with_jobs(build, collector.fetch_jobs(build.external_id, build.attempt)) for build in finished]

    assert len(whole) == 10
    for build, listed in zip(whole, finished, strict=True):
        assert build.jobs is not None
        assert build.finished_at is not None
        assert listed.finished_at is not None
        assert build.finished_at <= listed.finished_at
        assert build.problems == ()


@pytest.mark.parametrize(
    ("fault", "settings", "error"),
    [
        ("too_many_requests", {}, RateLimited),
        ("too_many_requests", {"retry_after": "date"}, RateLimited),
        ("too_many_requests", {"retry_after": "none"}, RateLimited),
        ("secondary_limit", {}, RateLimited),
        ("secondary_limit", {"retry_after": "none"}, RateLimited),
        ("secondary_limit", {"retry_after": "limited_by"}, RateLimited),
        ("primary_limit", {}, RateLimited),
        ("server_error", {"status": 502}, Unavailable),
        ("unauthorized", {}, Unauthorized),
        ("forbidden", {}, Unauthorized),
        ("not_found", {}, NotFound),
        ("html", {}, MalformedPayload),
        ("truncated", {}, Unavailable),
        ("truncated", {"is_length_hidden": True}, MalformedPayload),
        ("drip", {}, Unavailable),
        ("silent", {}, Unavailable),
        ("reset", {}, Unavailable),
        ("reset_after", {}, Unavailable),
        ("oversized", {}, MalformedPayload),
        ("gzip_bomb", {}, MalformedPayload),
        ("redirect_elsewhere", {"status": 301}, MalformedPayload),
        ("redirect_elsewhere", {"status": 307}, MalformedPayload),
        ("redirect_loop", {"status": 302}, MalformedPayload),
        ("looping_next", {}, MalformedPayload),
    ],
)
def test_a_fault_is_told_and_the_next_poll_is_whole_again(
    world: Simulator, collector: GitHubCollector, fault: str, settings: dict[str, object], error: type[ProviderError]
) -> None:
    world.fault(fault, path="/actions/runs", **settings)

    with pytest.raises(error):
        list(collector.list_recent_builds(NOON - timedelta(days=1)))
    world.faults.clear()

    assert next(collector.list_recent_builds(NOON - timedelta(days=1))).observations
    assert world.requests("elsewhere") == []


def test_a_rate_limit_is_not_asked_into(world: Simulator, collector: GitHubCollector) -> None:
    world.fault("secondary_limit", path="/actions/runs", seconds=90)

    with pytest.raises(RateLimited):
        list(collector.list_recent_builds(NOON))

    assert len(world.requests("github")) == 1


UNREADABLE = {
    "missing_id": "id",
    "text_id": "id",
    "huge_number": "id",
    "null_repository": "repository.id",
    "nan": "run_attempt",
}
READ_AROUND = {"nul", "surrogate", "megabyte_name", "list_name", "backwards", "year_1", "year_99999", "no_zone"}


@pytest.mark.parametrize("variant", sorted(UNREADABLE.keys() | READ_AROUND))
def test_an_impossible_row_costs_at_most_itself(world: Simulator, collector: GitHubCollector, variant: str) -> None:
    sound = next(collector.list_recent_builds(NOON))
    world.fault("impossible_row", path="/actions/runs", variant=variant, row=1)

    page = next(collector.list_recent_builds(NOON))

    others = [build for number, build in enumerate(sound.observations) if number != 1]
    assert [build for build in page.observations if build in others] == others
    if variant in UNREADABLE:
        assert UNREADABLE[variant] in page.unreadable[0].reason
    else:
        spoiled = page.observations[1]
        assert spoiled.external_id == sound.observations[1].external_id
        assert "\0" not in spoiled.pipeline_name + (spoiled.branch or "")
        assert len(spoiled.pipeline_name.encode()) <= 4 * 255
        assert spoiled.duration_seconds is None or spoiled.duration_seconds >= 0


def test_unknown_words_are_unknown_and_said(world: Simulator, collector: GitHubCollector) -> None:
    world.fault("unknown_words", path="/actions/runs")

    page = next(collector.list_recent_builds(NOON))

    strange = [build for build in page.observations if build.status == "unknown"]
    assert strange
    assert all("unknown" in build.problems[0] for build in strange)


def test_a_check_finds_the_token_the_repository_and_the_budget(collector: GitHubCollector) -> None:
    check = collector.check()

    assert check.is_ok
    assert collector.scope in check.words[0]
    assert "the token is accepted" in check.words[2]
    assert "requests left" in check.words[2]

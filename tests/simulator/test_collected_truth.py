"""The real collector, reading the fake over HTTP, finds exactly what the ledger says: neither can be wrong alone."""

from datetime import UTC, datetime

import pytest

from collectors.github import GitHubCollector, GitHubSettings
from shared.observation import Observation
from shared.secret import SecretSource
from simulator import TOKEN, Simulator
from tests.simulator.conftest import NOON

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def collected(settings: GitHubSettings, scope: str) -> list[Observation]:
    """Every attempt of every run of a repository, with its jobs."""
    with GitHubCollector.open_client(settings) as client:
        collector = GitHubCollector(settings, scope, client)
        return [
            collector.with_jobs(each, collector.fetch_jobs(each.external_id, each.attempt))
            for page in collector.list_recent_builds(LONG_AGO)
            for latest in page.observations
            for each in [*(collector.fetch_build(latest.external_id, n) for n in range(1, latest.attempt)), latest]
        ]


@pytest.mark.parametrize("seconds", [8, 300])
def test_the_collector_sees_the_truth_half_way_and_at_the_end(seconds: int) -> None:
    with Simulator(profile="drill", runs=60, seconds=10, now=NOON, speed=0) as simulator:
        simulator.clock.advance(seconds)
        settings = GitHubSettings(
            kind="github",
            name="simulator",
            base_url=simulator.url,
            watch=simulator.repositories,
            token=SecretSource(env="TOKEN", environ={"TOKEN": TOKEN}),
        )

        seen = [each for scope in simulator.repositories for each in collected(settings, scope)]

        truth = simulator.ledger()
    assert sorted(map(told, seen)) == sorted(map(true, truth))
    assert len(seen) > 40


def told(seen: Observation) -> tuple[object, ...]:
    jobs = [(job.external_id, str(job.status)) for job in seen.jobs or ()]
    finished_at = seen.finished_at.isoformat() if seen.finished_at and seen.is_finished else None
    return (
        seen.external_id,
        seen.attempt,
        seen.pipeline_external_id,
        str(seen.status),
        seen.is_finished,
        seen.branch,
        str(finished_at),
        jobs,
    )


def true(entry: dict[str, object]) -> tuple[object, ...]:
    stored = entry["jobs"]
    assert isinstance(stored, list)
    return (
        entry["external_id"],
        entry["attempt"],
        entry["pipeline"],
        entry["status"],
        entry["is_finished"],
        entry["branch"],
        str(entry["finished_at"] if entry["is_finished"] else None),
        [(job["external_id"], job["status"]) for job in stored],
    )

"""Commit ranges from the simulator to the tables: asked for once where a branch broke, whole, by every provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors.comparison import compare_broken
from collectors.github import GitHubCollector, GitHubSettings
from collectors.github_range import read_range
from collectors.gitlab import GitLabCollector, GitLabSettings
from collectors.held_source import HeldSource
from shared.clock import utc_now
from shared.errors import NotFound
from shared.ranges import commits_between
from shared.secret import SecretSource
from simulator import Simulator
from simulator.lineage import between, lineage
from tests.collectors.watching import Watching
from tests.factories import NOON


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="varied", now=utc_now(), speed=0) as simulator:
        yield simulator


def true_range(simulator: Simulator, base: str, head: str) -> set[str]:
    """The commits between two by the simulated world itself."""
    world, now = simulator.world, simulator.clock.now()
    repository = world.repositories[0]
    runs = [world.run_in(repository, slot) for slot in reversed(world.slots(repository, now))]
    branch = next(run.branch for run in runs if run.commit.sha == head)
    links = between(lineage(run.commit for run in runs if run.branch == branch), base, head)
    assert links is not None
    return {link.commit.sha for link in links}


def test_where_a_branch_broke_the_commits_in_between_are_known(
    database: Engine, simulator: Simulator, tmp_path: Path
) -> None:
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")

    for _ in range(12):
        watching.turn()

    compared = watching.rows("SELECT base_sha, head_sha, is_complete, reason FROM compared")
    asked = [request.target for request in simulator.requests("github") if "/compare/" in request.target]
    assert compared != []
    assert len(asked) == len(compared), "each is asked for once"
    with Session(database) as session:
        repository = watching.rows("SELECT id FROM repositories")[0]["id"]
        for row in compared:
            told = commits_between(session, repository, row["base_sha"], row["head_sha"])
            assert told.is_complete
            assert {commit["sha"] for commit in told.commits} == true_range(simulator, row["base_sha"], row["head_sha"])
            assert all(commit["author"] and commit["message"] and commit["committed_at"] for commit in told.commits)


def test_a_credential_that_may_not_read_commits_is_asked_once_a_range_and_slows_nothing_down(
    database: Engine, simulator: Simulator, tmp_path: Path
) -> None:
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
    simulator.fault("forbidden", path="/compare/")

    for _ in range(12):
        watching.turn()
        assert watching.source()["interval_seconds"] < 300
        due = "SELECT extract(epoch FROM next_poll_at - clock_timestamp())::float8 AS seconds FROM sources"
        assert watching.rows(due)[0]["seconds"] < 300

    compared = watching.rows("SELECT is_complete, reason FROM compared")
    assert compared != []
    assert all(row["reason"] and not row["is_complete"] for row in compared)
    assert len([request for request in simulator.requests("github") if "/compare/" in request.target]) == len(compared)


def test_a_comparison_that_fails_just_now_is_counted_and_ends_no_poll(
    database: Engine, simulator: Simulator, tmp_path: Path
) -> None:
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
    watching.turn()
    simulator.fault("server_error", path="/compare/", status=500)
    watching.make_due()
    [claim] = watching.claim()
    held = HeldSource(database, claim, ())

    with GitHubCollector.open_client(watching.provider) as client:
        collector = GitHubCollector(watching.provider, claim.scope, client)
        compare_broken(database, held, claim.source_id, collector, lambda: 10)

    assert watching.rows("SELECT kind FROM collector_errors WHERE example LIKE '%/compare/%'") != []
    assert watching.rows("SELECT FROM compared") == []


def test_github_and_gitlab_tell_the_same_kind_of_range() -> None:
    with Simulator(seed=7, profile="varied", now=NOON, speed=0) as simulator:
        token = SecretSource(env="TOKEN", environ={"TOKEN": simulator.token})
        github = GitHubSettings(kind="github", name="github.com", base_url=simulator.url, token=token)
        gitlab = GitLabSettings(kind="gitlab", name="gitlab.com", base_url=simulator.gitlab_url, token=token)
        project = simulator.gitlab.world.projects[0]
        pipelines = sorted(simulator.gitlab.world.pipelines(project, NOON), key=lambda each: each.id)
        built = [each.commit.sha for each in pipelines if each.ref == "main"][-20:]
        with GitLabCollector.open_client(gitlab) as client:
            told = GitLabCollector(gitlab, project.path_at(NOON), client).fetch_commits_between(built[0], built[-1])

        assert told.is_complete
        assert {commit.sha for commit in told.commits} > {*built} - {built[0]}
        assert all(len(commit.parents) == 1 for commit in told.commits)
        with GitHubCollector.open_client(github) as client, pytest.raises(NotFound):
            GitHubCollector(github, simulator.repositories[0], client).fetch_commits_between("0" * 40, "1" * 40)


def test_a_range_that_is_longer_than_it_was_collected_says_so() -> None:
    told = read_range({"total_commits": 3, "commits": []}, ())

    assert (told.is_complete, told.reason) == (False, "0 of 3 commits were collected")

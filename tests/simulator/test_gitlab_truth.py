"""The real collector, reading the fake over HTTP, finds exactly what the ledger says: neither can be wrong alone."""

from datetime import UTC, datetime

import pytest

from collectors.gitlab import GitLabCollector, GitLabSettings
from shared.observation import Observation
from shared.secret import SecretSource
from simulator import TOKEN, Simulator
from tests.simulator.conftest import NOON

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def settings(simulator: Simulator) -> GitLabSettings:
    return GitLabSettings(
        kind="gitlab",
        name="simulator",
        base_url=simulator.gitlab_url,
        watch=simulator.gitlab_projects,
        token=SecretSource(env="TOKEN", environ={"TOKEN": TOKEN}),
        page_size=7,
    )


def collected(simulator: Simulator) -> list[Observation]:
    made = settings(simulator)
    with GitLabCollector.open_client(made) as client:
        pages = [
            page
            for scope in simulator.gitlab_projects
            for page in GitLabCollector(made, scope, client).list_recent_builds(LONG_AGO)
        ]
    assert [row for page in pages for row in page.unreadable] == []
    return [build for page in pages for build in page.observations]


@pytest.mark.parametrize("after_seconds", [8, 20, 300])
def test_the_collector_sees_the_truth_half_way_and_at_the_end(after_seconds: int) -> None:
    with Simulator(profile="drill", runs=75, seconds=10, now=NOON, speed=0) as simulator:
        simulator.clock.advance(after_seconds)

        seen = collected(simulator)

        truth = simulator.ledger(provider="gitlab")
    assert sorted(map(told, seen)) == sorted(map(true, truth))
    assert len(seen) > 40


def instant(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="milliseconds")


def told(seen: Observation) -> tuple[object, ...]:
    return (
        seen.external_id,
        seen.attempt,
        seen.pipeline_external_id,
        str(seen.status),
        seen.is_finished,
        seen.branch,
        "" if seen.status == "skipped" else instant(seen.finished_at),
        sorted((job.external_id, str(job.status), instant(job.started_at)) for job in seen.jobs or ()),
        list(seen.problems),
    )


def true(entry: dict[str, object]) -> tuple[object, ...]:
    stored = entry["jobs"]
    assert isinstance(stored, list)
    bridges_and_jobs = sorted((job["external_id"], job["status"], at(job["started_at"])) for job in stored)
    return (
        entry["external_id"],
        entry["attempt"],
        entry["pipeline"],
        entry["status"],
        entry["is_finished"],
        entry["branch"],
        at(entry["finished_at"]),
        bridges_and_jobs,
        [],
    )


def at(text: object) -> str:
    return "" if text is None else instant(datetime.fromisoformat(str(text)))


@pytest.mark.parametrize(
    ("variant", "is_readable"),
    [
        ("nul", True),
        ("missing_id", False),
        ("text_id", False),
        ("huge_number", False),
        ("year_99999", True),
        ("year_1", True),
        ("no_zone", True),
        ("null_dates", True),
        ("backwards", True),
        ("list_name", True),
        ("megabyte_name", True),
        ("surrogate", True),
    ],
)
def test_one_impossible_row_of_the_list_leaves_the_others_as_they_are(variant: str, is_readable: bool) -> None:
    with Simulator(profile="drill", runs=30, seconds=10, now=NOON, speed=0) as simulator:
        simulator.clock.advance(300)
        sound = collected_once(simulator)
        simulator.fault("impossible_row", site="gitlab", path=r"/pipelines\?", variant=variant, count=1, row=1)

        builds, unreadable = collected_once(simulator)

    # The row is only read for its id and its last change, so whatever else is wrong with it does not matter.
    assert unreadable == (0 if is_readable else 1)
    assert len(sound[0]) - len(builds) <= (0 if is_readable else 2)
    assert all(build in sound[0] for build in builds)


def collected_once(simulator: Simulator) -> tuple[list[Observation], int]:
    made = settings(simulator).model_copy(update={"page_size": 100})
    with GitLabCollector.open_client(made) as client:
        collector = GitLabCollector(made, simulator.gitlab_projects[0], client)
        pages = list(collector.list_recent_builds(LONG_AGO))
    return [build for page in pages for build in page.observations], sum(len(page.unreadable) for page in pages)


@pytest.mark.parametrize(
    "variant", ["missing_id", "text_id", "nul", "backwards", "null_dates", "megabyte_name", "year_1"]
)
@pytest.mark.parametrize("route", [r"/pipelines/\d+$", r"/jobs\?"])
def test_one_impossible_detail_or_job_stops_no_other_pipeline(variant: str, route: str) -> None:
    with Simulator(profile="drill", runs=30, seconds=10, now=NOON, speed=0) as simulator:
        simulator.clock.advance(300)
        sound, _ = collected_once(simulator)
        simulator.fault("impossible_row", site="gitlab", path=route, variant=variant, count=1, skip=4)

        builds, unreadable = collected_once(simulator)

    assert unreadable <= 1
    kept = {(build.external_id, build.attempt) for build in builds}
    lost = {build.external_id for build in sound if (build.external_id, build.attempt) not in kept}
    assert len(lost) == unreadable
    for build in builds:
        assert "\0" not in build.pipeline_name + (build.branch or "")
        assert len((build.branch or "").encode()) <= 4 * 255
        assert build.duration_seconds is None or build.duration_seconds >= 0

"""Recorded reality: every payload recorded from Jenkins goes through the real client and parser, from loopback."""

from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.jenkins_reading import refetch_ids
from collectors.reading import Reading
from tests.conformance.counts import COUNTS
from tests.conformance.reading import counted
from tests.conformance.reading import readings as read_all
from tests.recorded import exchanges, recorded


@pytest.fixture(scope="module")
def readings() -> dict[str, Reading]:
    recorded("jenkins")
    return read_all("jenkins")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_recorded_payload_is_a_build_a_stage_neither_or_a_problem(readings: dict[str, Reading]) -> None:
    assert counted(readings) == COUNTS["jenkins"]
    assert counted(readings).keys() == {path.name for path in recorded("jenkins").iterdir()}


DEVLAKE = "devlake-multibranch/_raw_jenkins_api_builds_multibranch/"
BRANCHES = "github_org/devlake-jenkins"

BUILDS: list[tuple[Any, ...]] = [
    # Where, which row; then by hand from the JSON: pipeline, build, number, status, raw, queued, seconds from then to
    # the finish (None where there is none), branch, commit, author, event, why cancelled.
    # Aborted by its own time limit: an action besides the causes says so, and its own `causes` are no triggers.
    (f"{DEVLAKE}006", 0, BRANCHES, f"{BRANCHES}/PR-2/1@1711277511931", 1, "cancelled", "ABORTED",
     "2024-03-24T10:51:51.931", 7.39, "PR-2", "aba54481a73573c0587f26fbd4c9788eb2bf2398", None, "pull_request",
     "timeout"),
    (f"{DEVLAKE}010", 0, BRANCHES, f"{BRANCHES}/feature-2/6@1711277456887", 6, "cancelled", "ABORTED",
     "2024-03-24T10:50:56.887", 5.993, "feature-2", "aba54481a73573c0587f26fbd4c9788eb2bf2398", None, "push",
     "timeout"),
    # Failed before the checkout: no revision in any action, the branch is the job's.
    (f"{DEVLAKE}011", 0, BRANCHES, f"{BRANCHES}/feature-2/5@1711277371815", 5, "failed", "FAILURE",
     "2024-03-24T10:49:31.815", 1.098, "feature-2", None, None, "push", None),
    (f"{DEVLAKE}012", 0, BRANCHES, f"{BRANCHES}/feature-2/4@1711277261723", 4, "failed", "FAILURE",
     "2024-03-24T10:47:41.723", 0.976, "feature-2", None, None, "push", None),
    (f"{DEVLAKE}005", 0, BRANCHES, f"{BRANCHES}/PR-2/2@1711277541959", 2, "succeeded", "SUCCESS",
     "2024-03-24T10:52:21.959", 30.086, "PR-2", "49359d217ea617c7e4771235979b56015172ba6c", None, "pull_request", None),
    (f"{DEVLAKE}004", 0, BRANCHES, f"{BRANCHES}/main/1@1711275815622", 1, "succeeded", "SUCCESS",
     "2024-03-24T10:23:35.622", 36.568, "main", "87f0f9ee7c305c561c96f66ed8c71c85df4b940f", None, "indexing", None),
    # The same number on another branch, six milliseconds later: another build of the same pipeline.
    (f"{DEVLAKE}009", 0, BRANCHES, f"{BRANCHES}/feature-1/1@1711275815628", 1, "succeeded", "SUCCESS",
     "2024-03-24T10:23:35.628", 39.545, "feature-1", "87f0f9ee7c305c561c96f66ed8c71c85df4b940f", None, "indexing",
     None),
    (f"{DEVLAKE}001", 0, BRANCHES, f"{BRANCHES}/main/4@1711277551963", 4, "succeeded", "SUCCESS",
     "2024-03-24T10:52:31.963", 30.415, "main", "c83ae02076382670e286ac2474b7a7327fc28cde", None, "push", None),
    # Empty actions, a person by id.
    ("api4jenkins/run__freestylebuild", 0, "freestylejob", "freestylejob/14@1619167515987", 14, "succeeded", "SUCCESS",
     "2021-04-23T08:45:15.987", 599.334, None, None, "admin", "manual", None),
    # Two causes: a replay says more than the person who asked for it.
    ("api4jenkins/run__workflowrun", 0, "folder/pipeline", "folder/pipeline/52@1559281453240", 52, "failed", "FAILURE",
     "2019-05-31T05:44:13.240", 324.447, None, None, "admin", "replay", None),
    # Old cores: no `_class` anywhere, nobody signed in.
    ("jenkins-rest/build-info", 0, "fish", "fish/10@1461091892486", 10, "succeeded", "SUCCESS",
     "2016-04-19T18:51:32.486", 60.75, None, None, None, "manual", None),
    ("jenkins-rest/build-info-no-params", 0, "fish", "fish/10@1461091892486", 10, "succeeded", "SUCCESS",
     "2016-04-19T18:51:32.486", 60.75, None, None, None, "manual", None),
    ("jenkins-rest/build-info-git-commit", 0, "fish", "fish/10@1461091892486", 10, "succeeded", "SUCCESS",
     "2016-04-19T18:51:32.486", 60.75, None, None, None, "manual", None),
    ("api4jenkins/queue__blockeditem", 0, "folder/pipeline", "queue/669", None, "queued", "BlockedItem",
     "2019-06-24T08:17:47.921", None, None, None, "admin", "manual", None),
    # Its address says 700, its id 668: the id counts.
    ("api4jenkins/queue__waitingitem", 0, "folder/pipeline", "queue/668", None, "queued", "WaitingItem",
     "2019-08-23T09:38:28.796", None, None, None, None, "gerrit", None),
    ("jenkins-rest/queueItemCancelled", 0, "test", "queue/143", None, "cancelled", "cancelled in the queue",
     "2018-04-18T18:02:48.030", 0, None, None, "martin", "manual", None),
    # A task whose name is null is named by its address.
    ("jenkins-rest/queueItemNullTaskName", 0, "test", "queue/143", None, "queued", "BlockedItem",
     "2018-04-18T18:02:48.030", None, None, None, "martin", "manual", None),
    ("jenkins-rest/queue", 1, "Freestyle", "queue/6", None, "queued", "BuildableItem",
     "2016-04-15T16:42:31.155", None, None, None, None, "manual", None),
]  # fmt: skip


@pytest.mark.parametrize("pinned", BUILDS, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_build_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, *expected = pinned
    build = readings[where].builds[row]

    seconds = None if build.finished_at is None else (build.finished_at - build.queued_at).total_seconds()
    read = [
        build.pipeline_external_id, build.external_id, build.number, build.status, build.raw_status, build.queued_at,
        seconds, build.branch, build.commit_sha, build.author, build.event, build.cancel_reason,
    ]  # fmt: skip
    expected[5] = utc(expected[5])
    assert read == expected
    assert build.attempt == 1


STAGES: list[tuple[Any, ...]] = [
    # Where, which row; then by hand: build, stage, name, status, raw, started, seconds until it ended.
    ("jenkins-rest/runHistory", 2, "Test Workflow/16", "10", "Deploy", "blocked", "PAUSED_PENDING_INPUT",
     "2014-10-16T12:08:05.992", None),
    ("jenkins-rest/runHistory", 5, "Test Workflow/15", "10", "Deploy", "succeeded", "SUCCESS",
     "2014-10-16T11:45:22.041", 15.029),
    ("jenkins-rest/workflow", 0, "Test Workflow/16", "5", "Build", "succeeded", "SUCCESS",
     "2014-10-16T12:07:55.770", 5.228),
    ("devlake-multibranch/_raw_jenkins_api_stages_multibranch/001", 0, f"{BRANCHES}/main/2", "6",
     "Declarative: Checkout SCM", "succeeded", "SUCCESS", "2024-03-24T10:48:22.838", 2.299),
]  # fmt: skip


@pytest.mark.parametrize("pinned", STAGES, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_stage_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, build, *expected = pinned
    found = readings[where].jobs[row]
    job = found.job

    ended = None if job.finished_at is None or job.started_at is None else job.finished_at - job.started_at
    read = [job.external_id, job.name, job.status, job.raw_status, job.started_at]
    expected[4] = utc(expected[4])
    assert found.build_external_id == build
    assert [*read, None if ended is None else ended.total_seconds()] == expected


def test_the_recorded_notification_names_a_build_to_fetch() -> None:
    recorded("jenkins")
    sample = next(each for each in exchanges("jenkins") if each.folder == "notification-plugin")

    assert refetch_ids(sample.json) == ("asgard/18",)


def test_no_recorded_build_has_a_problem_or_an_impossible_time(readings: dict[str, Reading]) -> None:
    builds = [build for reading in readings.values() for build in reading.builds]

    assert [build.problems for build in builds if build.problems] == []
    assert all((build.finished_at is not None) is build.is_finished for build in builds)
    assert all(build.web_url and "/job/" in build.web_url for build in builds)

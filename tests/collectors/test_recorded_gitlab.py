"""Recorded reality: every payload recorded from GitLab goes through the real client and parser, from loopback."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.gitlab_attempts import complete
from collectors.gitlab_payload import PipelineJob, Project, parse_job, parse_pipeline
from collectors.gitlab_reading import named_by_webhook
from collectors.reading import Reading
from shared.observation import Observation
from tests.collectors.gitlab_rows import Row
from tests.conformance.counts import COUNTS
from tests.conformance.reading import counted
from tests.conformance.reading import readings as read_all
from tests.recorded import exchanges, recorded


@pytest.fixture(scope="module")
def readings() -> dict[str, Reading]:
    recorded("gitlab")
    return read_all("gitlab")


def utc(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_recorded_payload_is_a_build_a_job_neither_or_a_problem(readings: dict[str, Reading]) -> None:
    assert counted(readings) == COUNTS["gitlab"]
    assert counted(readings).keys() == {path.name for path in recorded("gitlab").iterdir()}


DEVLAKE = "devlake/_raw_gitlab_api_pipeline/"
CHARTS = ("12345678", "merico-dev/ee/charts")
MERGE = "refs/merge-requests/74/head"
UNTOLD = ("untold", "project untold")

BUILDS: list[tuple[Any, ...]] = [
    # Where, which row; then by hand from the JSON: project's id and path, pipeline, iid, status, raw, created, started,
    # finished, duration, branch, author, source. A list tells neither start nor finish, whatever the status.
    # Never changed since it was made: updated_at is null.
    (f"{DEVLAKE}001", 0, *CHARTS, "457474837", 1, "running", "running", "2022-01-27T10:07:09.429", None, None, None,
     "renovate/pin-dependencies", None, "external"),
    (f"{DEVLAKE}002", 0, *CHARTS, "457474996", 2, "failed", "failed", "2022-01-27T10:07:18.884", None, None, None,
     "renovate/jest-monorepo", None, "external"),
    # A broken configuration: failed in the moment it was made.
    (f"{DEVLAKE}005", 0, *CHARTS, "485811050", 5, "failed", "failed", "2022-03-07T06:26:42.109", None, None, None,
     "EE-7121", None, "push"),
    (f"{DEVLAKE}006", 0, *CHARTS, "485811059", 6, "failed", "failed", "2022-03-07T06:26:43.784", None, None, None,
     MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}020", 0, *CHARTS, "485932863", 20, "succeeded", "success", "2022-03-07T09:34:57.476", None, None, None,
     MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}021", 0, *CHARTS, "485932864", 21, "cancelled", "canceled", "2022-03-07T09:34:57.476", None, None,
     None, MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}022", 0, *CHARTS, "485932865", 22, "queued", "created", "2022-03-07T09:34:57.476", None, None, None,
     MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}023", 0, *CHARTS, "485932866", 23, "queued", "waiting_for_resource", "2022-03-07T09:34:57.476", None,
     None, None, MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}027", 0, *CHARTS, "485932870", 27, "blocked", "manual", "2022-03-07T09:34:57.476", None, None, None,
     MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}028", 0, *CHARTS, "485932871", 28, "queued", "scheduled", "2022-03-07T09:34:57.476", None, None, None,
     MERGE, None, "merge_request_event"),
    (f"{DEVLAKE}029", 0, *CHARTS, "485932872", 29, "skipped", "skipped", "2022-03-07T09:34:57.476", None, None, None,
     MERGE, None, "merge_request_event"),
    # A webhook: its dates without milliseconds, no start, no last change.
    ("gitlab4j/pipeline-event", 0, "1", "gitlab-org/gitlab-test", "31", 1, "succeeded", "success",
     "2016-08-12T15:23:28", None, "2016-08-12T15:26:29", 63, "master", "root", "merge_request_event"),
    # A detail with an error of its configuration, and yet a success; its `detailed_status` says pending.
    ("gitlab4j/pipeline", 0, "1", "foo/bar", "46", 11, "succeeded", "success", "2016-08-11T11:28:34.085", None,
     "2016-08-11T11:32:35.145", 123, "main", "root", None),
    # So old that neither project, iid, source nor address is told: finished without a start.
    ("narkoz/pipeline", 0, *UNTOLD, "46", None, "succeeded", "success", "2016-08-11T11:28:34.085", None,
     "2016-08-11T11:32:35.145", None, "master", "root", None),
    ("narkoz/pipeline_cancel", 0, *UNTOLD, "46", None, "cancelled", "canceled", "2016-08-11T11:28:34.085", None,
     "2016-08-11T11:32:35.145", None, "master", "root", None),
    # Retried: pending again, and its past finish is none.
    ("narkoz/pipeline_retry", 0, *UNTOLD, "46", None, "queued", "pending", "2016-08-11T11:28:34.085", None, None, None,
     "master", "root", None),
    ("narkoz/pipelines", 1, *UNTOLD, "48", None, "queued", "pending", "2016-08-16T10:23:21.184", None, None, None,
     "new-pipeline", "root", None),
    # Its address is a person's, not a pipeline's: the project has no path.
    ("narkoz/pipeline_schedule_get_pipelines", 0, "100", "project 100", "15", 2, "queued", "pending",
     "2016-08-16T10:23:19.007", None, None, None, "new-pipeline", None, "schedule"),
]  # fmt: skip


@pytest.mark.parametrize("pinned", BUILDS, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_build_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, *expected = pinned
    build = readings[where].builds[row]

    read = [
        build.pipeline_external_id, build.pipeline_name, build.external_id, build.number, build.status,
        build.raw_status, build.queued_at, build.started_at, build.finished_at, build.duration_seconds, build.branch,
        build.author, build.event,
    ]  # fmt: skip
    expected[6:9] = map(utc, expected[6:9])
    assert read == expected


JOBS: list[tuple[Any, ...]] = [
    # Where, which row; then by hand: pipeline, project, job, name, stage, status, raw, created, started, finished,
    # runner.
    # Given up before it started: an end and no start. GitLab 15 did not say why.
    ("devlake/_raw_gitlab_api_job/001", 0, "73", None, "152", "format", "test", "failed", "failed",
     "2022-08-25T21:19:10.938", None, "2022-08-25T23:00:08.594", None),
    ("gitlab4j/job", 0, "6", "3", "7", "teaspoon", "test", "failed", "failed/script_failure",
     "2015-12-24T15:51:21.802", "2015-12-24T17:54:27.722", "2015-12-24T17:54:27.895", None),
    # Pending, with all the instants of something finished.
    ("gitlab4j/bridge", 0, "6", None, "7", "teaspoon", "test", "queued", "pending", "2015-12-24T15:51:21.802", None,
     None, None),
    # A job webhook: the project is 380 and not the 3115610 it also says; a reason although it runs.
    ("gitlab4j/build-event", 0, "2366", "380", "214655258", "build1", "build", "running", "running",
     "2019-05-17T17:09:21", "2019-05-17T18:09:21", None, "shared-runners-manager-6.gitlab.com"),
    ("gitlab4j/job-event", 0, "2366", "380", "1977", "test", "test", "queued", "created", None, None, None, None),
    ("gitlab4j/pipeline-event", 0, "31", "1", "380", "production", "deploy", "skipped", "skipped",
     "2016-08-12T15:23:28", None, None, None),
    ("gitlab4j/pipeline-event", 2, "31", "1", "378", "test-build", "test", "failed", "failed/script_failure",
     "2016-08-12T15:23:28", "2016-08-12T15:26:12", "2016-08-12T15:26:29", "shared-runners-manager-6.gitlab.com"),
    ("narkoz/pipeline_jobs", 1, "6", None, "6", "spinach:other", "test", "failed", "failed",
     "2015-12-24T15:51:21.727", "2015-12-24T17:54:24.729", "2015-12-24T17:54:24.921", None),
    # Running, and yet with a finish, which is none.
    ("narkoz/runner_jobs", 0, "2", "1", "2", "test", "test", "running", "running", "2017-11-16T08:50:29",
     "2017-11-16T08:51:29", None, None),
]  # fmt: skip


@pytest.mark.parametrize("pinned", JOBS, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_job_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, *expected = pinned
    found = readings[where].jobs[row]
    job = found.job

    read = [
        found.build_external_id, found.repository_external_id, job.external_id, job.name, job.stage, job.status,
        job.raw_status, job.queued_at, job.started_at, job.finished_at, job.runner,
    ]  # fmt: skip
    expected[7:10] = map(utc, expected[7:10])
    assert read == expected


def test_a_job_of_2015_does_not_say_its_pipeline_and_that_is_a_problem(readings: dict[str, Reading]) -> None:
    (row,) = readings["narkoz/build"].unreadable

    assert (row.kind, row.external_id, row.reason) == ("job", "8", "a job without a usable pipeline.id")


def test_recorded_webhooks_name_the_pipeline_to_fetch() -> None:
    named = {
        each.name: named_by_webhook(each.json)
        for each in exchanges("gitlab")
        if each.folder == "gitlab4j" and each.name.endswith("-event")
    }

    fetched = {name: (hook.project_external_id, hook.external_id) for name, hook in named.items() if hook is not None}
    assert fetched == {"pipeline-event": ("1", "31"), "build-event": ("380", "2366"), "job-event": ("380", "2366")}


def recorded_pipelines() -> dict[str, tuple[Observation, ...]]:
    """The pipelines of merico/pip_test with the jobs recorded of them, completed as the collector completes them."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for each in exchanges("gitlab"):
        if each.name.startswith("_raw_gitlab_api_job/") and isinstance(each.json, dict):
            rows[str(each.json["pipeline"]["id"])].append(each.json)
    found = {}
    for number, jobs in rows.items():
        pipeline = parse_pipeline({**jobs[0]["pipeline"], "project_id": 44}, "gitlab.nddtf.com", Project())
        parsed = [parse_job(job, "gitlab.nddtf.com") for job in jobs]
        assert isinstance(pipeline, Observation)
        found[number] = complete(pipeline, [job for job in parsed if isinstance(job, PipelineJob)])
    return found


RETRIED: list[tuple[Any, ...]] = [
    # Pipeline, attempt; then by hand: status, started, finished, the jobs that ran in it.
    # Failed, retried by a person three minutes later, canceled before the retry started.
    ("17", 1, "failed", "2022-07-25T13:42:59.674", "2022-07-25T13:42:59.998", ["88"]),
    ("17", 2, "cancelled", None, "2022-07-25T13:49:42.952", ["89"]),
    # Canceled before its start, retried twice.
    ("18", 1, "cancelled", None, "2022-07-25T14:19:03.023", ["90"]),
    ("18", 2, "failed", "2022-07-25T14:26:02.616", "2022-07-25T14:26:05.480", ["91"]),
    ("18", 3, "failed", "2022-07-25T14:47:12.876", "2022-07-25T14:47:14.295", ["92"]),
    ("21", 1, "failed", "2022-07-25T14:56:59.811", "2022-07-25T14:57:01.498", ["95"]),
    ("21", 2, "failed", "2022-07-25T14:59:29.276", "2022-07-25T14:59:34.282", ["96"]),
    # Never got a runner, retried the next morning.
    ("41", 1, "failed", None, "2022-07-28T23:00:17.842", ["119"]),
    ("41", 2, "succeeded", "2022-07-29T02:10:58.370", "2022-07-29T02:11:55.170", ["120"]),
]  # fmt: skip


def test_retries_in_the_recording_are_attempts_with_verdicts_of_their_own() -> None:
    pipelines = recorded_pipelines()

    for number, attempt, status, started, finished, jobs in RETRIED:
        seen = pipelines[number][attempt - 1]
        assert (seen.attempt, seen.status, seen.started_at, seen.finished_at) == (
            attempt, status, utc(started), utc(finished),
        )  # fmt: skip
        assert [job.external_id for job in seen.jobs or ()] == jobs
    assert {number for number, seen in pipelines.items() if len(seen) > 1} == {row[0] for row in RETRIED}
    assert len(pipelines) > 50


def test_no_recorded_pipeline_has_an_impossible_time() -> None:
    for seen in (each for attempts in recorded_pipelines().values() for each in attempts):
        assert seen.started_at is None or seen.finished_at is None or seen.started_at <= seen.finished_at
        assert seen.duration_seconds is None or seen.duration_seconds >= 0
        assert seen.queued_seconds is None or seen.queued_seconds >= 0
        assert (seen.finished_at is not None) is seen.is_finished

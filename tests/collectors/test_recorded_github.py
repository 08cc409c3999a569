"""Recorded reality: every payload recorded from GitHub goes through the real client and parser, from loopback."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.fields import Fields
from collectors.github_payload import with_jobs
from collectors.github_reading import parse_any
from collectors.reading import Reading
from shared.errors import RateLimited
from shared.http.client import Client
from shared.observation import Observation, ObservedJob
from shared.status import Status
from tests.conformance.counts import COUNTS
from tests.conformance.reading import QUICK, readings
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply
from tests.recorded import exchanges, rec_bodies, recorded


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module", name="readings")
def every_reading() -> dict[str, Reading]:
    return readings("github")


def test_no_folder_and_no_file_of_the_recording_is_left_out(readings: dict[str, Reading]) -> None:
    folder = recorded("github")
    wiremock = folder / "hub4j-wiremock"

    assert {path.name for path in folder.iterdir() if path.is_dir()} == COUNTS["github"].keys()
    bodies = set(wiremock.glob("*/__files/*"))
    told = {
        path.parents[1] / "__files" / json.loads(path.read_text())["response"].get("bodyFileName", "")
        for path in wiremock.glob("*/mappings/*.json")
    }
    assert bodies <= told
    assert (
        len((wiremock / "exchanges.jsonl").read_text().splitlines()) == COUNTS["github"]["hub4j-wiremock"]["payloads"]
    )


def without_messages(reading: Reading) -> Reading:
    return replace(reading, builds=tuple(replace(build, commit_message=None) for build in reading.builds))


def test_the_raw_recording_reads_as_the_exchanges_made_from_it(readings: dict[str, Reading]) -> None:
    """They differ in e-mail addresses, which the exchanges replace; of what we read, commit messages hold some."""
    raw = [json.loads(body) for body in rec_bodies(recorded("github") / "otel-cicd-action" / "run.rec")]

    # The last one is a 404, which never reaches the parser.
    read = [without_messages(parse_any(body, "github.com")) for body in raw[:-1]]
    assert read == [without_messages(readings[f"otel-cicd-action/{number:02}"]) for number in range(1, 15)]
    assert len(raw) == COUNTS["github"]["otel-cicd-action"]["payloads"]


def test_no_recorded_build_has_a_problem_or_an_impossible_time(readings: dict[str, Reading]) -> None:
    builds = [build for reading in readings.values() for build in reading.builds]

    assert [build.problems for build in builds if build.problems] == []
    assert all(build.duration_seconds is None or build.duration_seconds >= 0 for build in builds)
    assert all((build.finished_at is not None) is build.is_finished for build in builds)
    assert all(build.web_url and build.web_url.startswith("https://github.com/") for build in builds)


RUN_TEST = "hub4j-wiremock/GHWorkflowRunTest__"
STARTUP = f"{RUN_TEST}testStartupFailureConclusion/3-r_h_g_actions_workflows_75497789_runs"
CANCEL = f"{RUN_TEST}testCancelAndRerun"
DELETE = f"{RUN_TEST}testDelete"
MANUAL = f"{RUN_TEST}testManualRunAndBasicInformation/6-r_h_g_actions_runs"
LIST = "hub4j-wiremock/GHWorkflowTest__testListWorkflowRuns/3-r_h_g_actions_workflows_6817859_runs"
WEBHOOK = "webhooks/octokit__workflow_"

BUILDS: list[tuple[Any, ...]] = [
    # Where, which row; then by hand from the JSON: pipeline, name, run, attempt, number, status, raw, queued, start,
    # finish (seconds after queued; None where there is none), branch, author, event.
    (STARTUP, 0, "348674220/75497789", "Broken Workflow", "6804432015", 1, 4, "failed", "completed/startup_failure",
     "2023-11-08T21:53:13", 0, 16, "main", "yasin-herken", "push"),
    (STARTUP, 1, "348674220/75497789", ".github/workflows/startup-failure-workflow.yml", "6804363049", 1, 3, "failed",
     "completed/startup_failure", "2023-11-08T21:44:54", 0, 0, "main", "yasin-herken", "push"),
    (STARTUP, 2, "348674220/75497789", "Broken Workflow", "6804324440", 1, 2, "failed", "completed/startup_failure",
     "2023-11-08T21:40:03", 0, 14, "main", "yasin-herken", "push"),
    (STARTUP, 3, "348674220/75497789", ".github/workflows/startup-failure-workflow.yml", "6804095195", 1, 1, "failed",
     "completed/startup_failure", "2023-11-08T21:14:53", 0, 0, "main", "yasin-herken", "push"),
    (f"{CANCEL}/4-r_h_g_actions_runs", 0, "348674220/6820790", "Fast workflow", "686034992", 1, 52, "succeeded",
     "completed/success", "2021-03-25T09:36:45", 0, 19, "main", None, "workflow_dispatch"),
    (f"{CANCEL}/6-r_h_g_actions_runs", 0, "348674220/6820849", "Slow workflow", "686036126", 1, 16, "running",
     "in_progress", "2021-03-25T09:37:09", 0, None, "main", None, "workflow_dispatch"),
    (f"{CANCEL}/8-r_h_g_actions_runs_686036126", 0, "348674220/6820849", "Slow workflow", "686036126", 1, 16,
     "cancelled", "completed/cancelled", "2021-03-25T09:37:09", 0, 34, "main", None, "workflow_dispatch"),
    (f"{DELETE}/4-r_h_g_actions_runs", 0, "348674220/6820849", "Slow workflow", "686036126", 1, 16, "running",
     "in_progress", "2021-03-25T09:37:09", 0, None, "main", None, "workflow_dispatch"),
    (f"{DELETE}/6-r_h_g_actions_runs", 1, "348674220/6820849", "Slow workflow", "686036126", 1, 16, "cancelled",
     "completed/cancelled", "2021-03-25T09:37:09", 0, 67, "main", None, "workflow_dispatch"),
    (f"{DELETE}/6-r_h_g_actions_runs", 3, "348674220/6820849", "Slow workflow", "677003115", 1, 15, "cancelled",
     "completed/cancelled", "2021-03-22T18:01:58", 0, 71, "main", None, "workflow_dispatch"),
    (MANUAL, 0, "348674220/6820790", "Fast workflow", "686034992", 1, 52, "succeeded", "completed/success",
     "2021-03-25T09:36:45", 0, 19, "main", "octocat", "workflow_dispatch"),
    (f"{RUN_TEST}testSearchOnBranch/6-r_h_g_actions_runs", 1, "348674220/6820790", "Fast workflow", "677006583", 1, 51,
     "succeeded", "completed/success", "2021-03-22T18:03:17", 0, 16, "second-branch", None, "workflow_dispatch"),
    (f"{RUN_TEST}testJobs/6-r_h_g_actions_runs", 0, "348674220/7518893", "Multi jobs workflow", "719643947", 1, 15,
     "succeeded", "completed/success", "2021-04-05T15:42:47", 0, 20, "main", None, "workflow_dispatch"),
    (LIST, 0, "348651606/6817859", "test-workflow", "2313468274", 1, 10, "succeeded", "completed/success",
     "2022-05-12T12:42:12", 0, 17, "main", "gsmet", "workflow_dispatch"),
    (LIST, 3, "348651606/6817859", "test-workflow", "686196495", 1, 7, "succeeded", "completed/success",
     "2021-03-25T10:36:27", 0, 17, "main", "gsmet", "workflow_dispatch"),
    (LIST, 9, "348651606/6817859", "test-workflow", "660573025", 1, 1, "succeeded", "completed/success",
     "2021-03-17T09:33:36", 0, 21, "main", "gsmet", "push"),
    ("octokit-openapi/workflow-run", 0, "1296269/159038", "Build", "30433642", 1, 562, "queued", "queued",
     "2020-01-22T19:33:08", None, None, "main", "octocat", "push"),
    ("octokit-openapi/workflow-run-paginated", 0, "1296269/159038", "Build", "30433642", 1, 562, "queued", "queued",
     "2020-01-22T19:33:08", None, None, "master", "octocat", "push"),
    ("otel-cicd-action/01", 0, "671654508/94297729", "Lint Pull Request Titles", "21487811823", 1, 16194, "succeeded",
     "completed/success", "2026-01-29T17:16:15", 0, 36, "dyc3/codegen-refactor", "dyc3", "pull_request_target"),
    ("otel-cicd-action/05", 0, "671654508/94297729", "Lint Pull Request Titles", "21458831126", 1, 16172, "failed",
     "completed/failure", "2026-01-28T23:04:50", 0, 40, "fixes/use-exhaustive-dependencies-regressions", "mdevils",
     "pull_request_target"),
    ("otel-cicd-action/08", 0, "718855585/76151565", "Build & Test", "16620109074", 1, 379, "succeeded",
     "completed/success", "2025-07-30T10:30:31", 0, 72, "dependabot/github_actions/github/codeql-action-3.29.5",
     "dependabot[bot]", "pull_request"),
    (f"{WEBHOOK}run__1__completed", 0, "300029405/2823525", ".github/workflows/test.yml", "289782451", 1, 163,
     "succeeded", "completed/success", "2020-10-05T16:33:24", 25, 25, "master", "Codertocat", "repository_dispatch"),
    (f"{WEBHOOK}run__2__completed", 0, "300029405/2823525", ".github/workflows/test.yml", "289782451", 1, 163,
     "succeeded", "completed/success", "2020-10-05T16:33:24", 25, 25, "master", "Codertocat", "repository_dispatch"),
    (f"{WEBHOOK}run__3__requested", 0, "300029405/2823525", ".github/workflows/test.yml", "289782451", 1, 163,
     "queued", "queued", "2020-10-05T16:33:24", None, None, "master", "Codertocat", "repository_dispatch"),
]  # fmt: skip


def after(build: Observation, instant: datetime | None) -> float | None:
    return None if instant is None else (instant - build.queued_at).total_seconds()


@pytest.mark.parametrize("pinned", BUILDS, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_build_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, *expected = pinned
    build = readings[where].builds[row]

    read = [
        build.pipeline_external_id, build.pipeline_name, build.external_id, build.attempt, build.number, build.status,
        build.raw_status, build.queued_at, after(build, build.started_at), after(build, build.finished_at),
        build.branch, build.author, build.event,
    ]  # fmt: skip
    expected[7] = utc(expected[7])
    assert read == expected


JOBS: list[tuple[Any, ...]] = [
    # Where, which row; then by hand: run, attempt, job, name, status, raw, queued, started, finished, runner.
    (f"{RUN_TEST}testJobs/7-r_h_g_actions_runs_719643947_jobs", 0, "719643947", 1, "2270858576", "job2", "succeeded",
     "completed/success", None, "2021-04-05T15:42:56", "2021-04-05T15:42:57", "my runner"),
    (f"{RUN_TEST}testJobs/10-r_h_g_actions_jobs__2270858630", 0, "719643947", 1, "2270858630", "job1", "succeeded",
     "completed/success", None, "2021-04-05T15:42:57", "2021-04-05T15:42:59", "my runner"),
    ("octokit-openapi/job", 0, "29679449", 1, "399444496", "build", "succeeded", "completed/success", None,
     "2020-01-20T17:42:40", "2020-01-20T17:44:39", "my runner"),
    ("otel-cicd-action/06", 0, "21458831126", 1, "61806350920", "Validate PR title", "failed", "completed/failure",
     "2026-01-28T23:04:51", "2026-01-28T23:04:52", "2026-01-28T23:05:29", "depot-6ltm0thcf4"),
    ("otel-cicd-action/09", 4, "16620109074", 1, "47022240005", "main_job", "succeeded", "completed/success",
     "2025-07-30T10:30:57", "2025-07-30T10:31:02", "2025-07-30T10:31:42", "GitHub Actions 1000149209"),
    (f"{WEBHOOK}job__0__in_progress", 0, "940463255", 1, "2832853555", "Test workflow", "running", "in_progress", None,
     "2021-06-15T19:22:27", None, "my runner"),
    (f"{WEBHOOK}job__1__completed", 0, "2202229078", 1, "289782451", "linters", "failed", "completed/failure",
     "2021-08-05T10:33:58", "2021-08-05T10:34:58", "2021-08-05T10:38:16", "GitHub Actions 5"),
    (f"{WEBHOOK}job__2__completed", 0, "2202229078", 1, "289782451", "linters", "succeeded", "completed/success",
     "2021-08-05T10:33:58", "2021-08-05T10:34:58", "2021-08-05T10:38:16", "GitHub Actions 5"),
    (f"{WEBHOOK}job__4__in_progress", 0, "5373506832", 1, "14541957942", "Do examples need to be regenerated?",
     "running", "in_progress", "2023-06-26T03:31:29", "2023-06-26T03:31:36", None, "GitHub Actions 6"),
    (f"{WEBHOOK}job__5__queued", 0, "2202229078", 1, "289782451", "update", "queued", "queued", "2021-09-13T02:21:13",
     None, None, "GitHub Actions 5"),
]  # fmt: skip


@pytest.mark.parametrize("pinned", JOBS, ids=lambda pinned: f"{pinned[0].rsplit('/', 1)[-1]}-{pinned[1]}")
def test_a_recorded_job_reads_as_it_does_by_hand(readings: dict[str, Reading], pinned: tuple[Any, ...]) -> None:
    where, row, run_id, attempt, *expected = pinned
    found = readings[where].jobs[row]
    job: ObservedJob = found.job

    assert (found.build_external_id, found.attempt) == (run_id, attempt)
    read = [job.external_id, job.name, job.status, job.raw_status, job.queued_at, job.started_at, job.finished_at]
    instants = [None if text is None else utc(text) for text in expected[4:7]]
    assert [*read, job.runner] == [*expected[:4], *instants, expected[7]]


def test_a_recorded_run_and_its_jobs_make_one_whole(readings: dict[str, Reading]) -> None:
    (run,) = readings["otel-cicd-action/08"].builds
    jobs = tuple(found.job for found in readings["otel-cicd-action/09"].jobs)

    whole = with_jobs(run, jobs)

    assert whole.finished_at == utc("2025-07-30T10:31:42")  # the run's updated_at is a second later
    assert whole.duration_seconds == 71.0
    assert whole.queued_seconds == 5.0  # `build` waited from :31 to :36
    assert {job.status for job in whole.jobs or ()} == {Status.SUCCEEDED}


def test_what_a_webhook_tells_of_its_repository_is_kept(readings: dict[str, Reading]) -> None:
    (build,) = readings[f"{WEBHOOK}run__1__completed"].builds

    assert (build.default_branch, build.repository_name) == ("master", "octo-org/octo-repo")
    assert build.pipeline_url == "https://github.com/octo-org/octo-repo/actions/workflows/test.yml"
    assert build.commit_author == "Matthias Fax"
    assert build.committed_at == utc("2020-10-05T16:32:07")
    assert build.commit_sha == "3484a3fb816e0859fd6e1cea078d76385ff50625"


def test_a_finished_observation_of_a_run_outweighs_its_running_one(readings: dict[str, Reading]) -> None:
    (running,) = readings[f"{DELETE}/4-r_h_g_actions_runs"].builds
    (cancelled,) = readings[f"{CANCEL}/8-r_h_g_actions_runs_686036126"].builds

    assert running.external_id == cancelled.external_id
    assert cancelled.merge_key > running.merge_key  # although the running one was updated later: it is the re-run


def test_the_one_recorded_run_that_is_none_says_what_it_lacks(readings: dict[str, Reading]) -> None:
    (problem,) = readings[f"{RUN_TEST}testRerunVariants/3-r_h_g_actions_runs_686036126"].unreadable

    assert (problem.external_id, problem.reason) == ("686036126", "a run without a usable repository.id, created_at")


LIMITS = [
    ("AbuseLimitHandlerTest__testHandler_Wait/2-r_h_t_fail", {}, 2),
    ("AbuseLimitHandlerTest__testHandler_Wait_Secondary_Limits/2-r_h_t_fail", {}, 60),
    ("AbuseLimitHandlerTest__testHandler_Wait_Secondary_Limits_Too_Many_Requests/2-r_h_t_fail", {}, 8),
    # The recordings leave these instants to be filled in when they are served.
    ("RateLimitHandlerTest__testHandler_Wait/2-r_h_t_Wait", {"X-RateLimit-Reset": NOON + timedelta(seconds=3)}, 3),
]


@pytest.mark.parametrize(("name", "filled", "seconds"), LIMITS)
def test_a_recorded_rate_limit_says_how_long_to_wait(name: str, filled: dict[str, datetime], seconds: float) -> None:
    (exchange,) = [found for found in exchanges("github") if found.name == name]
    stamps = {header: str(int(instant.timestamp())) for header, instant in filled.items()}
    served = reply(exchange.body, exchange.status, {**exchange.headers, **stamps})

    with (
        Loopback(lambda _: served) as server,
        Client(server.url, limits=QUICK, clock=lambda: NOON) as client,
        pytest.raises(RateLimited) as caught,
    ):
        client.get_json(exchange.target)

    assert caught.value.retry_at == NOON + timedelta(seconds=seconds)
    assert len(server.heard) == 1


def test_recorded_pages_are_walked_by_their_numeric_links() -> None:
    """Four pages of check runs are the only recorded walk; GitHub's host in the links stands for the loopback one."""
    pages = {
        found.target: found
        for found in exchanges("github")
        if "getCheckRuns" in found.name and "check-runs" in found.target
    }

    def answer(heard: Heard) -> bytes:
        found = pages[heard.target]
        link = found.headers["Link"].replace("https://api.github.com", f"http://{heard.headers['host']}")
        return reply(found.body, found.status, {**found.headers, "Link": link})

    walked = []
    with Loopback(answer) as server, Client(server.url, limits=QUICK) as client:
        following: str | None = next(target for target in pages if target.startswith("/repos/"))
        while following is not None:
            reached = client.get_json(following)
            walked.append(Fields(reached.payload).whole("total_count"))
            following = reached.links.get("next")

    assert [heard.target.partition("?")[0].split("/")[1] for heard in server.heard] == ["repos", *["repositories"] * 3]
    assert len(walked) == 4
    assert len(set(walked)) == 1


@pytest.mark.parametrize(
    "name", ["testJobs/8-r_h_g_actions_jobs_2270858630_logs", "testLogs/7-r_h_g_actions_runs_711446981_logs"]
)
def test_a_recorded_redirect_to_the_logs_is_not_followed(readings: dict[str, Reading], name: str) -> None:
    assert readings[f"{RUN_TEST}{name}"].not_a_build == "302: MalformedPayload"

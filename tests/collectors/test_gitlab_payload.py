"""GitLab's pipelines, jobs and bridges read into our words."""

from typing import Any

import pytest

from collectors.gitlab_payload import (
    Downstream,
    PipelineJob,
    Project,
    parse_downstream,
    parse_job,
    parse_pipeline,
    project_path,
)
from collectors.gitlab_reading import named_by_webhook, parse_any, parse_webhook
from collectors.gitlab_status import STATUSES
from shared.observation import Observation, Unreadable
from tests.collectors.gitlab_rows import a_job, a_pipeline, at, seconds
from tests.factories import NOON


def build(status: str = "success", **overrides: Any) -> Observation:
    parsed = parse_pipeline(a_pipeline(status, **overrides), "gitlab.com", Project(path="group/old"))
    assert isinstance(parsed, Observation)
    return parsed


def job(status: str = "success", **overrides: Any) -> PipelineJob:
    parsed = parse_job(a_job(1, status, **overrides), "gitlab.com", now=seconds(100))
    assert isinstance(parsed, PipelineJob)
    return parsed


def test_a_pipeline_is_known_by_its_projects_id_and_named_by_its_path() -> None:
    seen = build()

    assert (seen.provider, seen.pipeline_external_id, seen.external_id, seen.number) == ("gitlab", "3", "100", 7)
    assert (seen.pipeline_name, seen.repository_name) == ("group/web", "group/web")
    assert seen.pipeline_url == "https://gitlab.com/group/web/-/pipelines"
    assert seen.repository_url == "https://gitlab.com/group/web"
    assert (seen.branch, seen.commit_sha, seen.author, seen.event) == ("main", "a" * 40, "ada", "push")
    assert (seen.started_at, seen.finished_at) == (seconds(4), seconds(300))
    assert (seen.duration_seconds, seen.queued_seconds) == (280, 4)
    assert seen.problems == ()


@pytest.mark.parametrize(
    ("word", "status", "is_finished"),
    [
        ("created", "queued", False),
        ("waiting_for_resource", "queued", False),
        ("preparing", "queued", False),
        ("waiting_for_callback", "queued", False),
        ("pending", "queued", False),
        ("scheduled", "queued", False),
        ("running", "running", False),
        ("canceling", "running", False),
        ("manual", "blocked", False),
        ("success", "succeeded", True),
        ("failed", "failed", True),
        ("canceled", "cancelled", True),
        ("skipped", "skipped", True),
        ("hibernating", "unknown", False),
    ],
)
def test_every_word_of_gitlab_has_one_of_ours(word: str, status: str, is_finished: bool) -> None:
    seen = build(word)

    assert (seen.status, seen.raw_status, seen.is_finished) == (status, word, is_finished)
    assert (word in STATUSES) is (seen.problems == ())


@pytest.mark.parametrize("word", ["manual", "scheduled", "waiting_for_resource"])
def test_a_pipeline_that_ran_and_waits_now_keeps_its_start(word: str) -> None:
    assert build(word, started_at=at(seconds(4))).started_at == seconds(4)
    assert build(word, started_at=None).started_at is None


@pytest.mark.parametrize(
    ("detailed", "is_unstable"),
    [
        ({"text": "passed", "label": "passed with warnings", "group": "success-with-warnings"}, True),
        ({"text": "Warning", "label": "passed", "group": "success"}, True),
        ({"text": "passed", "label": "passed", "group": "success"}, False),
        ("passed with warnings", True),
        (None, False),
    ],
)
def test_a_pass_with_warnings_is_a_success_and_unstable(detailed: object, is_unstable: bool) -> None:
    assert build(detailed_status=detailed).is_unstable is is_unstable
    assert not build("failed", detailed_status=detailed).is_unstable


def test_the_past_end_of_a_pipeline_that_is_open_again_is_no_end() -> None:
    seen = build("running", finished_at=at(seconds(60)))

    assert seen.finished_at is None


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-11-20T12:00:04.123Z", "2026-11-20 12:00:04.123000+00:00"),
        ("2026-11-20 12:00:04 UTC", "2026-11-20 12:00:04+00:00"),
        ("2026-11-20T13:00:04.000+01:00", "2026-11-20 12:00:04+00:00"),
    ],
)
def test_dates_are_read_in_every_form(told: str, read: str) -> None:
    assert str(build(started_at=told).started_at) == read


def test_waiting_is_told_or_follows_from_the_instants_and_is_never_negative() -> None:
    assert build(queued_duration=None).queued_seconds == 4
    assert build(queued_duration=None, started_at=at(seconds(-9))).queued_seconds == 0
    assert build("pending", queued_duration=None, started_at=None).queued_seconds is None


@pytest.mark.parametrize("missing", ["id", "project_id", "created_at"])
def test_what_has_no_identity_is_unreadable_and_says_why(missing: str) -> None:
    row = {key: value for key, value in a_pipeline().items() if key not in (missing, "updated_at")}

    parsed = parse_pipeline(row, "gitlab.com", Project())

    assert isinstance(parsed, Unreadable)
    assert missing in parsed.reason


def test_an_old_server_does_not_say_the_project_and_the_collector_does() -> None:
    row = {key: value for key, value in a_pipeline().items() if key not in ("project_id", "web_url")}

    parsed = parse_pipeline(row, "gitlab.com", Project(path="group/web", external_id="3"))

    assert isinstance(parsed, Observation)
    assert (parsed.pipeline_external_id, parsed.pipeline_name, parsed.web_url) == ("3", "group/web", None)


@pytest.mark.parametrize(
    ("url", "root", "path"),
    [
        ("https://gitlab.com/a/b/c/-/pipelines/5", "", "a/b/c"),
        ("https://example.com/a/b/pipelines/5", "", "a/b"),
        ("https://example.com/gitlab/a/b/-/pipelines/5", "/gitlab", "a/b"),
        ("https://example.com/root", "", None),
        (None, "", None),
    ],
)
def test_every_pipeline_tells_what_its_project_is_called_now(url: str | None, root: str, path: str | None) -> None:
    assert project_path(url, root) == path


@pytest.mark.parametrize(
    ("status", "reason", "read", "raw"),
    [
        ("failed", "job_execution_timeout", "timed_out", "failed/job_execution_timeout"),
        ("failed", "stuck_or_timeout_failure", "timed_out", "failed/stuck_or_timeout_failure"),
        ("failed", "script_failure", "failed", "failed/script_failure"),
        ("failed", None, "failed", "failed"),
        ("running", "unknown_failure", "running", "running"),
    ],
)
def test_only_a_job_tells_that_it_timed_out(status: str, reason: str | None, read: str, raw: str) -> None:
    seen = job(status, failure_reason=reason).seen

    assert (seen.status, seen.raw_status) == (read, raw)


def test_a_job_has_stage_runner_and_instants() -> None:
    seen = job()

    assert (seen.seen.name, seen.seen.stage, seen.seen.runner) == ("unit", "test", "runner-1")
    assert (seen.seen.queued_at, seen.seen.started_at, seen.seen.finished_at) == (NOON, seconds(10), seconds(60))
    assert seen.enqueued_at == seconds(0.5)


def test_a_job_canceled_before_it_started_has_an_end_and_no_start() -> None:
    seen = job("canceled", started_at=None).seen

    assert (seen.status, seen.started_at, seen.finished_at) == ("cancelled", None, seconds(60))


def test_a_job_that_waits_is_known_to_wait_since_when() -> None:
    assert job("pending", started_at=None, finished_at=None, queued_duration=30.0).enqueued_at == seconds(70)
    assert job("pending", started_at=None, finished_at=None, queued_duration=None).enqueued_at is None
    assert job("manual", started_at=None, finished_at=None).enqueued_at is None


def test_a_bridge_names_the_pipeline_it_started() -> None:
    web_url = "https://gitlab.com/group/other/-/pipelines/5"
    row = a_job(downstream_pipeline={"id": 5, "project_id": 8, "web_url": web_url})

    assert parse_downstream(row, "gitlab.com") == Downstream(
        external_id="5", project_external_id="8", project_path="group/other"
    )
    assert parse_downstream(a_job(downstream_pipeline=None), "gitlab.com") is None


HOOK = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 31,
        "iid": 3,
        "ref": "master",
        "sha": "b" * 40,
        "source": "merge_request_event",
        "status": "success",
        "detailed_status": "passed",
        "created_at": "2016-08-12 15:23:28 UTC",
        "finished_at": "2016-08-12 15:26:29 UTC",
        "duration": 63,
        "variables": [{"key": "SECRET", "value": "do-not-keep"}],
        "url": "http://example.com/gitlab-org/gitlab-test/-/pipelines/31",
    },
    "user": {"username": "root", "name": "Administrator"},
    "project": {"id": 1, "path_with_namespace": "gitlab-org/gitlab-test", "default_branch": "master"},
    "commit": {"message": "test\n", "timestamp": "2016-08-12T17:23:21+02:00", "author": {"name": "User"}},
    "builds": [
        {"id": 380, "stage": "deploy", "name": "production", "status": "skipped", "started_at": None,
         "created_at": "2016-08-12 15:23:28 UTC", "finished_at": None, "runner": None, "allow_failure": False},
    ],
}  # fmt: skip


def test_a_pipeline_webhook_names_the_pipeline_to_fetch_and_reads_with_its_own_dates() -> None:
    reading = parse_webhook(HOOK)

    (seen,) = reading.builds
    assert (seen.external_id, seen.pipeline_name, seen.status, seen.author) == (
        "31", "gitlab-org/gitlab-test", "succeeded", "root",
    )  # fmt: skip
    assert str(seen.queued_at) == "2016-08-12 15:23:28+00:00"
    assert str(seen.finished_at) == "2016-08-12 15:26:29+00:00"
    assert (seen.started_at, seen.duration_seconds, seen.default_branch) == (None, 63, "master")
    assert [(each.build_external_id, each.job.external_id, each.job.status) for each in reading.jobs] == [
        ("31", "380", "skipped")
    ]
    assert "do-not-keep" not in repr(reading)
    named = named_by_webhook(HOOK)
    assert named is not None
    assert (named.project_external_id, named.project_path, named.external_id) == ("1", "gitlab-org/gitlab-test", "31")


def test_the_commit_of_a_job_webhook_has_the_pipelines_id() -> None:
    hook = {"object_kind": "build", "build_id": 7, "build_name": "unit", "build_stage": "test",
            "build_status": "failed", "build_failure_reason": "script_failure", "project_id": 380,
            "build_created_at": "2016-08-12 15:23:28 UTC", "commit": {"id": 2366}}  # fmt: skip

    (seen,) = parse_webhook(hook).jobs

    assert (seen.build_external_id, seen.repository_external_id) == ("2366", "380")
    assert (seen.job.status, seen.job.raw_status) == ("failed", "failed/script_failure")
    named = named_by_webhook(hook)
    assert named is not None
    assert (named.project_external_id, named.external_id) == ("380", "2366")


@pytest.mark.parametrize("body", [{"object_kind": "push"}, {}, [], None, {"object_kind": "pipeline"}])
def test_other_webhooks_name_no_pipeline(body: object) -> None:
    assert named_by_webhook(body) is None


def test_a_pipeline_that_does_not_say_its_project_is_read_and_the_problem_said() -> None:
    row = {key: value for key, value in a_pipeline().items() if key != "project_id"}

    (seen,) = parse_any(row).builds

    assert seen.problems == ("project_id is missing, so its project is not known",)


def test_one_odd_row_of_a_list_hides_no_other() -> None:
    reading = parse_any([a_pipeline(), {"message": "404 Not Found"}, None, a_pipeline(id=101)])

    assert [build.external_id for build in reading.builds] == ["100", "101"]
    assert [row.reason for row in reading.unreadable] == ["message", "JSON NoneType"]


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ([], "list of nothing"),
        ([{"key": "A", "value": "b"}], "list of variable"),
        ({"message": "404 Not Found"}, "message"),
        ({"error": "invalid_token"}, "error message"),
        (3, "JSON int"),
        ({"id": 1}, "object without a status"),
    ],
)
def test_what_is_neither_says_what_it_is(payload: object, told: str) -> None:
    assert parse_any(payload).not_a_build == told

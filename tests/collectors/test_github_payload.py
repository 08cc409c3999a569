"""GitHub's runs, jobs and webhooks read into observations."""

from datetime import datetime, timedelta

import pytest

from collectors.fields import parse_instant
from collectors.github_payload import parse_job, parse_run, parse_runs, with_jobs
from collectors.github_reading import parse_webhook
from collectors.github_status import CONCLUSIONS, STATUSES
from shared.observation import Observation, ObservedJob, Unreadable, finished_first
from shared.status import Status
from tests.collectors.github_rows import Row, a_job, a_run, at
from tests.factories import NOON, minutes


def read(payload: Row, *, default_branch: str | None = None) -> Observation:
    parsed = parse_run(payload, "github.com", default_branch=default_branch)
    assert isinstance(parsed, Observation), parsed
    return parsed


def read_job(payload: Row) -> ObservedJob:
    parsed = parse_job(payload, "github.com")
    assert isinstance(parsed, ObservedJob), parsed
    return parsed


def test_a_finished_run_is_read_whole() -> None:
    build = read(a_run(), default_branch="main")

    assert build == Observation(
        provider="github",
        pipeline_external_id="1/10",
        pipeline_name="CI",
        external_id="100",
        number=7,
        attempt=1,
        status=Status.SUCCEEDED,
        raw_status="completed/success",
        is_finished=True,
        merge_key=finished_first(True, NOON + minutes(5), Status.SUCCEEDED),
        queued_at=NOON,
        started_at=NOON,
        finished_at=NOON + minutes(5),
        is_finish_guessed=True,
        duration_seconds=300.0,
        web_url="https://github.com/acme/web/actions/runs/100",
        pipeline_url="https://github.com/acme/web/actions/workflows/ci.yml",
        default_branch="main",
        repository_external_id="1",
        repository_name="acme/web",
        repository_url="https://github.com/acme/web",
        branch="main",
        commit_sha="a" * 40,
        commit_message="Fix it",
        commit_author="Ada L.",
        committed_at=NOON - minutes(1),
        author="ada",
        event="push",
    )


@pytest.mark.parametrize(
    ("status", "conclusion", "ours", "raw", "is_finished"),
    [
        ("requested", None, Status.QUEUED, "requested", False),
        ("queued", None, Status.QUEUED, "queued", False),
        ("pending", None, Status.QUEUED, "pending", False),
        ("in_progress", None, Status.RUNNING, "in_progress", False),
        ("waiting", None, Status.BLOCKED, "waiting", False),
        ("completed", "action_required", Status.BLOCKED, "completed/action_required", False),
        ("completed", "success", Status.SUCCEEDED, "completed/success", True),
        ("completed", "failure", Status.FAILED, "completed/failure", True),
        ("completed", "startup_failure", Status.FAILED, "completed/startup_failure", True),
        ("completed", "cancelled", Status.CANCELLED, "completed/cancelled", True),
        ("completed", "skipped", Status.SKIPPED, "completed/skipped", True),
        ("completed", "neutral", Status.SKIPPED, "completed/neutral", True),
        ("completed", "timed_out", Status.TIMED_OUT, "completed/timed_out", True),
        ("completed", "stale", Status.TIMED_OUT, "completed/stale", True),
        ("completed", None, Status.UNKNOWN, "completed", True),
        ("completed", "exploded", Status.UNKNOWN, "completed/exploded", True),
        ("paused", None, Status.UNKNOWN, "paused", False),
        (None, None, Status.UNKNOWN, "missing", False),
    ],
)
def test_every_word_of_githubs_has_its_status(
    status: str | None, conclusion: str | None, ours: Status, raw: str, is_finished: bool
) -> None:
    build = read(a_run(status, conclusion))
    job = read_job(a_job(status, conclusion))

    assert (build.status, build.raw_status, build.is_finished) == (ours, raw, is_finished)
    assert (job.status, job.raw_status, job.is_finished) == (ours, raw, is_finished)
    assert (build.finished_at is None) is not is_finished
    assert bool(build.problems) is (ours is Status.UNKNOWN)
    if status != "completed":
        assert ours is STATUSES.get(status or "", Status.UNKNOWN)
    elif conclusion is not None:
        assert ours is CONCLUSIONS.get(conclusion, Status.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "conclusion"), [("queued", None), ("waiting", None), ("completed", "action_required")]
)
def test_what_waits_has_not_started(status: str | None, conclusion: str | None) -> None:
    assert read(a_run(status, conclusion)).started_at is None


def test_a_rerun_starts_when_it_was_rerun_and_stays_the_same_build() -> None:
    build = read(a_run(run_attempt=3, run_started_at=at(NOON + minutes(3))))

    assert (build.external_id, build.attempt) == ("100", 3)
    assert build.queued_at == NOON
    assert build.duration_seconds == 120.0


def test_an_old_run_lacks_what_came_later() -> None:
    old = a_run()
    for key in ("run_attempt", "run_started_at", "path", "display_title", "actor", "triggering_actor"):
        old.pop(key, None)

    build = read(old)

    assert (build.attempt, build.started_at, build.author, build.pipeline_url) == (1, NOON, None, None)
    assert build.problems == ()


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("", ".github/workflows/ci.yml@main", ".github/workflows/ci.yml"),
        (None, None, "workflow 10"),
        ("  CI\x00 ", None, "CI"),
        ("x" * 300, None, "x" * 255),
        ("bad \ud800", None, "bad \ufffd"),
    ],
)
def test_a_pipeline_always_has_a_name_that_can_be_stored(name: str | None, path: str | None, expected: str) -> None:
    assert read(a_run(name=name, path=path)).pipeline_name == expected


@pytest.mark.parametrize(
    ("updated_at", "problem"),
    [(NOON - minutes(1), "before it started"), (NOON + timedelta(days=36), "more than 35 days")],
)
def test_an_impossible_duration_is_unknown_and_said(updated_at: datetime, problem: str) -> None:
    build = read(a_run(updated_at=at(updated_at)))

    assert build.duration_seconds is None
    assert build.finished_at == updated_at
    assert problem in build.problems[0]


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "https://evil.example/x",
        "https://github.com@evil.example/",
        "ftp://github.com/x",
        7,
        "https://github.com/a b",
        "https://[",
        "https://github.com/" + "x" * 3_000,
    ],
)
def test_a_link_that_is_not_the_providers_is_dropped(link: object) -> None:
    build = read(a_run(html_url=link))

    assert build.web_url is None
    assert "html_url" in build.problems[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_number", 2**63),
        ("run_number", True),
        ("head_branch", ["main"]),
        ("updated_at", "yesterday"),
        ("updated_at", "0001-01-01T00:00:00Z"),
        ("run_started_at", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_a_field_of_the_wrong_kind_is_read_around_and_said(field: str, value: object) -> None:
    build = read(a_run() | {field: value})

    assert (build.external_id, build.attempt) == ("100", 1)
    assert field in build.problems[0]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (a_run(id=None), "id"),
        (a_run(id="not a number"), "id"),
        (a_run(workflow_id=0), "workflow_id"),
        (a_run(repository=None), "repository.id"),
        (a_run(created_at=None, updated_at=None, run_started_at=None), "created_at"),
        (a_run(run_attempt="two"), "run_attempt"),
        (a_run(run_attempt=0), "run_attempt"),
        (a_run(run_attempt=2**31), "run_attempt"),
        ("a text", "id"),
        (None, "id"),
    ],
)
def test_a_row_that_can_be_no_observation_leaves_the_others_alone(broken: object, reason: str) -> None:
    page = parse_runs({"workflow_runs": [a_run(), broken, a_run(id=101)]}, "github.com")

    assert [build.external_id for build in page.observations] == ["100", "101"]
    assert [row.kind for row in page.unreadable] == ["run"]
    assert reason in page.unreadable[0].reason


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20T12:00:00Z", NOON),
        ("2026-11-20T13:00:00.000+01:00", NOON),
        ("2026-11-20 12:00:00 UTC", NOON),
        ("2026-11-20T12:00:00", NOON),
        ("1970-01-01T00:00:00Z", None),
        ("", None),
        (1_605_873_600, None),
    ],
)
def test_instants_are_read_in_every_notation_seen(text: object, instant: datetime | None) -> None:
    assert parse_instant(text) == instant


def test_a_job_is_read_whole() -> None:
    assert read_job(a_job("completed", "failure")) == ObservedJob(
        external_id="1000",
        name="test",
        status=Status.FAILED,
        raw_status="completed/failure",
        is_finished=True,
        merge_key=finished_first(True, NOON + minutes(4), Status.FAILED),
        queued_at=NOON + timedelta(seconds=2),
        started_at=NOON + timedelta(seconds=12),
        finished_at=NOON + minutes(4),
        runner="hosted-1",
        web_url="https://github.com/acme/web/actions/runs/100/job/1000",
    )


def test_a_job_that_never_ran_never_started() -> None:
    skipped = read_job(a_job("completed", "skipped", started_at=at(NOON + minutes(1)), completed_at=at(NOON)))
    queued = read_job(a_job("queued", runner_name=""))
    backwards = read_job(a_job(completed_at=at(NOON)))

    assert (skipped.started_at, skipped.finished_at) == (None, NOON)
    assert (queued.started_at, queued.runner) == (None, None)
    assert (backwards.started_at, backwards.finished_at) == (None, NOON)


def test_a_jobs_later_stage_wins_over_an_earlier_one_told_in_the_same_second() -> None:
    same = at(NOON)
    stages = [
        a_job("queued", created_at=same, started_at=same),
        a_job("waiting", created_at=same, started_at=same),
        a_job("in_progress", created_at=same, started_at=same),
        a_job("completed", "success", created_at=same, started_at=same, completed_at=same),
    ]

    keys = [read_job(stage).merge_key for stage in stages]

    assert keys == sorted(keys)
    assert len(set(keys)) == 4


def test_the_jobs_tell_finish_and_queue_better_than_the_run() -> None:
    jobs = (read_job(a_job()), read_job(a_job(id=1001, created_at=at(NOON), completed_at=at(NOON + minutes(3)))))

    build = with_jobs(read(a_run(updated_at=at(NOON + timedelta(days=40)))), jobs)

    assert build.jobs == jobs
    assert build.finished_at == NOON + minutes(4)
    assert build.duration_seconds == 240.0
    assert build.queued_seconds == 10.0
    assert build.problems == ()


def test_untouched_jobs_of_a_rerun_tell_nothing_about_it() -> None:
    rerun = read(a_run(run_attempt=2, run_started_at=at(NOON + minutes(60)), updated_at=at(NOON + minutes(70))))
    untouched = read_job(a_job())
    again = read_job(
        a_job(
            id=1001,
            created_at=at(NOON + minutes(60)),
            started_at=at(NOON + minutes(61)),
            completed_at=at(NOON + minutes(68)),
        )
    )

    only_untouched, with_both = with_jobs(rerun, (untouched,)), with_jobs(rerun, (untouched, again))

    assert only_untouched.finished_at == NOON + minutes(70)
    assert only_untouched.queued_seconds is None
    assert (with_both.finished_at, with_both.duration_seconds) == (NOON + minutes(68), 480.0)
    assert with_both.queued_seconds == 60.0


def test_a_running_build_takes_no_finish_from_its_finished_jobs() -> None:
    build = with_jobs(read(a_run("in_progress")), (read_job(a_job()), read_job(a_job("paused", id=1001))))

    assert (build.finished_at, build.duration_seconds) == (None, None)
    assert build.problems == ("job 1001: status paused is unknown",)


def test_a_webhook_is_believed_by_its_object_not_by_its_action() -> None:
    queued = {"action": "completed", "workflow_run": a_run("queued"), "repository": {"default_branch": "trunk"}}
    blocked = {"action": "requested", "workflow_run": a_run("completed", "action_required")}
    waiting = {"action": "queued", "workflow_job": a_job("waiting"), "repository": {"id": 1}}

    (build,) = parse_webhook("workflow_run", queued, "github.com").builds
    (second,) = parse_webhook("workflow_run", blocked, "github.com").builds
    (job,) = parse_webhook("workflow_job", waiting, "github.com").jobs

    assert (build.status, build.is_finished, build.default_branch) == (Status.QUEUED, False, "trunk")
    assert (second.status, second.is_finished) == (Status.BLOCKED, False)
    assert (job.build_external_id, job.attempt, job.repository_external_id) == ("100", 1, "1")
    assert (job.job.status, job.job.started_at) == (Status.BLOCKED, None)


@pytest.mark.parametrize(
    ("event", "body", "reason"),
    [
        ("workflow_job", {"action": "queued", "workflow_job": None}, "workflow_job webhook without a workflow_job"),
        ("workflow_run", [], "workflow_run webhook without a workflow_run"),
        ("check_run", {"check_run": {}}, "check_run webhook"),
    ],
)
def test_a_webhook_without_a_build_says_why(event: str, body: object, reason: str) -> None:
    assert parse_webhook(event, body, "github.com").not_a_build == reason


def test_a_webhook_with_a_broken_build_is_a_problem() -> None:
    reading = parse_webhook("workflow_run", {"workflow_run": {"id": 5}}, "github.com")

    assert reading.unreadable == (
        Unreadable(kind="run", external_id="5", reason="a run without a usable workflow_id, repository.id, created_at"),
    )

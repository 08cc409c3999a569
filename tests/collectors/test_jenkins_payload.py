"""Jenkins' builds, queue items, stages and trees read into observations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.jenkins_payload import (
    Left,
    as_paused,
    is_paused,
    parse_build,
    parse_queue_item,
    parse_stages,
    upstream_of,
)
from collectors.jenkins_reading import parse_any, refetch_ids
from collectors.jenkins_tree import LEVELS_AT_ONCE, Place, named_by, parse_tree, path_of, place_of, tree_query
from shared.observation import Observation, Unreadable
from shared.status import CancelReason, Status
from tests.collectors.jenkins_rows import MILLIS, a_run, causes, revision

BASE = "https://ci.example.com/jenkins"
BEGAN = datetime(2025, 11, 20, 12, tzinfo=UTC)
MAIN = Place("team/app/main", "team/app", "main")
PLAIN = Place("team/tool", "team/tool")
SHA, LIBRARY = "a" * 40, "b" * 40


def build(place: Place = PLAIN, seen_at: datetime | None = None, **overrides: Any) -> Observation:
    parsed = parse_build(a_run(**overrides), place, BASE, seen_at=seen_at)
    assert isinstance(parsed, Observation)
    return parsed


@pytest.mark.parametrize(
    ("row", "status", "raw", "is_finished", "is_unstable"),
    [
        ({"result": "SUCCESS"}, Status.SUCCEEDED, "SUCCESS", True, False),
        ({"result": "UNSTABLE"}, Status.FAILED, "UNSTABLE", True, True),
        ({"result": "FAILURE"}, Status.FAILED, "FAILURE", True, False),
        ({"result": "ABORTED"}, Status.CANCELLED, "ABORTED", True, False),
        ({"result": "NOT_BUILT"}, Status.SKIPPED, "NOT_BUILT", True, False),
        ({"result": None}, Status.UNKNOWN, "no result", True, False),
        ({"result": "HALF_FULL"}, Status.UNKNOWN, "HALF_FULL", True, False),
        ({"result": None, "building": True}, Status.RUNNING, "building", False, False),
        ({"result": "UNSTABLE", "building": True}, Status.RUNNING, "building/UNSTABLE", False, False),
        ({"result": None, "building": None}, Status.UNKNOWN, "no result", False, False),
    ],
)
def test_building_wins_over_the_result(
    row: dict[str, Any], status: Status, raw: str, is_finished: bool, is_unstable: bool
) -> None:
    read = build(**row)

    assert (read.status, read.raw_status, read.is_finished, read.is_unstable) == (
        status, raw, is_finished, is_unstable,
    )  # fmt: skip


def test_a_finished_build_ends_its_duration_after_it_began_and_beats_every_look_at_it_running() -> None:
    done = build(duration=90_500)
    running = build(building=True, result="FAILURE", duration=0, seen_at=BEGAN + timedelta(hours=9))

    assert (done.started_at, done.finished_at, done.duration_seconds) == (BEGAN, BEGAN + timedelta(seconds=90.5), 90.5)
    assert not done.is_finish_guessed
    assert running.finished_at is None
    assert done.merge_key > running.merge_key > build(building=True, seen_at=BEGAN).merge_key


def test_a_running_build_tells_how_far_it_should_be() -> None:
    seen_at = BEGAN + timedelta(seconds=20)

    assert build(building=True, seen_at=seen_at).progress == 0.25
    assert build(building=True, seen_at=BEGAN + timedelta(hours=1)).progress == 1.0
    assert build(building=True, estimatedDuration=-1, seen_at=seen_at).progress is None
    assert build(seen_at=seen_at).progress is None


@pytest.mark.parametrize("damage", [{"timestamp": 0}, {"timestamp": -1}, {"timestamp": None}, {"number": None}])
def test_a_damaged_record_is_unreadable(damage: dict[str, Any]) -> None:
    read = parse_build(a_run(**damage), PLAIN, BASE)

    assert isinstance(read, Unreadable)
    assert "damaged" in read.reason


def test_an_old_core_without_classes_ids_or_newer_fields_is_read() -> None:
    row = {"number": 3, "id": "2014-07-25_05-15-17", "timestamp": MILLIS, "result": "SUCCESS", "building": False}

    read = parse_build(row, PLAIN, BASE)

    assert isinstance(read, Observation)
    assert (read.external_id, read.status, read.duration_seconds) == (f"team/tool/3@{MILLIS}", Status.SUCCEEDED, None)
    assert read.problems == ()


def test_a_branch_job_belongs_to_its_multibranch_project_and_links_lead_to_the_configured_base() -> None:
    read = build(place_of("team/app/feature%2Fx", is_branch=True), url="http://internal:8080/job/other/12/")

    assert (read.pipeline_external_id, read.branch) == ("team/app", "feature/x")
    assert read.external_id == f"team/app/feature%2Fx/12@{MILLIS}"
    assert read.web_url == f"{BASE}/job/team/job/app/job/feature%252Fx/12/"
    assert read.pipeline_url == f"{BASE}/job/team/job/app/"
    assert read.formerly == "queue/77"


def test_the_revision_is_that_of_the_branch_not_of_a_library_before_it() -> None:
    library = revision(LIBRARY, "trunk", "https://git.example.com/shared/library.git")
    own = revision(SHA, "main", "git@git.example.com:acme/app.git")

    assert build(MAIN, actions=[{}, library, own, {}]).commit_sha == SHA
    plain = build(
        actions=[revision(SHA, "refs/remotes/origin/release", "https://bot:secret@git.example.com/acme/app"), library]
    )
    assert (plain.commit_sha, plain.branch, plain.default_branch) == (SHA, "release", "release")
    assert (plain.repository_external_id, plain.repository_name) == ("git.example.com/acme/app", "acme/app")


def test_the_commit_is_described_by_the_change_that_was_built() -> None:
    items = [{"commitId": LIBRARY, "msg": "no"}, {"commitId": SHA, "msg": "Fix it", "author": {"fullName": "Ada"}}]

    read = build(MAIN, actions=[revision(SHA, "main")], changeSets=[{"items": items}])

    assert (read.commit_message, read.commit_author) == ("Fix it", "Ada")


USER = {"_class": "hudson.model.Cause$UserIdCause", "userId": "ada", "userName": "Ada Quill"}
REPLAY = {"_class": "org.jenkinsci.plugins.workflow.cps.replay.ReplayCause", "shortDescription": "Replayed #1"}
TIMER = {"_class": "hudson.triggers.TimerTrigger$TimerTriggerCause"}
UPSTREAM = {"_class": "hudson.model.Cause$UpstreamCause", "upstreamProject": "team/app/main", "upstreamBuild": 4}


@pytest.mark.parametrize(
    ("given", "event", "author"),
    [
        ([USER], "manual", "ada"),
        ([USER, REPLAY], "replay", "ada"),
        ([TIMER, USER], "schedule", "ada"),
        ([UPSTREAM], "upstream", None),
        ([{"_class": "jenkins.branch.BranchEventCause", "shortDescription": "Pull request #2 opened"}],
         "pull_request", None),
        ([{"_class": "com.example.SomeOddCause"}], "some_odd", None),
        ([{"shortDescription": "Started by user x", "userId": None, "userName": "anonymous"}], "manual", None),
        ([], None, None),
    ],
)  # fmt: skip
def test_causes_tell_what_and_who_started_it(
    given: list[dict[str, Any]], event: str | None, author: str | None
) -> None:
    read = build(actions=[{}, causes(*given)])

    assert (read.event, read.author) == (event, author)


def test_an_upstream_cause_names_the_build_before() -> None:
    assert upstream_of(a_run(actions=[causes(USER, UPSTREAM)])) == ("team/app/main", 4)
    assert upstream_of(a_run()) is None


def test_why_it_was_aborted_is_read_where_an_interruption_tells() -> None:
    timeout = {"_class": "org.jenkinsci.plugins.workflow.steps.TimeoutStepExecution$ExceededTimeout"}
    action = {"_class": "jenkins.model.InterruptedBuildAction", "causes": [timeout]}

    assert build(result="ABORTED", actions=[action]).cancel_reason is CancelReason.TIMEOUT
    assert build(result="ABORTED", actions=[action]).event is None
    assert build(result="ABORTED").cancel_reason is None


def test_the_wait_is_told_by_the_metrics_plugin_only() -> None:
    waited = {
        "_class": "jenkins.metrics.impl.TimeInQueueAction",
        "queuingDurationMillis": 12,
        "queuingTimeMillis": 4500,
    }

    assert build(actions=[waited]).queued_seconds == 4.5
    assert build(actions=[{"_class": "jenkins.metrics.impl.TimeInQueueAction"}]).queued_seconds is None


def test_nonsense_in_every_field_is_read_around() -> None:
    row = {key: ["nonsense"] for key in a_run()} | {"number": 12, "timestamp": MILLIS}

    read = parse_build(row, PLAIN, BASE)

    assert isinstance(read, Observation)
    assert read.status is Status.UNKNOWN
    assert len(read.problems) >= 4


def item(**overrides: Any) -> dict[str, Any]:
    task = {"name": "main", "url": "http://internal:8080/job/team/job/app/job/main/"}
    return {"id": 77, "inQueueSince": MILLIS - 5000, "buildable": True, "task": task} | overrides


def test_a_queue_item_is_a_queued_build_until_it_has_a_number_or_is_cancelled() -> None:
    waiting = parse_queue_item(item(), MAIN, BASE)
    cancelled = parse_queue_item(item(cancelled=True, executable=None), MAIN, BASE, seen_at=BEGAN)
    left = parse_queue_item(item(executable={"number": 12}), MAIN, BASE)

    assert isinstance(waiting, Observation)
    assert isinstance(cancelled, Observation)
    assert (waiting.external_id, waiting.status, waiting.branch) == ("queue/77", Status.QUEUED, "main")
    assert (cancelled.status, cancelled.is_finished) == (Status.CANCELLED, True)
    assert cancelled.merge_key > waiting.merge_key
    assert build(building=True, seen_at=BEGAN).merge_key > waiting.merge_key
    assert left == Left("77", 12)


def test_stages_are_read_with_their_odd_durations() -> None:
    rows = [
        {"id": "6", "name": "Build", "status": "SUCCESS", "startTimeMillis": MILLIS, "durationMillis": 1500},
        {"id": "9", "name": "Test", "status": "IN_PROGRESS", "startTimeMillis": MILLIS, "durationMillis": -3},
        {"id": "12", "status": "NOT_EXECUTED", "startTimeMillis": 0, "durationMillis": 0},
        {"id": "15", "name": "Odd", "status": "DREAMING"},
        {"name": "no id"},
    ]

    built, running, skipped, odd = parse_stages({"stages": rows})

    assert (built.status, built.finished_at) == (Status.SUCCEEDED, BEGAN + timedelta(seconds=1.5))
    assert (running.status, running.finished_at) == (Status.RUNNING, None)
    assert (skipped.status, skipped.started_at, skipped.name) == (Status.SKIPPED, None, "stage 12")
    assert (odd.status, odd.raw_status, odd.is_finished) == (Status.UNKNOWN, "DREAMING", False)


def test_a_paused_build_is_blocked() -> None:
    running = build(building=True, seen_at=BEGAN)

    assert is_paused({"status": "PAUSED_PENDING_INPUT", "stages": []})
    assert not is_paused({"status": "IN_PROGRESS", "stages": []})
    assert (as_paused(running).status, as_paused(running).is_finished) == (Status.BLOCKED, False)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://x/jenkins/job/team/job/app/job/feature%252Fx/7/", ("team/app/feature%2Fx", 7)),
        ("https://x/view/all/job/org/job/app/", ("org/app", None)),
        ("job/asgard/18/", ("asgard", 18)),
        ("/jenkins/job/Test%20Workflow/16/wfapi/describe", ("Test Workflow", 16)),
        ("http://x/job/job/job/7/8/", ("job/7", 8)),
        ("http://x/computer/", None),
    ],
)
def test_addresses_name_jobs_and_builds(url: str, named: tuple[str, int | None] | None) -> None:
    assert named_by(url) == named


def test_a_path_encodes_a_branch_name_once_more() -> None:
    assert path_of("team/app/feature%2Fx") == "/job/team/job/app/job/feature%252Fx"
    assert named_by(path_of("a b/ü/fix%2Fgr%C3%B6%C3%9Fe")) == ("a b/ü/fix%2Fgr%C3%B6%C3%9Fe", None)
    assert path_of("/") == ""


def test_a_tree_is_asked_for_level_by_level_and_says_when_it_goes_on() -> None:
    deep: dict[str, Any] = {"name": "bottom", "builds": []}
    for level in range(LEVELS_AT_ONCE):
        deep = {"name": f"f{level}", "jobs": [deep]}

    assert tree_query(0).count("jobs[") == LEVELS_AT_ONCE
    assert tree_query(4).startswith("name,jobs[name,jobs[name,jobs[name,jobs[name,queueItem")
    assert parse_tree(deep, "/", 0).is_cut
    assert [job.place.full_name for job in parse_tree(deep, "/", LEVELS_AT_ONCE).jobs] == ["f2/f1/f0/bottom"]


def notification(**build_fields: Any) -> dict[str, Any]:
    build = {"full_url": f"{BASE}/job/team/job/tool/12/", "number": 12, "queue_id": 77, "phase": "FINALIZED"}
    return {"name": "tool", "url": "job/team/job/tool/", "build": build | build_fields}


@pytest.mark.parametrize(
    ("told", "millis"),
    [(MILLIS, MILLIS), ("2025-11-20T12:00:00.7+00:00", MILLIS + 7), ("2025-11-20T12:00:00.120+00:00", MILLIS + 120)],
)
def test_a_notification_is_read_and_names_what_to_fetch(told: object, millis: int) -> None:
    body = notification(timestamp=told, status="UNSTABLE", duration=5000, scm={"branch": "origin/main", "commit": SHA})

    (read,) = parse_any(body).builds

    assert (read.external_id, read.status, read.is_unstable) == (f"team/tool/12@{millis}", Status.FAILED, True)
    assert (read.branch, read.commit_sha, read.web_url) == ("main", SHA, f"{BASE}/job/team/job/tool/12/")
    assert refetch_ids(body) == ("team/tool/12",)
    assert refetch_ids(notification(phase="QUEUED")) == ("queue/77",)
    assert refetch_ids({"build": {"phase": "STARTED"}}) == refetch_ids(["nonsense"]) == ()


def test_a_started_notification_is_a_running_build_whatever_its_status() -> None:
    (read,) = parse_any(notification(phase="STARTED", timestamp=MILLIS, status="FAILURE")).builds

    assert read.status is Status.RUNNING

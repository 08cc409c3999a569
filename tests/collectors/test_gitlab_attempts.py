"""The attempts of a GitLab pipeline: a function of its jobs' own instants, whenever we look."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.gitlab_attempts import complete, openings, running_seconds
from collectors.gitlab_payload import PipelineJob, Project, parse_job, parse_pipeline
from shared.observation import Observation
from tests.collectors.gitlab_rows import Row, a_job, a_pipeline, at, seconds
from tests.factories import NOON
from tests.factories import a_job as an_observed_job


def ran(number: int, begin: float, end: float | None, status: str = "success", **overrides: Any) -> Row:
    """A job made with the pipeline unless it says otherwise, that ran between these seconds."""
    ended = None if end is None else at(seconds(end))
    times = {"started_at": at(seconds(begin)), "finished_at": ended, "queued_duration": 1.0}
    return a_job(number, status, **(times | overrides))


def retried(number: int, made: float, end: float | None, status: str = "success", **overrides: Any) -> Row:
    """A job that somebody (or GitLab) made later, and that began two seconds after."""
    return ran(number, made + 2, end, status, **({"created_at": at(seconds(made))} | overrides))


def never(number: int, status: str, **overrides: Any) -> Row:
    """A job that did not go on its way so far."""
    return a_job(number, status, **({"started_at": None, "finished_at": None, "queued_duration": None} | overrides))


def parsed(*rows: Row) -> list[PipelineJob]:
    jobs = [parse_job(row, "gitlab.com", now=seconds(1000)) for row in rows]
    assert all(isinstance(job, PipelineJob) for job in jobs)
    return [job for job in jobs if isinstance(job, PipelineJob)]


def attempts(*rows: Row, **pipeline: Any) -> tuple[Observation, ...]:
    seen = parse_pipeline(a_pipeline(**pipeline), "gitlab.com", Project(path="group/web"))
    assert isinstance(seen, Observation)
    return complete(seen, parsed(*rows))


FAILED = ran(1, 10, 60, "failed")


@pytest.mark.parametrize(
    ("rows", "opened"),
    [
        ((), []),
        ((FAILED,), []),
        ((FAILED, retried(2, 100, 150)), [100]),
        ((FAILED, retried(2, 100, 150, "failed"), retried(3, 200, None, "running")), [100, 200]),
        # GitLab's own retry is made in the moment of the failure, even where nothing else runs.
        ((FAILED, retried(2, 60.2, 100)), []),
        # Something else still ran, or waited for a runner, when somebody retried.
        ((FAILED, ran(5, 10, 300, name="slow"), retried(2, 100, 150)), []),
        ((FAILED, ran(5, 140, 300, name="slow", queued_duration=120.0), retried(2, 100, 150)), []),
        ((FAILED, ran(5, 10, None, "running", name="slow"), retried(2, 100, 150)), []),
        ((FAILED, never(5, "pending", name="slow", queued_duration=950.0), retried(2, 100, None, "running")), []),
        # A played manual job is no new one; that one waits for a person keeps nothing open.
        ((FAILED, ran(5, 500, 550, name="deploy", queued_duration=2.0)), []),
        ((FAILED, never(5, "manual", name="deploy"), retried(2, 100, 150)), [100]),
        # Retrying the pipeline makes a new job of everything that failed: one attempt.
        ((FAILED, ran(4, 10, 50, "failed", name="lint"), retried(2, 100, 150), retried(3, 100.1, 170, name="lint")),
         [100]),
        # The retry revives what the failure had skipped, under its old id.
        ((FAILED, ran(5, 160, 200, name="package", queued_duration=1.0), retried(2, 100, 150)), [100]),
        ((FAILED, never(5, "pending", name="package", queued_duration=10.0), retried(2, 100, 150)), [100]),
        # Canceled or given up before it started, and retried.
        ((never(1, "canceled", finished_at=at(seconds(60))), retried(2, 100, 150)), [100]),
        ((never(1, "failed", finished_at=at(seconds(60)), failure_reason="stuck_or_timeout_failure"),
          retried(2, 100, None, "canceled", started_at=None, finished_at=at(seconds(120)), queued_duration=None),
          retried(3, 200, 240)), [100, 200]),
    ],
)  # fmt: skip
def test_a_retry_after_everything_had_come_to_rest_opens_an_attempt(rows: tuple[Row, ...], opened: list[float]) -> None:
    expected = tuple(seconds(instant) for instant in opened)

    assert openings(parsed(*rows)) == expected
    assert openings(parsed(*reversed(rows))) == expected


def test_an_earlier_attempt_has_the_verdict_and_the_times_of_its_jobs() -> None:
    lint, package = ran(4, 5, 30, name="lint"), ran(6, 160, 200, name="package")
    first, second = attempts(FAILED, lint, package, retried(2, 100, 150), updated_at=at(seconds(201)))

    assert (first.attempt, first.status, first.raw_status, first.is_finished) == (1, "failed", "failed", True)
    assert (first.started_at, first.finished_at) == (seconds(5), seconds(60))
    assert first.duration_seconds == 55
    assert first.queued_seconds == 5
    assert (second.attempt, second.status, second.duration_seconds) == (2, "succeeded", 280)
    assert (second.started_at, second.finished_at) == (seconds(102), seconds(300))
    assert second.queued_seconds == 2


def test_each_attempt_lists_its_own_jobs_and_those_that_did_not_run_in_it() -> None:
    package = ran(6, 160, 200, name="package")
    first, second = attempts(FAILED, package, retried(2, 100, 150))

    assert [(job.external_id, job.status) for job in first.jobs or ()] == [("1", "failed"), ("6", "skipped")]
    assert [(job.external_id, job.status) for job in second.jobs or ()] == [("6", "succeeded"), ("2", "succeeded")]


def test_what_was_not_retried_still_counts_in_the_verdict_of_the_attempt_after() -> None:
    other = ran(4, 10, 50, "failed", name="other")
    rows = (FAILED, other, retried(2, 100, 150), retried(3, 300, None, "running", name="other"))

    assert [each.status for each in attempts(*rows, status="running")] == ["failed", "failed", "running"]


@pytest.mark.parametrize(
    ("rows", "verdict", "is_unstable"),
    [
        ((ran(1, 10, 60, "canceled"),), "cancelled", False),
        ((ran(1, 10, 60, "canceled"), ran(4, 10, 50, "failed", name="lint")), "failed", False),
        ((ran(1, 10, 60), ran(4, 10, 50, "failed", name="lint", allow_failure=True)), "succeeded", True),
        ((ran(1, 10, 60),), "succeeded", False),
        ((ran(1, 10, 60, "failed", failure_reason="job_execution_timeout"),), "failed", False),
    ],
)
def test_a_superseded_attempt_ends_as_gitlab_would_have_said(
    rows: tuple[Row, ...], verdict: str, is_unstable: bool
) -> None:
    first, _ = attempts(*rows, retried(9, 100, 150, name="again"))

    assert (first.status, first.is_unstable) == (verdict, is_unstable)


def test_a_superseded_attempt_beats_whatever_was_seen_of_it_before_and_never_changes_again() -> None:
    (running,) = attempts(ran(1, 10, None, "running"), status="running", updated_at=at(seconds(12)))
    (failed,) = attempts(FAILED, status="failed", updated_at=at(seconds(61)))
    soon, _ = attempts(FAILED, retried(2, 100, None, "running"), status="running", updated_at=at(seconds(103)))
    late, _ = attempts(FAILED, retried(2, 100, 150), updated_at=at(seconds(151)))

    assert running.merge_key < failed.merge_key < soon.merge_key
    assert soon == late


def test_a_reopened_pipeline_is_the_same_attempt_and_its_last_word_wins() -> None:
    deploy = never(5, "manual", name="deploy", allow_failure=True)
    (passed,) = attempts(ran(1, 10, 60), deploy, updated_at=at(seconds(61)))
    played = ran(5, 500, None, "running", name="deploy", allow_failure=True)
    (reopened,) = attempts(ran(1, 10, 60), played, status="running", updated_at=at(seconds(501)))

    assert (passed.attempt, reopened.attempt) == (1, 1)
    assert passed.merge_key < reopened.merge_key
    assert (reopened.status, reopened.finished_at) == ("running", None)
    assert reopened.started_at == seconds(4)
    keys = [{job.external_id: job.merge_key for job in seen.jobs or ()} for seen in (passed, reopened)]
    assert keys[0]["5"] < keys[1]["5"]
    assert keys[0]["1"] == keys[1]["1"]


def test_a_start_that_an_old_gitlab_moved_is_taken_from_the_jobs() -> None:
    (seen,) = attempts(ran(1, 10, 60), started_at=at(seconds(500)))

    assert seen.started_at == seconds(10)


def test_a_skipped_pipeline_ended_when_it_was_made() -> None:
    (seen,) = attempts(never(1, "skipped"), status="skipped", started_at=None)

    assert (seen.started_at, seen.finished_at, seen.is_finished) == (None, NOON, True)


def test_a_pipeline_whose_configuration_is_broken_has_no_jobs() -> None:
    (seen,) = attempts(status="failed", updated_at=at(NOON), started_at=None, finished_at=None, duration=None)

    assert (seen.attempt, seen.status, seen.jobs, seen.finished_at) == (1, "failed", (), NOON)


def test_an_allowed_failure_makes_a_pass_unstable_though_an_old_gitlab_does_not_say_so() -> None:
    (seen,) = attempts(ran(1, 10, 60), ran(4, 10, 50, "failed", name="audit", allow_failure=True))

    assert (seen.status, seen.is_unstable) == ("succeeded", True)


def test_jobs_tell_the_commit_and_their_unknown_words() -> None:
    (seen,) = attempts(ran(1, 10, 60), never(4, "hibernating", name="odd"))

    assert (seen.commit_message, seen.commit_author) == ("Fix it", "Ada L.")
    assert seen.problems == ("job 4: status hibernating is unknown",)


def test_running_time_is_the_union_without_the_waiting() -> None:
    spans = [(0, 10), (5, 20), (6, 7), (100, 130)]
    jobs = [an_observed_job(started_at=seconds(begin), finished_at=seconds(end)) for begin, end in spans]

    assert running_seconds(jobs) == 50
    assert running_seconds([]) is None


def test_a_thousand_jobs_are_no_matter() -> None:
    rows = [ran(number, 10, 60, name=f"job {number}") for number in range(1, 1001)]

    assert len(openings(parsed(*rows, *(retried(2000 + n, 100 + n / 1000, 150) for n in range(100))))) == 1


TIMES = ("created_at", "started_at", "finished_at")
INSTANTS = st.none() | st.integers(-50, 400).map(seconds)
WORDS = st.sampled_from(["created", "pending", "running", "success", "failed", "canceled", "skipped", "manual", "odd"])


@st.composite
def any_jobs(draw: st.DrawFn) -> list[PipelineJob]:
    """Jobs with whatever instants, sensible or not."""
    rows = []
    for number in range(1, draw(st.integers(0, 6)) + 1):
        instants = {key: draw(INSTANTS) for key in TIMES}
        told = {key: None if instant is None else at(instant) for key, instant in instants.items()}
        waited, name = draw(st.none() | st.integers(0, 100)), draw(st.sampled_from("abc"))
        is_allowed = draw(st.booleans())
        rows.append(a_job(number, draw(WORDS), name=name, allow_failure=is_allowed, queued_duration=waited, **told))
    return parsed(*rows)


def test_two_jobs_made_at_one_instant_open_nothing_for_each_other_in_either_order() -> None:
    made = at(seconds(2))
    ended = never(1, "success", created_at=made, finished_at=at(seconds(1)))
    waits = never(2, "created", created_at=made)

    assert openings(parsed(ended, waits)) == openings(parsed(waits, ended)) == ()


@given(any_jobs(), st.randoms(use_true_random=False))
def test_whatever_the_instants_attempts_are_numbered_and_every_job_has_its_own(
    jobs: list[PipelineJob], random: Random
) -> None:
    pipeline = parse_pipeline(a_pipeline("running"), "gitlab.com", Project())
    assert isinstance(pipeline, Observation)

    seen, again = complete(pipeline, jobs), complete(pipeline, random.sample(jobs, len(jobs)))

    assert [each.attempt for each in seen] == list(range(1, len(seen) + 1))
    assert all(each.is_finished for each in seen[:-1])
    assert {job.external_id for each in seen for job in each.jobs or ()} == {job.seen.external_id for job in jobs}
    assert all(each.duration_seconds is None or each.duration_seconds >= 0 for each in seen)
    assert [(each.status, each.merge_key, each.duration_seconds) for each in seen] == [
        (each.status, each.merge_key, each.duration_seconds) for each in again
    ]

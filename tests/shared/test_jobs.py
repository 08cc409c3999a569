"""A job that fails each time is spoken of; one that failed in passing is not, and neither is each job of an outage."""

from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from structlog.testing import capture_logs

from shared.jobs import FAILURES, LONG_ENOUGH, Job, Jobs, Trouble, in_words
from shared.log.redaction import register_secret
from tests.factories import NOON

WRONG = ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable('relation "outages" does not exist\nLINE 1'))
AWAY = OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))
CUT_SHORT = OperationalError("SELECT 1", {}, psycopg.errors.QueryCanceled("canceling statement due to timeout"))


class Time:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def jobs(time: Time) -> Jobs:
    return Jobs(time)


def raising(error: Exception) -> Callable[[], None]:
    def job() -> None:
        raise error

    return job


def fail(jobs: Jobs, time: Time, name: Job, error: Exception, *, times: int = FAILURES) -> None:
    """Fail so often, one after the other over the time that is long enough."""
    for _ in range(times):
        assert not jobs.run(name, raising(error))
        time.now += LONG_ENOUGH / times


@pytest.mark.parametrize("error", [WRONG, CUT_SHORT, KeyError("branch")])
def test_a_job_that_fails_each_time_is_in_trouble_since_its_first_failure(
    jobs: Jobs, time: Time, error: Exception
) -> None:
    fail(jobs, time, Job.FIGURES, error)

    [trouble] = jobs.troubles()

    assert (trouble.job, trouble.failures, trouble.since) == ("figures", FAILURES, NOON)
    assert type(error).__name__ in trouble.error
    assert "\n" not in trouble.error


def test_what_comes_through_again_is_in_no_trouble(jobs: Jobs, time: Time) -> None:
    fail(jobs, time, Job.FIGURES, WRONG)

    assert jobs.run(Job.FIGURES, lambda: None)
    fail(jobs, time, Job.FIGURES, WRONG, times=FAILURES - 1)

    assert jobs.troubles() == ()


def test_many_failures_within_seconds_are_no_trouble_yet(jobs: Jobs, time: Time) -> None:
    for _ in range(20):
        jobs.run(Job.ALERTS, raising(WRONG))

    assert jobs.troubles() == ()
    time.now += LONG_ENOUGH
    assert [trouble.job for trouble in jobs.troubles()] == ["alerts"]


def test_a_database_that_is_away_is_no_failure_of_any_job(jobs: Jobs, time: Time) -> None:
    with capture_logs() as told:
        fail(jobs, time, Job.ALERTS, AWAY)
        fail(jobs, time, Job.HEARTBEAT, AWAY)
        jobs.run(Job.TELEMETRY, lambda: None)  # it may have asked nobody
        jobs.run(Job.HEARTBEAT, lambda: None)

    assert jobs.troubles() == ()
    assert [line["event"] for line in told] == ["database trouble", "database is back"]


def test_a_heartbeat_that_comes_through_does_not_tell_that_it_failed(jobs: Jobs, time: Time) -> None:
    fail(jobs, time, Job.HEARTBEAT, WRONG)

    assert jobs.troubles() == ()


def test_the_log_has_the_trace_once_and_says_when_it_works_again(jobs: Jobs, time: Time) -> None:
    with capture_logs() as told:
        fail(jobs, time, Job.ALERTS, WRONG)
        jobs.run(Job.ALERTS, lambda: None)

    assert [(line["event"], line["log_level"], line["job"]) for line in told] == [
        ("job failed", "error", "alerts"),
        ("job works again", "info", "alerts"),
    ]
    assert told[0]["exc_info"] is WRONG


def test_no_secret_is_told_with_an_error(jobs: Jobs, time: Time) -> None:
    register_secret("hush-hush-hush-42")

    fail(jobs, time, Job.LOGS, ValueError("wrong password hush-hush-hush-42"))

    [trouble] = jobs.troubles()
    assert "hush" not in trouble.error
    assert trouble.error.startswith("ValueError: wrong password")


def a_trouble(job: str, minute: int = 0) -> Trouble:
    return Trouble(job, 7, NOON + timedelta(minutes=minute), "ValueError: no")


def test_words_for_readers_say_what_does_not_happen_and_not_why() -> None:
    assert in_words([(), ()]) is None
    assert in_words([(a_trouble("figures"),)]) == (
        "figures do not follow the builds: the job figures has failed each time since 2026-11-20 12:00:00 UTC"
    )


def test_of_several_schedulers_it_is_said_how_many_fail() -> None:
    words = in_words([(a_trouble("poll", 5), a_trouble("alerts")), (a_trouble("poll", 3),), ()])

    assert words == (
        "alerts are not decided on by 1 of 3 schedulers: the job alerts has failed each time since "
        "2026-11-20 12:00:00 UTC; sources are not polled by 2 of 3 schedulers: the job poll has failed each time since "
        "2026-11-20 12:03:00 UTC"
    )


def test_a_job_of_a_newer_scheduler_is_named_although_we_do_not_know_it() -> None:
    assert str(in_words([(a_trouble("weather"),)])).startswith("weather does not happen: ")

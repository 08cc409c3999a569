"""Whether a failure is new: against the real tables, and against a slow computation of the same."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.novelty import LOOKED_AT, Asked, Novelty, read_novelties
from shared.observation import ObservedJob
from tests.alerts.history import History, a_run
from tests.factories import a_job

_OF_THE_FIRST_PIPELINE = text("""
    SELECT number, id FROM builds WHERE pipeline_id = (SELECT min(id) FROM pipelines)
""")


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


def failing(*names: str, but: tuple[str, ...] = ()) -> tuple[ObservedJob, ...]:
    """An attempt's jobs, of which all but some failed."""
    return tuple(
        a_job("succeeded" if name in but else "failed", name=name, external_id=str(place))
        for place, name in enumerate((*names, *but))
    )


def novelty(session: Session, number: int, *, attempt: int = 1, first_bad: int | None = None) -> Novelty:
    """Of build `number`, which is its incident's first bad one unless that is said."""
    found = {row.number: row.id for row in session.execute(_OF_THE_FIRST_PIPELINE)}
    asked = Asked(7, (found[number], attempt), found[first_bad or number])
    return read_novelties(session, [asked])[7]


def test_a_failure_is_new_where_no_build_failed_in_all_of_its_jobs(session: Session, history: History) -> None:
    history.see(a_run(1, "failed", jobs=failing("lint")), a_run(2, "failed", jobs=failing("build")))

    history.see(a_run(3, "failed", jobs=failing("lint", "build", but=("test",))))

    assert novelty(session, 3) == Novelty(("build", "lint"))


def test_the_newest_build_that_failed_likewise_is_named(session: Session, history: History) -> None:
    history.see(*[a_run(number, "failed", jobs=failing("lint", "build")) for number in (1, 2)])

    history.see(a_run(3, "failed", jobs=failing("lint")))

    assert novelty(session, 3) == Novelty(("lint",), "2")


def test_a_job_that_failed_before_a_rerun_passed_is_an_old_acquaintance(session: Session, history: History) -> None:
    history.see(a_run(1, "failed", jobs=failing("lint")))
    history.see(a_run(1, "succeeded", attempt=2, jobs=failing(but=("lint",))))

    history.see(a_run(2, "timed_out", jobs=failing("lint")))

    assert novelty(session, 2).seen_in == "1"


def test_the_incidents_own_builds_make_nothing_old(session: Session, history: History) -> None:
    history.see(*[a_run(number, "failed", jobs=failing("lint")) for number in (1, 2)])

    assert novelty(session, 2, first_bad=1) == Novelty(("lint",))


def test_builds_of_other_pipelines_make_nothing_old(session: Session, history: History) -> None:
    history.see(a_run(2, "failed", jobs=failing("lint")))
    history.see(a_run(1, "failed", jobs=failing("lint"), pipeline_external_id="p/2"))

    assert novelty(session, 2) == Novelty(("lint",))


def test_what_is_further_back_than_a_hundred_builds_is_forgotten(session: Session, history: History) -> None:
    history.see(a_run(0, "failed", jobs=failing("lint")))
    history.see(*[a_run(number, "succeeded") for number in range(1, LOOKED_AT)])
    history.see(*[a_run(LOOKED_AT + n, "failed", jobs=failing("lint")) for n in (0, 1)])

    assert novelty(session, LOOKED_AT).seen_in == "0"
    session.execute(
        text("UPDATE jobs SET status = 'succeeded' WHERE build_id IN (SELECT id FROM builds WHERE number = 100)")
    )
    assert novelty(session, LOOKED_AT + 1).seen_in is None


@pytest.mark.parametrize("jobs", [None, (), failing(but=("lint",))])
def test_without_a_failed_job_nobody_can_know(session: Session, history: History, jobs: Any) -> None:
    history.see(a_run(1, "failed", jobs=jobs))

    assert novelty(session, 1) == Novelty()


def test_names_of_jobs_are_made_harmless_and_few() -> None:
    many = Novelty(tuple(f"job\n{n}" for n in range(8)), "1\u202e7")

    assert many.why_not == "its failed jobs (job 0, job 1, job 2, job 3, job 4 and 3 more) failed in build 1 7 as well"
    assert Novelty(("x" * 500,)).why == f"new: no build of the last 100 failed in {'x' * 59}…"


NAMES = ("lint", "build", "test")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=2), min_size=1, max_size=8))
def test_it_is_what_reading_all_builds_by_hand_says(session: Session, tried: list[list[set[str]]]) -> None:
    savepoint = session.begin_nested()
    history = History(session)
    for number, attempts in enumerate(tried, 1):
        for attempt, failed in enumerate(attempts, 1):
            jobs = failing(*sorted(failed), but=tuple(name for name in NAMES if name not in failed))
            history.see(a_run(number, "failed" if failed else "succeeded", attempt=attempt, jobs=jobs))

    ids = list(session.scalars(text("SELECT id FROM builds ORDER BY number")))
    asked = [Asked(n, (ids[n], 1), ids[n]) for n in range(len(tried))]
    found = read_novelties(session, asked)

    for place, attempts in enumerate(tried):
        jobs_of = attempts[0]
        before = [n for n in range(place) if any(jobs_of <= failed for failed in tried[n])]
        expected = Novelty(tuple(sorted(jobs_of)), str(max(before) + 1) if before else None) if jobs_of else Novelty()
        assert found[place] == expected
    savepoint.rollback()

"""What is flaky: a commit that passed right after it had failed, whatever came when."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.flakes import FEW_BUILDS
from shared.metrics.fold import fold_once
from shared.observation import Observation
from shared.recorder import record
from tests.factories import NOON, a_build, minutes
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance, cells, recorded


def nightly(number: int, status: str = "succeeded", **overrides: Any) -> Observation:
    """The build of one night of a commit that nobody follows up; the nights are a minute apart."""
    queued_at = NOON + timedelta(minutes=number)
    return a_build(status, external_id=str(number), queued_at=queued_at, event="schedule", **overrides)


def flaky(session: Session) -> dict[str, tuple[int, str, int]]:
    """Each flaky build: the attempt that passed, the build and the attempt that failed before."""
    statement = text("""
        SELECT b.external_id AS build, f.passed_attempt, p.external_id AS failed, f.failed_attempt
        FROM flakes f JOIN builds b ON b.id = f.build_id JOIN builds p ON p.id = f.failed_build_id
    """)
    rows = session.execute(statement)
    return {row.build: (row.passed_attempt, row.failed, row.failed_attempt) for row in rows}


def test_a_pass_right_after_a_failure_of_the_same_commit_is_a_flake(session: Session) -> None:
    recorded(session, an_instance(session), nightly(1, "failed"), nightly(2))

    fold_once(session)

    assert flaky(session) == {"2": (1, "1", 1)}
    assert cells(session, "status, flaky") == [(6, 1), (8, 0)]


def test_a_second_attempt_after_a_cancelled_one_is_none(session: Session) -> None:
    recorded(session, an_instance(session), nightly(1, "cancelled"), nightly(1, attempt=2))

    fold_once(session)

    assert flaky(session) == {}


def test_a_cancelled_attempt_between_a_failure_and_a_pass_changes_nothing(session: Session) -> None:
    recorded(session, an_instance(session), nightly(1, "failed"), nightly(1, "cancelled", attempt=2), nightly(2))

    fold_once(session)

    assert flaky(session) == {"2": (1, "1", 1)}


def test_two_commits_two_branches_and_two_events_do_not_follow_one_another(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, nightly(1, "failed"), nightly(2, commit_sha="b" * 40), nightly(3, branch="develop"))
    recorded(session, instance, a_build(external_id="4", queued_at=NOON + minutes(4)))

    fold_once(session)

    assert flaky(session) == {}


def test_a_verdict_that_comes_late_unmakes_the_flake_of_the_build_after_it(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, nightly(1, "failed"), nightly(3))
    fold_once(session)
    recorded(session, instance, nightly(2))

    fold_once(session)

    assert flaky(session) == {"2": (1, "1", 1)}
    assert cells(session, "status, flaky") == [(6, 1), (8, 0)]


def test_a_branch_that_becomes_known_takes_its_build_out_of_the_line_it_stood_in(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, nightly(1, "failed", branch=None), nightly(2, branch=None))
    fold_once(session)
    before = flaky(session)
    recorded(session, instance, nightly(1, "failed"))

    fold_once(session)

    assert (before, flaky(session)) == ({"2": (1, "1", 1)}, {})
    assert cells(session, "flaky") == [(0,), (0,)]


def many_nights(session: Session, instance: int, nights: int) -> None:
    seen = [nightly(number, "failed" if number % 7 == 3 else "succeeded") for number in range(0, 2 * nights, 2)]
    record(session, seen, instance_id=instance, source_id=None, is_backfill=False)
    fold_once(session)


def test_of_a_commit_with_very_many_builds_the_neighbours_are_judged_like_of_any_other(session: Session) -> None:
    instance = an_instance(session)
    many_nights(session, instance, FEW_BUILDS + 20)
    for seen in (
        nightly(403, "failed"),
        nightly(501, "cancelled"),
        nightly(504, "failed", attempt=2),
        nightly(603, "failed", branch=None),
        nightly(605, branch=None),
        nightly(3000, "failed"),
        nightly(3001),
    ):
        recorded(session, instance, seen)
        fold_once(session)
    recorded(session, instance, nightly(603, "failed"))

    fold_once(session)

    assert oracle.kept_flakes(session) == oracle.flakes(session)
    assert oracle.kept(session) == oracle.counted(session)
    assert {"404", "506", "3001"} <= flaky(session).keys()


OTHER_BUILDS = """
    INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished, pipeline_name,
                        queued_at, commit_sha, merge_key)
    SELECT b.pipeline_id, 1, 'other ' || n, 1, 'running', 'running', false, 'ci', b.queued_at - n * interval '1 minute',
           md5(n::text), '{}'
    FROM (SELECT * FROM builds ORDER BY id LIMIT 1) b, generate_series(1, 20000) n
"""


def test_of_a_commit_with_very_many_builds_a_fold_reads_few(session: Session) -> None:
    instance = an_instance(session)
    many_nights(session, instance, 3 * FEW_BUILDS)
    session.execute(text(OTHER_BUILDS))
    session.execute(text("ANALYZE builds, attempts"))
    recorded(session, instance, nightly(9001, "failed"))
    before = _builds_read(session)

    fold_once(session)

    assert _builds_read(session) - before < FEW_BUILDS + 100


def _builds_read(session: Session) -> int:
    """Rows of builds that were read in this transaction, through whatever index or none."""
    statement = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'builds'")
    count: int = session.execute(statement).scalar_one()
    return count

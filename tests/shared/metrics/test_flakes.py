"""What is flaky: a commit that passed right after it had failed, whatever came when."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.cells import Grain
from shared.metrics.flakes import FAR, FEW_BUILDS
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


@pytest.mark.parametrize("status", ["running", "cancelled", "skipped", "unknown"])
def test_a_build_without_a_verdict_is_not_flaky_until_it_has_one_again(session: Session, status: str) -> None:
    instance = an_instance(session)
    recorded(session, instance, nightly(1, "failed"), nightly(1, attempt=2))
    fold_once(session)
    before = flaky(session)
    recorded(session, instance, nightly(1, status, attempt=3))
    fold_once(session)
    meanwhile, cell = flaky(session), cells(session, "flaky", grain=Grain.EVER)
    recorded(session, instance, nightly(1, "failed", attempt=4))

    fold_once(session)

    assert (before, meanwhile) == ({"1": (2, "1", 1)}, {})
    assert sum(count for (count,) in cell) == 0
    assert flaky(session) == {"1": (2, "1", 1)}
    assert oracle.kept(session) == oracle.counted(session)


def test_a_failed_attempt_of_a_build_without_a_verdict_still_makes_the_next_build_flaky(session: Session) -> None:
    recorded(session, an_instance(session), nightly(1, "failed"), nightly(1, "running", attempt=2), nightly(2))

    fold_once(session)

    assert flaky(session) == {"2": (1, "1", 1)}


ELSEWHERE = """
    WITH elsewhere AS (
        INSERT INTO pipelines (instance_id, project_id, external_id, name)
        SELECT instance_id, project_id, 'elsewhere ' || n, 'elsewhere'
        FROM (SELECT * FROM pipelines ORDER BY id LIMIT 1) p, generate_series(1, :pipelines) n RETURNING id
    )
    INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished, pipeline_name,
                        queued_at, branch, event, commit_sha)
    SELECT e.id, 1, 'elsewhere ' || n, 1, 'running', 'running', false, 'elsewhere', b.queued_at, b.branch, b.event,
           b.commit_sha
    FROM (SELECT * FROM builds ORDER BY id LIMIT 1) b, elsewhere e, generate_series(1, :builds) n
"""


def many_nights(session: Session, instance: int, nights: int) -> None:
    """Nights of a commit that very many other builds are of, too."""
    seen = [nightly(number, "failed" if number % 7 == 3 else "succeeded") for number in range(0, 2 * nights, 2)]
    record(session, seen, instance_id=instance, source_id=None, is_backfill=False)
    session.execute(text(ELSEWHERE), {"pipelines": 1, "builds": FEW_BUILDS})
    fold_once(session)


def test_of_a_commit_with_very_many_builds_the_neighbours_are_judged_like_of_any_other(session: Session) -> None:
    instance = an_instance(session)
    many_nights(session, instance, 320)
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
                        queued_at, commit_sha)
    SELECT b.pipeline_id, 1, 'other ' || n, 1, 'running', 'running', false, 'ci', b.queued_at - n * interval '1 minute',
           md5(n::text)
    FROM (SELECT * FROM builds ORDER BY id LIMIT 1) b, generate_series(1, 20000) n
"""


def test_of_a_commit_with_very_many_builds_the_neighbours_are_searched_so_far_and_no_further(session: Session) -> None:
    instance = an_instance(session)
    many_nights(session, instance, 2)
    session.execute(text(OTHER_BUILDS))
    session.execute(text("ANALYZE builds, attempts, pipelines, metric_members"))
    # A build with nobody before it, and a long way to find that out.
    recorded(session, instance, nightly(-9000, "failed", branch="next"), nightly(9001, "failed", branch="next"))
    # The table is so small here that reading all of it for a join may be taken for as cheap as a few look-ups.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    session.execute(text("SET LOCAL enable_mergejoin = off"))
    session.execute(text("SET LOCAL enable_hashjoin = off"))
    before = _builds_read(session)

    fold_once(session)

    # Twice: four lines that may follow, and the one that it stands in.
    assert _builds_read(session) - before < FEW_BUILDS + 2 * 5 * FAR + 100


def test_a_monorepos_commit_is_read_once_however_many_of_its_pipelines_tell_of_it(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, nightly(1, "running"))
    session.execute(text(ELSEWHERE), {"pipelines": 500, "builds": 3})
    session.execute(text(OTHER_BUILDS))
    while fold_once(session).is_behind:
        pass
    session.execute(text("ANALYZE builds, attempts, pipelines, metric_members"))
    recorded(session, instance, nightly(2, "failed"), nightly(3))
    session.execute(
        text("""
        INSERT INTO metric_changes (build_id, pipeline_id, queued_at, status, builds, first_tries)
        SELECT min(id), pipeline_id, now(), 'succeeded', 0, 0 FROM builds GROUP BY pipeline_id
    """)
    )
    before = _builds_read(session)

    fold_once(session)

    assert flaky(session) == {"3": (1, "2", 1)}
    assert _builds_read(session) - before < 10_000


def _builds_read(session: Session) -> int:
    """Rows of builds that were read in this transaction, through whatever index or none."""
    statement = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'builds'")
    count: int = session.execute(statement).scalar_one()
    return count

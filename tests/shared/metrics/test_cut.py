"""Builds of a branch are found wherever they lie: what is not counted is what the answer says, and nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Grouping, Window, flaky, slowdowns
from shared.queries import BuildFilter
from shared.recorder import record
from shared.scope import Scope
from tests.factories import NOON, a_build
from tests.shared.metrics.counted import an_instance

WEEK = Window(NOON - timedelta(days=8), NOON)
NEXT = iter(range(1, 10**9))


def pipelines(session: Session, *, builds: int, count: int = 20, every: str = "1 minute") -> None:
    """Pipelines `1/0`, `1/1`, … in one repository, whose builds of main are so far apart; the newest is of noon."""
    instance = an_instance(session)
    record(
        session,
        [a_build(external_id="first", pipeline_external_id=f"1/{place}", queued_at=NOON) for place in range(count)],
        instance_id=instance,
        source_id=None,
        is_backfill=False,
    )
    copied(session, f"b.queued_at - n * interval '{every}'", "main", f"generate_series(1, {builds}) n")


def copied(session: Session, queued_at: str, branch: str, times: str, where: str = "true") -> None:
    """Builds like those at noon, at other instants and of another branch."""
    session.execute(
        text(f"""
            INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,
                                pipeline_name, branch, queued_at)
            SELECT b.pipeline_id, b.project_id, '{next(NEXT)}-' || n, 1, 'succeeded', 'success', true,
                   b.pipeline_name, '{branch}', {queued_at}
            FROM (SELECT * FROM builds WHERE external_id = 'first') b CROSS JOIN {times} WHERE {where}
        """)
    )


def figures(session: Session, *branch: str, pipeline: tuple[int, ...] = ()) -> tuple[object, object, object]:
    scope = Scope(pipeline_id=pipeline) if pipeline else Scope(repository=("acme/web",))
    found = metrics.overview(session, BuildFilter(scope=scope, branch=branch), WEEK)
    window = found["window"]
    assert isinstance(window, dict)
    return found["builds"], window["is_cut"], window["since"]


def test_a_branch_of_few_builds_is_counted_whole_however_busy_the_pipelines_are(session: Session) -> None:
    pipelines(session, builds=3500)
    for days in (0.5, 7.5):
        copied(
            session,
            f"b.queued_at - interval '{days} days'",
            "feature/x",
            "generate_series(1, 1) n",
            "b.pipeline_id = (SELECT min(pipeline_id) FROM builds)",
        )

    assert figures(session, "feature/x") == (2, False, WEEK.since)
    assert figures(session, "feature/x", "none") == (2, False, WEEK.since)


def test_a_busy_branch_is_counted_whole_in_pipelines_that_have_few_builds(session: Session) -> None:
    pipelines(session, builds=31_000, count=2, every="10 seconds")
    record(
        session,
        [
            a_build(external_id=f"{n}", pipeline_external_id="2/1", branch="main", queued_at=NOON - timedelta(days=n))
            for n in (1, 7)
        ],
        instance_id=session.execute(text("SELECT id FROM instances")).scalar_one(),
        source_id=None,
        is_backfill=False,
    )
    quiet = session.execute(text("SELECT id FROM pipelines WHERE external_id = '2/1'")).scalar_one()

    assert figures(session, "main", "none", pipeline=(quiet,)) == (2, False, WEEK.since)


@pytest.mark.parametrize("branch", ["main", "dev"])
def test_the_newest_twenty_thousand_are_of_all_pipelines_together(session: Session, branch: str) -> None:
    pipelines(session, builds=0, count=3)
    only = "b.pipeline_id = (SELECT min(pipeline_id) FROM builds)"
    copied(session, "b.queued_at - n * interval '30 seconds'", branch, "generate_series(1, 21000) n", only)

    builds, is_cut, since = figures(session, branch, "none")

    assert (builds, is_cut) == (20_000, True)
    assert since == NOON - timedelta(seconds=30 * 20_001) + timedelta(microseconds=1)


def test_rankings_and_groups_say_from_where_on_they_count(session: Session) -> None:
    pipelines(session, builds=0, count=2)
    copied(session, "b.queued_at - n * interval '1 minute'", "main", "generate_series(1, 11000) n")
    since = NOON - timedelta(minutes=10_001) + timedelta(microseconds=1)
    window = {"since": since, "until": NOON, "is_cut": True}
    wanted = BuildFilter(scope=Scope(repository=("acme/web",)), branch=("main", "none"))
    session.execute(
        text("""
            INSERT INTO flakes (build_id, pipeline_id, branch, commit_sha, queued_at, passed_attempt, failed_build_id,
                                failed_attempt)
            SELECT id, pipeline_id, branch, 'c', queued_at, 2, id, 1 FROM builds
            WHERE queued_at IN (:noon - interval '5 minutes', :noon - interval '10500 minutes')
        """),
        {"noon": NOON},
    )

    flakes = flaky.ranking(session, wanted, WEEK, limit=5)
    slower = slowdowns.ranking(session, wanted, WEEK, limit=5)
    groups = metrics.groups(session, wanted, WEEK, Grouping.BRANCH, limit=5)

    assert [ranked.window for ranked in (flakes, slower, groups)] == [window] * 3
    assert [row["builds"] for row in flakes.rows] == [1, 1]
    assert all(f"since={since:%Y-%m-%dT%H:%M:%S}" in str(row["link"]) for row in (*flakes.rows, *groups.rows))
    assert (slower.rows, slower.count) == ([], 0)
    assert "none of the period before is among the newest" in str(slower.reason)
    assert slowdowns.ranking(session, BuildFilter(), WEEK, limit=5).reason is None


@pytest.mark.parametrize("branch", [(), ("quiet",)])
def test_the_newest_build_is_found_in_many_quiet_pipelines_behind_a_busy_one(
    session: Session, branch: tuple[str, ...]
) -> None:
    instance = an_instance(session)
    quiet = [
        a_build(
            external_id="first",
            pipeline_external_id=f"1/{place}",
            branch="quiet",
            queued_at=NOON - timedelta(days=90, minutes=place),
        )
        for place in range(510)
    ]
    record(session, quiet, instance_id=instance, source_id=None, is_backfill=False)
    busy = a_build(
        external_id="busy",
        pipeline_external_id="2/1",
        repository_external_id="2",
        repository_name="acme/other",
        branch="quiet",
    )
    record(session, [busy], instance_id=instance, source_id=None, is_backfill=False)
    session.execute(
        text("""
            INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,
                                pipeline_name, branch, queued_at)
            SELECT b.pipeline_id, b.project_id, 'busy' || n, 1, 'succeeded', 'success', true, b.pipeline_name,
                   b.branch, b.queued_at - n * interval '1 minute'
            FROM builds b CROSS JOIN generate_series(1, 7000) n WHERE external_id = 'busy'
        """)
    )

    wanted = BuildFilter(scope=Scope(repository=("acme/web",)), branch=branch)
    last = metrics.overview(session, wanted, WEEK)["last_build"]

    assert isinstance(last, dict)
    assert last["queued_at"] == NOON - timedelta(days=90)


@pytest.mark.parametrize("branch", ["main", "develop"])
@pytest.mark.parametrize("scope", [Scope(repository=("none",)), Scope(project=("none",)), Scope(pipeline_id=(10**9,))])
def test_branches_of_a_filter_that_names_no_pipeline_have_no_builds(
    session: Session, scope: Scope, branch: str
) -> None:
    pipelines(session, builds=1, count=1)
    wanted, several = BuildFilter(scope=scope, branch=(branch,)), BuildFilter(scope=scope, branch=(branch, "other"))

    assert metrics.overview(session, several, WEEK)["builds"] == 0
    assert metrics.groups(session, wanted, WEEK, Grouping.BRANCH, limit=1).rows == []
    assert flaky.ranking(session, several, WEEK, limit=1).rows == []
    assert slowdowns.ranking(session, several, WEEK, limit=1).rows == []

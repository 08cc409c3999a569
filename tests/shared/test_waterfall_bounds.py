"""Waterfall and triage at scale: exactly what a plain reading gives, for a bounded number of rows.

Both would be right with ten builds whatever they read. Here are a hundred thousand.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.authors import authors
from shared.branch_commits import BranchOf, branch_commits
from shared.build_filter import BuildFilter
from shared.database import make_engine
from shared.metrics import Window
from shared.scope import Scope
from shared.triage import triage
from shared.triage_grid import MOST_BUILDS, MOST_FAILURES
from shared.waterfall import waterfall
from tests.conftest import Databases
from tests.shared.many_builds import COUNT, START, fill, metered

MOST_READ_OF_WATERFALL = 60_000
"""Two walks of 6,000 builds and a look back of as many; of a commit 1,000 builds, wherever they are."""

NEWEST = START + timedelta(seconds=30 * COUNT)


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=1)
    try:
        fill(engine)
        yield engine
    finally:
        engine.dispose()
        databases.drop(url)


def meant(session: Session, pipelines: list[int], branch: str) -> list[tuple[datetime, str]]:
    """All commits of a branch in these pipelines by their first build, newest first, read plainly."""
    statement = text("""
        SELECT min(queued_at) AS queued_at, commit_sha FROM builds
        WHERE pipeline_id = ANY(:pipelines) AND branch = :branch GROUP BY commit_sha
        ORDER BY 1 DESC, commit_sha COLLATE "C" DESC
    """)
    found = session.execute(statement, {"pipelines": pipelines, "branch": branch})
    return [(row.queued_at, row.commit_sha) for row in found]


@pytest.mark.parametrize("branch", ["main", "old", "feature-3", "none"])
@pytest.mark.parametrize("pipelines", [[1], [7, 9], list(range(2, 40)), [1, *range(100, 159)]])
def test_following_the_commits_of_a_branch_gives_each_once_in_order(
    engine: Engine, pipelines: list[int], branch: str
) -> None:
    with Session(engine) as session:
        session.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        wanted = BranchOf(tuple(pipelines), (None,) * len(pipelines), (branch,))
        everything = meant(session, pipelines, branch)
        found: list[tuple[object, object]] = []
        after = None
        for _ in range(8):
            page = branch_commits(session, wanted, limit=100, after=after)
            found += [(row["queued_at"], row["sha"]) for row in page.rows]
            after = page.next
            if after is None:
                break

        assert found == everything[: len(found)]
        if after is None:
            assert len(found) == len(everything)
        else:
            below = [commit for commit in everything[len(found) :] if commit >= after]
            assert below == []


@pytest.mark.parametrize(
    "scope", [Scope(), Scope(pipeline_id=(1,)), Scope(project=("team",)), Scope(repository=("acme/1",))]
)
@pytest.mark.parametrize("named", [(), ("main",), ("old",)])
def test_a_waterfall_reads_a_bounded_number_of_builds(engine: Engine, scope: Scope, named: tuple[str, ...]) -> None:
    with Session(engine) as session, metered(session) as meter:
        waterfall(session, scope, named, limit=100)

    assert meter.read <= MOST_READ_OF_WATERFALL


def test_the_failures_of_a_short_window_are_counted_exactly(engine: Engine) -> None:
    frame = Window(NEWEST - timedelta(days=1), NEWEST)
    with Session(engine) as session:
        found = triage(session, BuildFilter(branch=("main",)), frame, "UTC")
        plain = session.execute(
            text("""
                SELECT count(*) FILTER (WHERE status IN ('failed', 'timed_out')),
                       count(*) FILTER (WHERE status IN ('failed', 'timed_out', 'succeeded'))
                FROM builds WHERE branch = 'main' AND queued_at >= :since
            """),
            {"since": frame.since},
        ).one()

    assert (found["failures"], found["verdicts"]) == tuple(plain)
    assert found["window"] == {"since": frame.since, "until": frame.until, "is_cut": False}


@pytest.mark.parametrize("scope", [Scope(), Scope(pipeline_id=(1,)), Scope(provider=("github",))])
@pytest.mark.parametrize("branch", [(), ("main",), ("feature-3",)])
def test_of_a_long_window_the_newest_builds_are_counted_from_where_it_says(
    engine: Engine, scope: Scope, branch: tuple[str, ...]
) -> None:
    with Session(engine) as session:
        found = triage(session, BuildFilter(scope=scope, branch=branch), Window(START, NEWEST), "UTC")
        counted = found["window"]
        assert isinstance(counted, dict)
        plain = session.execute(
            text("""
                SELECT count(*), count(*) FILTER (WHERE status IN ('failed', 'timed_out')),
                       count(*) FILTER (WHERE status IN ('failed', 'timed_out', 'succeeded'))
                FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
                WHERE queued_at >= :since AND (:branch = '' OR branch = :branch)
                  AND (:pipeline = 0 OR pipeline_id = :pipeline) AND (:instance = 0 OR instance_id = :instance)
            """),
            {
                "since": counted["since"],
                "branch": "".join(branch),
                "pipeline": sum(scope.pipeline_id),
                "instance": len(scope.provider),
            },
        ).one()

    assert (found["failures"], found["verdicts"]) == tuple(plain)[1:]
    assert plain[0] <= MOST_BUILDS
    assert counted["is_cut"] == (counted["since"] != START)
    assert found["grouped"] == min(plain[1], MOST_FAILURES)


def test_authors_are_found_without_reading_their_builds(engine: Engine) -> None:
    with Session(engine) as session, metered(session) as meter:
        found = authors(session, "", limit=50)

    assert found.next is None
    assert 9 <= meter.read <= 100

"""The fold: what is recorded reaches the cells of every scope once, whoever folds and whoever is killed."""

import threading
from random import Random

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from migrations.versions.r0007_numbers import COUNT_WHAT_IS_THERE
from shared.database import libpq_url, make_engine
from shared.metrics import ever, members, recount
from shared.metrics import fold as folding
from shared.metrics.cells import BranchClass, CellScope, grains_of
from shared.metrics.cover import Cover, cover
from shared.metrics.fold import Folded, Folder, alone, fold, fold_once
from shared.metrics.members import counting
from shared.metrics.read import read
from shared.metrics.subject import Subject
from shared.metrics.totals import by_slot
from shared.metrics.window import FIRST, LAST
from shared.recorder import record
from shared.rows import as_int
from shared.status import Status
from tests.factories import NOON, a_build, minutes
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance, cells, recorded
from tests.shared.metrics.histories import pages

SUCCEEDED, FAILED = 6, 8


def test_a_finished_build_reaches_every_scope_and_grain_once(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build("running", external_id="1"))
    fold_once(session)
    recorded(session, instance, a_build(queued_seconds=3.0))

    first, second = fold_once(session), fold_once(session)

    columns = "scope, grain, status, builds, first_tries, duration_ms, queued_ms"
    found = [tuple(row) for row in session.execute(text(f"SELECT {columns} FROM metric_cells ORDER BY scope, grain"))]
    assert found == [
        (scope, grain, SUCCEEDED, 1, 1, 300_000, 3000) for scope in CellScope for grain in grains_of(scope)
    ]
    assert (first, second) == (Folded(changes=1, cells=28), Folded())


def test_a_rerun_moves_the_build_and_leaves_its_first_try(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build("failed"))
    fold_once(session)
    recorded(session, instance, a_build("succeeded", attempt=2, finished_at=NOON + minutes(12)))

    fold_once(session)

    assert cells(session, "status, builds, first_tries, flaky, timed, duration_ms, duration_counts") == [
        (SUCCEEDED, 1, 0, 1, 1, 720_000, [1]),
        (FAILED, 0, 1, 0, 0, 0, None),
    ]


def test_a_cell_that_falls_to_nothing_is_gone(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build("failed", updated_at=NOON))
    fold_once(session)
    recorded(session, instance, a_build("succeeded", updated_at=NOON + minutes(6)))

    fold_once(session)

    assert cells(session) == [(SUCCEEDED, 1)]


def test_another_default_branch_has_its_pipeline_counted_anew(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build(external_id="1"), a_build(external_id="2", branch="trunk"))
    fold_once(session)
    session.execute(text("UPDATE pipelines SET default_branch = 'trunk'"))
    recorded(session, instance, a_build(external_id="3", branch="trunk", default_branch=None))

    fold_once(session)

    assert cells(session, branch_class=BranchClass.DEFAULT) == [(SUCCEEDED, 2)]
    assert cells(session, branch_class=BranchClass.OTHER) == [(SUCCEEDED, 1)]


@pytest.mark.parametrize(
    ("column", "scope"),
    [
        ("project_id", CellScope.PROJECT),
        ("repository_id", CellScope.REPOSITORY),
        ("instance_id", CellScope.INSTANCE),
    ],
)
def test_a_pipeline_that_moves_takes_its_figures_along(session: Session, column: str, scope: CellScope) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build("running", external_id="0", pipeline_external_id="other"))
    recorded(session, instance, a_build())
    fold_once(session)
    make = {
        "project_id": "INSERT INTO projects (key, name) VALUES ('web', 'web') RETURNING id",
        "repository_id": f"""INSERT INTO repositories (instance_id, external_id, name)
                             VALUES ({instance}, 'new', 'new') RETURNING id""",
        "instance_id": "INSERT INTO instances (name, provider, base_url) VALUES ('n', 'gitlab', 'x') RETURNING id",
    }
    owner = session.execute(text(make[column])).scalar_one()
    session.execute(text(f"UPDATE pipelines SET {column} = :owner WHERE external_id = '1/10'"), {"owner": owner})

    fold_once(session)

    assert cells(session, "scope_id, builds", scope=scope) == [(owner, 1)]
    assert cells(session) == [(SUCCEEDED, 1)]


def test_what_was_on_record_before_an_upgrade_is_counted_once_with_what_came_since(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, *(a_build(external_id=str(number)) for number in range(5)))
    as_after_the_upgrade(session)
    before = counting(session)
    recorded(session, instance, a_build(external_id="6"))

    fold_once(session)

    assert (before, counting(session)) == (1, 0)
    assert cells(session) == [(SUCCEEDED, 6)]


def as_after_the_upgrade(session: Session) -> None:
    """What is on record was recorded before figures were kept."""
    session.execute(text("DELETE FROM metric_changes"))
    session.execute(text(COUNT_WHAT_IS_THERE))


def test_no_count_is_negative_while_a_pipeline_of_before_the_upgrade_is_not_counted(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build("failed", external_id="1"), a_build("failed", external_id="2"))
    as_after_the_upgrade(session)
    recorded(session, instance, a_build("succeeded", external_id="1", attempt=2))
    recorded(session, instance, a_build("failed", external_id="3", pipeline_external_id="new"))
    ids = list(session.scalars(text("SELECT id FROM pipelines")))

    before, ever_before = (_counts(session), _counts_ever(session, ids))
    counted = counting(session)
    fold_once(session)

    assert (counted, counting(session)) == (1, 0)
    assert before == {Status.FAILED: 1}
    assert ever_before == {"failed": 1}
    assert _counts(session) == {Status.SUCCEEDED: 1, Status.FAILED: 2}
    assert _counts_ever(session, ids) == {"succeeded": 1, "failed": 2}


def test_a_pipeline_that_is_not_counted_yet_is_not_taken_away_from_an_hour_that_counts_others(session: Session) -> None:
    """Most of the hour is its cell less the first ten minutes, and the cell holds nothing of this pipeline."""
    instance = an_instance(session)
    recorded(session, instance, a_build(external_id="1", queued_at=NOON + minutes(5)))
    as_after_the_upgrade(session)
    cut = cover([NOON + minutes(10), NOON + minutes(60)])

    (before,) = by_slot(read(session, Subject(CellScope.EVERYTHING, (0,), None), cut), 1)
    fold_once(session)
    (after,) = by_slot(read(session, Subject(CellScope.EVERYTHING, (0,), None), cut), 1)

    assert [piece.starts_at for _, piece in cut.cells] == [NOON]
    assert (before.builds, before.duration.builds, after.builds, after.duration.builds) == (0, 0, 0, 0)


def test_what_is_not_folded_yet_is_taken_away_from_a_cut_hour_as_often_as_it_is_added(session: Session) -> None:
    instance = an_instance(session)
    frames = [NOON + minutes(10), NOON + minutes(60)], [NOON, NOON + minutes(10)], [NOON, NOON + minutes(50)]
    recorded(session, instance, a_build("failed", external_id="1", queued_at=NOON + minutes(5)))
    fold_once(session)
    again = a_build(external_id="1", queued_at=NOON + minutes(5), attempt=2, finished_at=NOON + minutes(20))
    recorded(session, instance, again, a_build(external_id="2", queued_at=NOON + minutes(55)))

    counts = [_by_status(session, cover(frame)) for frame in frames]
    fold_once(session)

    assert counts == [{Status.SUCCEEDED: 1}, {Status.SUCCEEDED: 1}, {Status.SUCCEEDED: 1}]
    assert [_by_status(session, cover(frame)) for frame in frames] == counts


def _by_status(session: Session, span: Cover) -> dict[Status, int]:
    (totals,) = by_slot(read(session, Subject(CellScope.EVERYTHING, (0,), None), span), 1)
    return {status: count for status, count in totals.by_status.items() if count}


def _counts(session: Session) -> dict[Status, int]:
    """Builds by status, of all full hours."""
    return _by_status(session, cover([FIRST, LAST]))


def _counts_ever(session: Session, pipelines: list[int]) -> dict[object, int]:
    found = [row for row in ever.counts(session, pipelines) if row["scope"] == CellScope.PIPELINE and row["builds"]]
    return {
        str(result): sum(as_int(row["builds"]) for row in found if row["result"] == result)
        for result in {row["result"] for row in found}
    }


def test_a_new_pipelines_changes_wait_until_it_is_counted(session: Session) -> None:
    instance = an_instance(session)
    names = [str(number) for number in range(103)]
    recorded(session, instance, *(a_build(external_id=name, pipeline_external_id=name) for name in names))

    fold_once(session)
    halfway = _counts(session)
    fold_once(session)

    assert halfway == _counts(session) == {Status.SUCCEEDED: 103}
    assert cells(session) == [(SUCCEEDED, 103)]


def test_whoever_catches_up_folds_until_there_is_no_more_to_do(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        names = [str(number) for number in range(150)]
        recorded(session, instance, *(a_build(external_id=name, pipeline_external_id=name) for name in names))

    Folder(database).catch_up(threading.Event())

    with Session(database) as session:
        assert session.scalar(text("SELECT count(*) FROM metric_members")) == 150
        assert cells(session) == [(SUCCEEDED, 150)]


def test_whoever_catches_up_stops_when_told_to(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        names = [str(number) for number in range(150)]
        recorded(session, instance, *(a_build(external_id=name, pipeline_external_id=name) for name in names))
    stop = threading.Event()
    stop.set()

    Folder(database).catch_up(stop)

    with Session(database) as session:
        assert session.scalar(text("SELECT count(*) FROM metric_members")) == 100


def test_as_many_pipelines_are_counted_at_once_as_fit_the_small_first_and_a_large_one_alone(session: Session) -> None:
    instance = an_instance(session)
    for pipeline in ("small", "large", "middling", "other"):
        recorded(session, instance, a_build("running", external_id=pipeline, pipeline_external_id=pipeline))
    session.execute(
        text(f"""INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,
                                    pipeline_name, queued_at)
                SELECT p.id, 1, n, 1, 'running', 'running', false, 'ci', now()
                FROM pipelines p,
                    generate_series(1, CASE p.external_id WHEN 'large' THEN {members.MOST_BUILDS} ELSE 3000 END) n
                WHERE p.external_id IN ('large', 'middling', 'other')""")
    )
    large = session.execute(text("SELECT id FROM pipelines WHERE external_id = 'large'")).scalar_one()

    first = members.unsettled(session)
    recount.settle(session, first)
    second = members.unsettled(session)

    assert len(first.uncounted) == 3
    assert large not in first.uncounted
    assert second.uncounted == (large,)


def test_who_finds_another_one_folding_leaves_it_to_him(database: Engine) -> None:
    with alone(database):
        assert fold(database) is None
    assert fold(database) == Folded()


def test_recording_goes_on_while_somebody_folds(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
    with alone(database) as folder:
        with Session(database) as session, session.begin():
            recorded(session, instance, a_build())
        fold_once(folder)
    fold(database)

    with Session(database) as session:
        assert cells(session) == [(SUCCEEDED, 1)]


def test_what_is_recorded_while_a_pipeline_is_counted_is_added_once(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        recorded(session, instance, a_build(external_id="1"))
    with alone(database) as folder:
        folder.execute(text("SELECT count(*) FROM builds"))  # from here on it sees nothing newer
        with Session(database) as session, session.begin():
            recorded(session, instance, a_build(external_id="2"))
        fold_once(folder)
    with Session(database) as session:
        halfway = cells(session)
    fold(database)

    with Session(database) as session:
        assert (halfway, cells(session)) == ([(SUCCEEDED, 1)], [(SUCCEEDED, 2)])


def test_a_fold_that_is_killed_has_done_nothing(database: Engine, database_url: str) -> None:
    with Session(database) as session, session.begin():
        recorded(session, an_instance(session), a_build())
    doomed = make_engine(database_url, application="doomed", pool_size=1)
    with pytest.raises(DBAPIError):
        _fold_and_die(doomed, database_url)
    doomed.dispose()

    with Session(database) as session:
        left = session.scalar(text("SELECT count(*) FROM metric_changes"))
    fold(database)

    with Session(database) as session:
        assert left == 1
        assert cells(session) == [(SUCCEEDED, 1)]


def _fold_and_die(engine: Engine, database_url: str) -> None:
    """All that a fold does but its commit; then its connection is cut by the server."""
    with alone(engine) as folder:
        fold_once(folder)
        backend = folder.scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(libpq_url(database_url)) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


def test_two_folders_and_three_recorders_at_once_lose_nothing_and_count_nothing_twice(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instances = [an_instance(session, name) for name in ("one", "two", "three")]
    is_over, faults = threading.Event(), list[BaseException]()

    def recording(instance: int) -> None:
        for page in pages(Random(instance), 150, 40):
            with Session(database) as session, session.begin():
                record(session, page, instance_id=instance, source_id=None, is_backfill=False)

    def adding_up() -> None:
        folder = Folder(database)
        while not is_over.is_set():
            folder.fold()

    recorders = [_thread(faults, recording, instance) for instance in instances]
    folders = [_thread(faults, adding_up) for _ in range(2)]
    for recorder in recorders:
        recorder.join()
    is_over.set()
    for folder in folders:
        folder.join()
    while (folded := fold(database)) is None or folded.is_behind or folded.changes:
        pass

    assert faults == []
    with Session(database) as session:
        assert oracle.kept_flakes(session) == oracle.flakes(session)
        assert oracle.kept(session) == oracle.counted(session)


def _thread(faults: list[BaseException], work: object, *arguments: object) -> threading.Thread:
    """A running thread whose exception is kept."""

    def guarded() -> None:
        try:
            work(*arguments)  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 (the test shows it)
            faults.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread


def test_more_changes_than_one_fold_takes_are_left_for_the_next(session: Session) -> None:
    instance = an_instance(session)
    recorded(session, instance, a_build())
    fold_once(session)
    session.execute(
        text(f"""INSERT INTO metric_changes (build_id, pipeline_id, branch, queued_at, status, builds, first_tries)
                 SELECT b.id, b.pipeline_id, b.branch, b.queued_at, b.status, 1, 0
                 FROM builds b, generate_series(1, {folding.MOST_CHANGES + 5})""")
    )

    first, second = fold_once(session), fold_once(session)

    assert (first.changes, first.is_behind) == (folding.MOST_CHANGES, True)
    assert (second.changes, second.is_behind) == (5, False)
    assert cells(session) == [(SUCCEEDED, folding.MOST_CHANGES + 6)]

"""The schema's history on Postgres: up, down, up again, no drift from the models, one migrator at a time."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session

import migrations
from alerts.plan import catch_up
from shared.database import libpq_url, make_engine
from shared.metrics.cells import Grain
from shared.metrics.fold import fold_once
from shared.metrics.members import counting
from shared.recorder import record
from tests.alerts.history import History, rules
from tests.conftest import Databases
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident


@pytest.fixture
def empty(databases: Databases) -> Iterator[Engine]:
    url = databases.create("empty")
    engine = make_engine(url, application="test")
    try:
        yield engine
    finally:
        engine.dispose()
        databases.drop(url)


def test_up_and_down_and_up_again(empty: Engine) -> None:
    reached = migrations.upgrade(empty)
    migrations.downgrade(empty, "base")
    left = set(inspect(empty).get_table_names()) - {"alembic_version"}
    again = migrations.upgrade(empty)

    assert reached == again == migrations.head()
    assert left == set()


def test_the_models_and_the_migrated_schema_are_the_same(empty: Engine) -> None:
    migrations.upgrade(empty)

    with empty.connect() as connection:
        command.check(migrations.alembic_config(connection))


def test_upgrading_again_keeps_what_is_there(empty: Engine) -> None:
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x')"))
        record(session, [a_build()], instance_id=1, source_id=None, is_backfill=False)

    migrations.upgrade(empty)

    with empty.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM builds")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM projects WHERE key = 'default'")).scalar_one() == 1


def test_pipelines_on_record_at_the_upgrade_wait_to_be_counted_and_new_ones_do_not(empty: Engine) -> None:
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x')"))
        record(session, [a_build("failed")], instance_id=1, source_id=None, is_backfill=False)
    migrations.downgrade(empty, "0006")

    migrations.upgrade(empty)

    with Session(empty) as session, session.begin():
        record(
            session,
            [a_build(external_id="2", pipeline_external_id="new")],
            instance_id=1,
            source_id=None,
            is_backfill=False,
        )
        members = session.execute(
            text("SELECT pipeline_id, instance_id, default_branch, is_counted FROM metric_members")
        )
        assert [tuple(row) for row in members] == [(1, 1, "main", False)]
        assert counting(session) == 1


def test_weeks_are_added_up_from_the_days_that_are_there(empty: Engine) -> None:
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x')"))
        for number in range(80):
            status = ("succeeded", "failed", "cancelled")[number % 3]
            queued_at = NOON + minutes(60 * 24 * number)
            took = None if number % 4 == 0 else queued_at + minutes(1 + number % 5)
            seen = a_build(status, external_id=str(number), queued_at=queued_at, finished_at=took, queued_seconds=3.0)
            record(session, [seen], instance_id=1, source_id=None, is_backfill=False)
        fold_once(session)
    kept = cells_by_grain(empty)
    migrations.downgrade(empty, "0007")
    without_weeks = cells_by_grain(empty)

    migrations.upgrade(empty)

    assert sorted(without_weeks) == [Grain.HOUR, Grain.DAY, Grain.EVER, Grain.QUARTER]
    assert len(kept[Grain.DAY]) > len(kept[Grain.WEEK]) > len(kept[Grain.EIGHT_WEEKS])
    assert cells_by_grain(empty) == kept


def test_incidents_on_record_at_the_upgrade_are_in_the_figures_afterwards(empty: Engine) -> None:
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x')"))
        record(session, [a_build()], instance_id=1, source_id=None, is_backfill=False)
    for number, branch in enumerate(("main", "main", "", "feature", "main")):
        opened_at = NOON + minutes(60 * 24 * 11 * number + 0.7)
        fixed_at = opened_at + minutes(90 * number - 60)
        an_incident(empty, branch=branch, opened_at=opened_at, fixed_at=fixed_at)
    an_incident(empty)
    with Session(empty) as session, session.begin():
        fold_once(session)
    kept = cells_by_grain(empty)
    migrations.downgrade(empty, "0009")
    without_incidents = cells_by_grain(empty)

    migrations.upgrade(empty)

    assert all(len(without_incidents[grain]) < len(kept[grain]) for grain in Grain)
    assert cells_by_grain(empty) == kept


def cells_by_grain(engine: Engine) -> dict[int, list[str]]:
    with engine.connect() as connection:
        statement = text("SELECT grain, array_agg(c::text ORDER BY c::text) FROM metric_cells c GROUP BY grain")
        return {grain: list(cells) for grain, cells in connection.execute(statement)}


def a_broken_branch_before_incidents(engine: Engine) -> History:
    """A database of revision 0004 with a branch whose builds 2 and 3 failed, and one that works, as planned then."""
    migrations.upgrade(engine)  # today's recorder writes tables that revision 0004 does not have
    with Session(engine) as session, session.begin():
        history = History(session)
        for number, status in enumerate(("succeeded", "failed", "timed_out"), 1):
            history.finish(status, number)
        history.finish("succeeded", 1, pipeline_external_id="1/11")
    migrations.downgrade(engine, "0004")
    with Session(engine) as session, session.begin():
        session.execute(
            text("""
                INSERT INTO verdicts (pipeline_id, branch, status, build_id, attempt, queued_at, since, is_announced)
                SELECT DISTINCT ON (pipeline_id) pipeline_id, 'main', status, id, 1, queued_at,
                       CASE WHEN status = 'timed_out' THEN CAST(:since AS timestamptz) ELSE finished_at END, true
                FROM builds ORDER BY pipeline_id, queued_at DESC
            """),
            {"since": NOON + minutes(7)},
        )
        session.execute(text("UPDATE cursors SET pos = (SELECT max(pos) FROM events)"))
    return history


def test_what_is_broken_at_the_upgrade_has_an_open_incident(empty: Engine) -> None:
    a_broken_branch_before_incidents(empty)

    migrations.upgrade(empty)

    with empty.connect() as connection:
        incidents = connection.execute(
            text("""
                SELECT i.branch, i.status, i.version, i.opened_at, i.last_failed_at, i.failures, i.is_silent,
                       f.number AS first_bad, l.number AS last_bad, v.incident_id = i.id AS is_known
                FROM incidents i JOIN builds f ON f.id = first_bad_build_id JOIN builds l ON l.id = last_bad_build_id
                JOIN verdicts v ON v.pipeline_id = i.pipeline_id
            """)
        ).all()
    assert [tuple(row) for row in incidents] == [
        ("main", "broken", 0, NOON + minutes(7), NOON + minutes(8), 2, False, 2, 3, True)
    ]


def test_an_incident_of_the_upgrade_ends_like_any_other(empty: Engine) -> None:
    history = a_broken_branch_before_incidents(empty)
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        history.session = session
        history.finish("succeeded", 4)

    catch_up(empty, rules(), NOON + minutes(10))

    with empty.connect() as connection:
        rows = connection.execute(text("SELECT status, version, fixed_at FROM incidents")).all()
        told = connection.execute(
            text("SELECT version, from_status, to_status FROM events WHERE subject_kind = 'incident'")
        ).all()
    assert [tuple(row) for row in rows] == [("fixed", 1, NOON + minutes(9))]
    assert [tuple(row) for row in told] == [(1, "broken", "fixed")]


def test_after_a_downgrade_and_another_upgrade_no_incident_gets_the_events_of_one_that_is_no_more(
    empty: Engine,
) -> None:
    migrations.upgrade(empty)
    with Session(empty) as session, session.begin():
        history = History(session)
        history.finish("failed", 1)
    catch_up(empty, rules(), NOON + minutes(10))
    migrations.downgrade(empty, "0004")

    migrations.upgrade(empty)

    with empty.connect() as connection:
        told = text(
            "SELECT count(*) FROM incidents i JOIN events e ON e.subject_kind = 'incident' AND subject_id = i.id"
        )
        assert connection.scalar(text("SELECT count(*) FROM incidents")) == 1
        assert connection.scalar(told) == 0


def test_four_migrators_at_once_migrate_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
        reached = list(processes.map(migrate, [url] * 4))

    assert reached == [migrations.head()] * 4


def migrate(url: str) -> str:
    engine = make_engine(url, application="test", pool_size=1)
    try:
        return migrations.upgrade(engine)
    finally:
        engine.dispose()


def test_a_downgrade_behind_a_long_reader_waits_in_short_tries(empty: Engine) -> None:
    """`lock_timeout` and another try: other readers are let through between the tries instead of queueing for ever."""
    migrations.upgrade(empty)
    with psycopg.connect(libpq_url(empty.url.render_as_string(hide_password=False))) as reader:
        reader.execute("SELECT count(*) FROM builds")
        migrating = threading.Thread(target=migrations.downgrade, args=(empty, "base"))
        migrating.start()
        migrating.join(timeout=2.5)
        still_waiting = migrating.is_alive()
        reader.rollback()
    migrating.join()

    assert still_waiting
    assert migrations.current(empty) is None


def test_every_revision_is_named_and_can_be_undone() -> None:
    folder = Path(migrations.__file__).parent / "versions"
    revisions = list(folder.glob("r*.py"))

    assert revisions != []
    assert all("def downgrade() -> None:\n    pass" not in path.read_text() for path in revisions)

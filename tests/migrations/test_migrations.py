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
from shared.database import libpq_url, make_engine
from shared.recorder import record
from tests.conftest import Databases
from tests.factories import a_build


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

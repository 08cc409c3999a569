"""COPY beside the recorder: the very rows that it wrote, and no others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks import datasets
from benchmarks.copied import BY, Copying
from benchmarks.dataset_live import observation
from benchmarks.datasets import DataSet
from shared.database import libpq_url
from shared.recorder import record
from shared.recorder_words import SORT_IN
from shared.status import Status
from tests.conftest import Databases

NEWEST = datetime(2026, 11, 22, 12, tzinfo=UTC)
SET = DataSet(1_000, NEWEST)
LATER = NEWEST + timedelta(minutes=1)
PAGE = 20


@pytest.fixture
def source(database: Engine, database_url: str) -> str:
    datasets.fill(database_url, SET)
    return database_url


@pytest.fixture
def target(databases: Databases) -> Iterator[str]:
    url = databases.clone()
    datasets.fill(url, SET)
    try:
        yield url
    finally:
        databases.drop(url)


def test_new_builds_are_copied_with_all_that_was_written_of_them(database: Engine, source: str, target: str) -> None:
    with Copying.between(source, target) as copying:
        copying.mark()
        write(database, Status.RUNNING, LATER)
        copying.seconds(2, 2 * PAGE)

    for table in BY:
        assert rows(target, table) == rows(source, table), table
    assert len(rows(target, "commits")) == 2 * PAGE
    assert words_to_sort_in(target) == 0
    assert len(rows(target, "metric_changes")) == 0


def test_finished_builds_are_copied_as_they_stand_with_what_finishing_wrote(
    database: Engine, source: str, target: str
) -> None:
    with Copying.between(source, target) as copying:
        copying.mark()
        write(database, Status.RUNNING, LATER)
        write(database, Status.FAILED, LATER + timedelta(minutes=5))
        before = {table: len(rows(target, table)) for table in BY}
        copying.seconds(2, 2 * PAGE)

    added = {table: len(rows(target, table)) - before[table] for table in BY}
    assert added == dict.fromkeys(BY, 0) | dict.fromkeys(("builds", "attempts", "events", "metric_changes"), 2 * PAGE)
    assert rows(target, "builds") == rows(source, "builds")


def test_builds_written_in_other_pages_than_expected_are_not_compared(
    database: Engine, source: str, target: str
) -> None:
    with Copying.between(source, target) as copying:
        copying.mark()
        write(database, Status.RUNNING, LATER)
        with pytest.raises(RuntimeError, match="40 builds in 2 transactions, not 40 in 1"):
            copying.seconds(1, 2 * PAGE)


def write(database: Engine, status: Status, now: datetime) -> None:
    for page in range(2):
        seen = [observation(number, status, now) for number in range(page * PAGE, (page + 1) * PAGE)]
        with Session(database) as session, session.begin():
            record(session, seen, instance_id=1, source_id=1, is_backfill=False)


def rows(url: str, table: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(url)) as connection:
        return sorted(connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall())


def words_to_sort_in(url: str) -> int:
    """Pages of words that searches would have to go through one by one."""
    with psycopg.connect(libpq_url(url)) as connection:
        (pages,) = connection.execute(SORT_IN.text.encode()).fetchone() or (None,)
    return int(str(pages))

"""The data sets: the same builds at every size, as dense as promised, and counted rightly."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks import dataset_cells, datasets
from benchmarks.dataset_live import observation
from benchmarks.datasets import DataSet
from shared.database import libpq_url
from shared.metrics.fold import alone
from shared.metrics.verify import verify
from shared.recorder import record
from shared.status import Status
from shared.words import words_of
from tests.conftest import Databases

NEWEST = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAMPLE = "SELECT external_id, pipeline_id, status, branch, commit_sha, author, commit_message, queued_at FROM builds"


@pytest.fixture
def filled(database: Engine, database_url: str) -> Engine:
    datasets.fill(database_url, DataSet(3_000, NEWEST))
    dataset_cells.count(database_url)
    return database


def test_a_smaller_set_is_the_newest_part_of_a_larger_one(filled: Engine, databases: Databases) -> None:
    url = databases.clone()
    try:
        datasets.fill(url, DataSet(1_000, NEWEST))
        assert _rows(url, SAMPLE) == _rows(
            str(filled.url.render_as_string(hide_password=False)), f"{SAMPLE} WHERE id > 2000"
        )
    finally:
        databases.drop(url)


def test_builds_are_as_far_apart_as_ten_million_in_a_year(filled: Engine) -> None:
    with filled.connect() as connection:
        first, last = connection.execute(text("SELECT min(queued_at), max(queued_at) FROM builds")).one()

    assert last == NEWEST
    assert abs((last - first) / 2_999 - timedelta(days=365) / 10_000_000) < timedelta(milliseconds=1)


def test_no_cell_differs_from_the_projects_own_recomputation(filled: Engine) -> None:
    with alone(filled) as session:
        found = verify(session, lambda *_: None)

    assert found.cells > 3_000
    assert found.differences == 0


def test_words_are_those_that_recording_would_have_kept(filled: Engine) -> None:
    statement = text("""
        SELECT b.pipeline_name, r.name AS repository, b.branch, b.commit_sha, b.author, b.commit_message,
               tsvector_to_array(s.words) AS words
        FROM builds b JOIN build_search s ON s.build_id = b.id JOIN pipelines p ON p.id = b.pipeline_id
        JOIN repositories r ON r.id = p.repository_id WHERE b.id % 10 = 0
    """)
    with Session(filled) as session:
        rows = session.execute(statement).all()

    assert len(rows) == 300
    for *texts, words in rows:
        assert sorted(word[5:] for word in words) == sorted(words_of(texts))


def test_events_are_dense_and_tell_every_step(filled: Engine) -> None:
    statement = text("""
        SELECT count(*) = max(pos) AS is_dense,
               (SELECT bool_and(b.version = e.steps AND b.status = e.status)
                FROM builds b
                JOIN (SELECT subject_id, count(*) AS steps, (array_agg(to_status ORDER BY pos DESC))[1] AS status
                      FROM events GROUP BY subject_id) e ON e.subject_id = b.id) AS is_whole
        FROM events
    """)
    with filled.connect() as connection:
        assert connection.execute(statement).one() == (True, True)


def test_recording_goes_on_with_the_pipelines_of_the_set(filled: Engine) -> None:
    observations = [observation(number, Status.RUNNING, NEWEST) for number in range(300)]
    names = "SELECT array_agg((id, external_id, name)::text ORDER BY id) FROM {}"

    with Session(filled) as session:
        before = [session.scalar(text(names.format(table))) for table in ("pipelines", "repositories")]
        recorded = record(session, observations, instance_id=1, source_id=1, is_backfill=False)
        after = [session.scalar(text(names.format(table))) for table in ("pipelines", "repositories")]

    assert recorded.transitions == 300
    assert recorded.new_pipelines == 0
    assert after == before


def test_every_index_and_key_is_back_after_the_filling(filled: Engine, databases: Databases) -> None:
    shape = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    keys = "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'"

    url = filled.url.render_as_string(hide_password=False)
    for statement in (shape, keys):
        assert _rows(url, statement) == _rows(databases.template, statement)


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(url)) as connection:
        return sorted(connection.execute(statement.encode()).fetchall(), key=str)

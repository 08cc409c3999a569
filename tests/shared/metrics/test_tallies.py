"""What is added up by the database equals what is added up here; histograms are read of the groups shown alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Grouping, Window
from shared.metrics.flaky import told_by_pipeline
from shared.metrics.periods import periods
from shared.metrics.read import read
from shared.metrics.subject import pipelines_of
from shared.metrics.tallies import among, successes, tallies
from shared.metrics.totals import Totals, by_key
from shared.queries import BuildFilter
from shared.rows import Row, as_int
from shared.scope import Scope
from shared.status import Status
from tests.factories import NOON
from tests.shared.metrics.hand_count import FIRST, a_history

CUT = Window(NOON - timedelta(days=9, minutes=7), NOON - timedelta(minutes=11))
FILTERS = {
    "everything": BuildFilter(),
    "an instance": BuildFilter(scope=Scope(instance=("ci",))),
    "a branch of an instance": BuildFilter(scope=Scope(instance=("ci",)), branch=("trunk",)),
}

_CELLS_READ = """
    SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
    WHERE relname = 'metric_cells'
"""


@pytest.fixture(scope="module")
def history(shared_connection: Connection) -> Iterator[Session]:
    with shared_connection.begin() as transaction:
        with Session(shared_connection, join_transaction_mode="create_savepoint") as session:
            a_history(session)
            yield session
        transaction.rollback()


def summed(totals: Totals) -> Row:
    return {
        "builds": totals.builds,
        "flaky": totals.flaky,
        "verdicts": totals.verdicts,
        "succeeded": totals.by_status[Status.SUCCEEDED],
        "timed": totals.succeeded.builds,
        "duration_ms": totals.succeeded.milliseconds,
    }


@pytest.mark.parametrize("narrowed", FILTERS)
def test_a_tally_is_what_the_rows_of_its_group_add_up_to(history: Session, narrowed: str) -> None:
    wanted = FILTERS[narrowed]
    subject = told_by_pipeline(pipelines_of(history, wanted), wanted)
    span = periods(history, subject, CUT)
    one_by_one = by_key(read(history, subject, span.cover), span.slots, lambda row: row["key"])

    found = {(row.pop("key"), row.pop("slot")): row for row in tallies(history, subject, span.cover)}
    took = successes(history, subject, span.cover)

    assert found
    assert {key for key, _ in found} == one_by_one.keys()
    for key, slots in one_by_one.items():
        for slot, totals in enumerate(slots, start=1):
            assert found.get((key, slot), summed(Totals())) == summed(totals)
            assert list(took.get((as_int(key), slot), {}).items()) == list(totals.succeeded.histogram.items())


@pytest.mark.parametrize("narrowed", FILTERS)
def test_some_of_the_groups_are_read_as_among_all(history: Session, narrowed: str) -> None:
    wanted = FILTERS[narrowed]
    pipelines = pipelines_of(history, wanted)
    subject = told_by_pipeline(pipelines, wanted)
    span = periods(history, subject, Window(FIRST, CUT.until))
    some = subject.ids[:2]

    alone = successes(history, among(subject, some, some), span.cover)

    of_all = successes(history, subject, span.cover)
    assert {at: of_all[at] for at in of_all if at[0] in some} == {at: alone[at] for at in alone if at[0] in some} != {}


@pytest.mark.parametrize("by", [Grouping.PIPELINE, Grouping.REPOSITORY, Grouping.PROVIDER])
@pytest.mark.parametrize("narrowed", FILTERS)
def test_a_group_has_the_same_figures_however_many_are_shown(history: Session, by: Grouping, narrowed: str) -> None:
    every = metrics.groups(history, FILTERS[narrowed], CUT, by, limit=100)
    first = metrics.groups(history, FILTERS[narrowed], CUT, by, limit=1)

    assert first.rows == every.rows[:1] != []
    assert first.count == every.count == len(every.rows)


@pytest.mark.parametrize("by", [Grouping.PIPELINE, Grouping.REPOSITORY])
def test_histograms_are_read_of_the_groups_that_are_shown_alone(history: Session, by: Grouping) -> None:
    history.execute(text("SET LOCAL enable_seqscan = off"))

    of_none, of_one, of_all = (cells_read(history, by, limit) for limit in (0, 1, 100))

    assert of_all == pytest.approx(2 * of_none)
    assert of_none < of_one < of_none * 1.6


def cells_read(session: Session, by: Grouping, limit: int) -> int:
    """How many cells are fetched for an answer that shows so many groups."""
    before = session.scalar(text(_CELLS_READ))
    metrics.groups(session, BuildFilter(), CUT, by, limit=limit)
    return int(session.scalar(text(_CELLS_READ)) or 0) - int(before or 0)

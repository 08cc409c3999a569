"""Bytes on disk a build: of a data set as it lies there, and of builds that went through the recorder step by step."""

from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks import dataset_cells
from benchmarks.dataset_live import observation
from benchmarks.figure import Figure
from benchmarks.stage import Stage, name_of
from shared.database import libpq_url, limit_waiting, make_engine
from shared.recorder import record
from shared.status import Status

UPDATED = 50_000
PAGE_ROWS = 100
START = datetime(2026, 6, 1, tzinfo=UTC)
SPACING = timedelta(seconds=3)
STEPS = (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)

TABLES = ("builds", "attempts", "events", "build_search")
"""What the promise is about: a build with its attempt, three events and what finds it, with all indexes."""

_SIZES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

Sizes = dict[str, int]


def run(stage: Stage, builds: int, updates: int = UPDATED) -> list[Figure]:
    """Of the data set of `builds`; and of `updates` more than a small one, recorded queued, running, finished."""
    url, dataset = stage.dataset(builds)
    lying = _sizes(url)
    updated, vacuumed = _recorded(stage, updates)
    return [
        _figure(f"bytes a build of {dataset.builds:,}", lying, dataset.builds, bound=2.5 * 1024),
        _figure(f"the same of {updates:,} recorded in three steps each", updated, updates, bound=2.5 * 1024),
        _figure("the same after the last VACUUM", vacuumed, updates, bound=2.5 * 1024),
        Figure(
            name="bytes a build of everything else",
            value=(sum(lying.values()) - sum(lying[name] for name in TABLES)) / dataset.builds,
            unit="bytes",
            compared=_shares({name: size for name, size in lying.items() if name not in TABLES}, dataset.builds),
        ),
    ]


def _figure(name: str, sizes: Sizes, builds: int, bound: float) -> Figure:
    counted = {table: sizes[table] for table in TABLES}
    return Figure(
        name=name,
        value=sum(counted.values()) / builds,
        unit="bytes",
        bound=bound,
        compared=_shares(counted, builds) + f"; with everything {sum(sizes.values()) / builds:,.0f}",
    )


def _shares(sizes: Sizes, builds: int) -> str:
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {size / builds:,.0f}" for name, size in largest)


def _recorded(stage: Stage, updates: int) -> tuple[Sizes, Sizes]:
    """What that many builds added to a small data set, and what is left of that after VACUUM."""
    source, dataset = stage.dataset(10_000)
    before = _sizes(source)
    url = stage.database("updated", template=name_of(dataset.builds))
    engine = make_engine(url, application="bench", pool_size=2)
    try:
        for first in range(0, updates, PAGE_ROWS * 50):
            for step, status in enumerate(STEPS):
                _record(engine, first, step, status)
            dataset_cells.fold_once(engine)
            updated = _sizes(url)
            # Two row versions a build are dead now: about the fifth of all at which autovacuum comes by itself.
            _vacuum(url)
        vacuumed = _sizes(url)
    finally:
        engine.dispose()
        stage.drop("updated")
    return _minus(updated, before), _minus(vacuumed, before)


def _vacuum(url: str) -> None:
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _minus(sizes: Sizes, before: Sizes) -> Sizes:
    return {name: size - before[name] for name, size in sizes.items()}


def _record(engine: Engine, first: int, step: int, status: Status) -> None:
    """Fifty pages, each in a transaction of its own; the builds are as far apart as the data set's."""
    for page in range(first, first + PAGE_ROWS * 50, PAGE_ROWS):
        rows = [
            observation(number, status, START + number * SPACING + step * timedelta(minutes=2))
            for number in range(page, page + PAGE_ROWS)
        ]
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            record(session, rows, instance_id=1, source_id=1, is_backfill=False)


def _sizes(url: str) -> Sizes:
    with psycopg.connect(libpq_url(url)) as connection:
        return {str(name): int(size) for name, size in connection.execute(_SIZES).fetchall()}

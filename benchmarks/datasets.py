"""Data sets of any number of builds, made in the database: the newest part of the same year at the same density."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog

from benchmarks import dataset_sql as sql
from benchmarks.bare_tables import bare
from shared.database import libpq_url

TABLES = ("builds", "attempts", "events", "build_search")

LOADING = """
wal_level = minimal
max_wal_senders = 0
max_wal_size = 16GB
checkpoint_timeout = 1h
synchronous_commit = off
shared_buffers = 1GB
maintenance_work_mem = 1500MB
max_parallel_maintenance_workers = 1
autovacuum_naptime = 1h
"""
"""The server's own settings while data sets are made; measured is with those the project ships."""

_PARAMETER = re.compile(r"(?<!:):(first|last|newest)\b")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DataSet:
    """How many builds, and when the newest of them was queued."""

    builds: int
    newest: datetime

    @property
    def oldest(self) -> datetime:
        """When the first of them was queued."""
        return self.newest - timedelta(seconds=(self.builds - 1) * sql.SPACING_SECONDS)


def last_full_minute(now: datetime) -> datetime:
    """The end of the last minute that is over."""
    return now.replace(second=0, microsecond=0)


def fill(url: str, dataset: DataSet) -> None:
    """Fill a migrated, empty database: all but the cells; not vacuumed."""
    given = {
        "newest": dataset.newest.timestamp(),
        "first": sql.FULL - dataset.builds,
        "last": sql.FULL - 1,
    }
    older = given | {"last": max(sql.FULL - 1 - sql.TAIL, given["first"] - 1)}
    address = libpq_url(url)
    _run(address, [(statement, {}) for statement in sql.CATALOG])
    with bare(address, TABLES), ThreadPoolExecutor(2) as connections:
        loads = [
            ("builds", [(sql.INSERT_BUILDS, given)]),
            ("build_search", [(sql.INSERT_WORDS, given)]),
            ("events", [(sql.INSERT_EVENTS, older), (sql.INSERT_LAST_EVENTS, given)]),
            ("attempts", [(sql.INSERT_ATTEMPTS, given)]),
        ]
        list(connections.map(lambda load: _load(address, *load), loads))
    _run(address, [(statement, {}) for statement in (*sql.ENDING, sql.INSERT_BRANCHES, sql.INSERT_INCIDENTS)])


def settle(url: str) -> None:
    """Vacuum and analyze, as a database that has run for a while is."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


Statements = Sequence[tuple[str, dict[str, object]]]


def _load(url: str, table: str, statements: Statements) -> None:
    # A table emptied in the same transaction is written without write-ahead log.
    began = time.monotonic()
    # By a merge they would lie in the order of their pipelines; recorded ones lie as they came.
    _run(url, [(f"TRUNCATE {table}", {}), (sql.PROFILES, {}), ("SET LOCAL enable_mergejoin = off", {}), *statements])
    log.info("loaded", table=table, seconds=round(time.monotonic() - began, 1))


def _run(url: str, statements: Statements) -> None:
    """Run them in one transaction; parameters are written into the statement, so that Postgres plans with them."""
    with psycopg.connect(url) as connection:
        for statement, given in statements:
            connection.execute(_with_values(statement, given).encode())


def _with_values(statement: str, given: dict[str, object]) -> str:
    return _PARAMETER.sub(lambda found: repr(given[found[1]]), statement)

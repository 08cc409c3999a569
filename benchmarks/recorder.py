"""The recorder on top of many builds, page by page, beside COPY of the same rows into the same tables."""

import time
from collections.abc import Iterator, Sequence

from psycopg import Connection
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks.figure import Figure
from benchmarks.world import PAGE_ROWS, observation
from shared.database import limit_waiting
from shared.observation import Observation
from shared.recorder import record
from shared.status import Status

ROUNDS = 5
PAGES_A_ROUND = 40

Pages = Sequence[Sequence[Observation]]


def run(engine: Engine, builds: int) -> list[Figure]:
    """Measure on a filled database of `builds` builds; it has more afterwards."""
    appear, finish, again, copy = [], [], [], []
    start, rows_written = builds, 0
    for _ in range(ROUNDS):
        numbers = range(start, start + PAGES_A_ROUND * PAGE_ROWS)
        running, failed = _pages(numbers, Status.RUNNING, 1), _pages(numbers, Status.FAILED, 100)
        appear.append(_rate(engine, running, expected=len(numbers)))
        finish.append(_rate(engine, failed, expected=len(numbers)))
        again.append(_rate(engine, failed, expected=0))
        rows_written += sum(_rows_written(engine, page) for page in failed)
        copy.append(_copy_rate(engine, numbers))
        start += len(numbers)
    slower = [min(pair) for pair in zip(appear, finish, strict=True)]
    return [
        Figure(name="recorder, new builds", value=_median(appear), unit="transitions/s", compared="pages of 100"),
        Figure(name="recorder, builds that finish", value=_median(finish), unit="transitions/s"),
        Figure(
            name="recorder, the slower of both",
            value=_median(slower),
            unit="transitions/s",
            bound=3000,
            at_least=True,
        ),
        Figure(
            name="recorder ÷ COPY",
            value=_median([ours / theirs for ours, theirs in zip(slower, copy, strict=True)]),
            unit="ratio",
            bound=0.35,
            at_least=True,
            compared=f"COPY of the same rows of five tables, a commit a page: {_median(copy):,.0f} builds/s",
        ),
        Figure(
            name="recorder, the same page again",
            value=_median(again),
            unit="observations/s",
            bound=20_000,
            at_least=True,
        ),
        Figure(name="rows written by the same page again", value=rows_written, unit="rows", bound=0),
    ]


def _pages(numbers: range, status: Status, step: int) -> Pages:
    return [
        [observation(number, status, step) for number in numbers[first : first + PAGE_ROWS]]
        for first in range(0, len(numbers), PAGE_ROWS)
    ]


def _rate(engine: Engine, pages: Pages, *, expected: int) -> float:
    """Observations a second, each page in a transaction of its own as the scheduler writes it."""
    transitions = 0
    began = time.perf_counter()
    for page in pages:
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            transitions += record(session, page, instance_id=1, source_id=1, is_backfill=False).transitions
    seconds = time.perf_counter() - began
    if transitions != expected:
        raise RuntimeError(f"{transitions} transitions recorded where {expected} were made")
    return sum(map(len, pages)) / seconds


def _copy_rate(engine: Engine, numbers: range) -> float:
    """Builds a second when the rows the recorder has just written are copied in, a transaction a page.

    The copies go to another pipeline under new ids, so that every index has the same work, and are removed afterwards.
    """
    connection = engine.raw_connection()
    try:
        driver: Connection[tuple[object, ...]] = connection.driver_connection  # type: ignore[assignment]
        pages = list(_rows_to_copy(driver, numbers))
        began = time.perf_counter()
        for page in pages:
            for table, (columns, rows) in page.items():
                _copy(driver, table, columns, rows)
            driver.commit()
        seconds = time.perf_counter() - began
        _remove_copies(driver)
    finally:
        connection.close()
    return len(numbers) / seconds


Rows = tuple[list[str], list[tuple[object, ...]]]

_SHIFT = 1_000_000_000


def _rows_to_copy(driver: Connection[tuple[object, ...]], numbers: range) -> Iterator[dict[str, Rows]]:
    """The rows of each page as the recorder wrote them (one event a build), with shifted ids, in the order written."""
    for first in range(0, len(numbers), PAGE_ROWS):
        names = [str(number) for number in numbers[first : first + PAGE_ROWS]]
        of_page = "(SELECT id FROM builds WHERE external_id = ANY(%s) AND queued_at >= '2026-01-01')"
        yield {
            "builds": _read(driver, f"SELECT * FROM builds WHERE id IN {of_page} ORDER BY id", names),
            "attempts": _read(driver, f"SELECT * FROM attempts WHERE build_id IN {of_page} ORDER BY build_id", names),
            "events": _read(
                driver,
                f"SELECT * FROM events WHERE subject_id IN {of_page} AND to_status = 'failed' ORDER BY pos",
                names,
            ),
            "metric_changes": _read(driver, f"SELECT * FROM metric_changes WHERE build_id IN {of_page}", names),
            "build_search": _read(driver, f"SELECT * FROM build_search WHERE build_id IN {of_page}", names),
        }
    driver.commit()


def _read(driver: Connection[tuple[object, ...]], statement: str, names: list[str]) -> Rows:
    cursor = driver.execute(statement.encode(), (names,))
    columns = [column.name for column in cursor.description or ()]
    shifted = [index for index, column in enumerate(columns) if column in ("id", "build_id", "pos", "subject_id")]
    named = columns.index("external_id") if "external_id" in columns else None
    return columns, [_shift(row, shifted, named) for row in cursor]


def _shift(row: tuple[object, ...], shifted: list[int], named: int | None) -> tuple[object, ...]:
    values = list(row)
    for index in shifted:
        values[index] = int(str(values[index])) + _SHIFT
    if named is not None:
        values[named] = f"copy-{values[named]}"
    return tuple(values)


def _copy(
    driver: Connection[tuple[object, ...]], table: str, columns: list[str], rows: list[tuple[object, ...]]
) -> None:
    with driver.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _remove_copies(driver: Connection[tuple[object, ...]]) -> None:
    keys = {"build_search": "build_id", "metric_changes": "build_id", "events": "pos", "attempts": "build_id"}
    for table, column in (keys | {"builds": "id"}).items():
        driver.execute(f"DELETE FROM {table} WHERE {column} >= {_SHIFT}".encode())
    driver.commit()


def _rows_written(engine: Engine, page: Sequence[Observation]) -> int:
    """Rows that recording the page inserts, updates or deletes, by Postgres' own count of the transaction."""
    count = text("SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables")
    with Session(engine) as session, session.begin():
        before = session.execute(count).scalar_one()
        record(session, page, instance_id=1, source_id=1, is_backfill=False)
        return int(session.execute(count).scalar_one() - before)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]

"""COPY of exactly the rows that transactions wrote, into another copy of the same database, a commit for each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from shared.database import libpq_url
from shared.recorder_words import SORT_IN

BY = {
    "branches": None,
    "commits": None,
    "builds": "id",
    "attempts": "build_id",
    "metric_changes": "build_id",
    "build_search": "build_id",
    "events": "pos",
}
"""The tables that a page may write, in the order of their keys to each other; by what those of a round are found."""

Driver = psycopg.Connection[tuple[int, ...]]
Rows = dict[str, bytes]


@dataclass(slots=True)
class Copying:
    """From one database to another; `mark` first, then let be written, then `seconds`."""

    source: Driver
    target: Driver
    builds: int = 0
    events: int = 0

    @classmethod
    @contextmanager
    def between(cls, source: str, target: str) -> Iterator["Copying"]:
        """For as long as the block lasts."""
        with psycopg.connect(libpq_url(source), autocommit=True) as one, psycopg.connect(libpq_url(target)) as other:
            yield cls(one, other)

    def mark(self) -> None:
        """Builds that are new from now on, and the events of now on, are those that are copied."""
        statement = "SELECT (SELECT coalesce(max(id), 0) FROM builds), (SELECT coalesce(max(pos), 0) FROM events)"
        self.builds, self.events = self.source.execute(statement).fetchone() or (0, 0)

    def mark_as(self, other: "Copying") -> None:
        """The same builds as the other's."""
        self.builds, self.events = other.builds, other.events

    def seconds(self, pages: int, builds: int) -> float:
        """How long it takes to write again, page by page, what the last transaction about each build wrote.

        The rows are read before the clock starts, in COPY's own text form. RuntimeError when the builds were not
        written in so many pages.
        """
        written = self._pages()
        counted = sum(count for _, count in written)
        if (len(written), counted) != (pages, builds):
            raise RuntimeError(f"{counted} builds in {len(written)} transactions, not {builds} in {pages}")
        rows = [self._rows(transaction) for transaction, _ in written]
        began = time.perf_counter()
        for page in rows:
            for table, of_table in page.items():
                with self.target.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    copy.write(of_table)
            if "build_search" in page:
                # Words left on the index's list of pending ones would be paid by every search: both sort theirs in.
                self.target.execute(SORT_IN.text.encode())
            self.target.commit()
        return time.perf_counter() - began

    def _pages(self) -> list[tuple[int, ...]]:
        """The transactions that wrote the builds as they are, oldest first, and how many builds each."""
        statement = """
            SELECT xmin::text::bigint AS transaction, count(*) FROM builds WHERE id > %s GROUP BY transaction
            ORDER BY transaction
        """
        return self.source.execute(statement, (self.builds,)).fetchall()

    def _rows(self, transaction: int) -> Rows:
        """The rows that this transaction wrote, by table; tables without any are left out."""
        marks = {"id": self.builds, "build_id": self.builds, "pos": self.events}
        found = {}
        for table, key in BY.items():
            since = "" if key is None else f" AND {key} > {marks[key]} ORDER BY {key}"
            statement = f"COPY (SELECT * FROM {table} WHERE xmin = '{transaction}'{since}) TO STDOUT"
            cursor = self.source.cursor()
            with cursor.copy(statement.encode()) as copy:
                rows = b"".join(bytes(block) for block in copy)
            if cursor.rowcount:
                found[table] = rows
        return found

"""Tables without indexes and constraints for as long as they are filled, which is many times faster."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

_INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid), format('DROP INDEX %%I', i.indexrelid::regclass)
    FROM pg_index i WHERE i.indrelid::regclass::text = ANY(%s)
        AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
    ORDER BY i.indexrelid
"""

# Foreign keys last when made, first when dropped; the checks of a row's own columns stay.
_CONSTRAINTS = """
    SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
           format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname), contype
    FROM pg_constraint
    WHERE contype IN ('p', 'u', 'f') AND (conrelid::regclass::text = ANY(%s) OR confrelid::regclass::text = ANY(%s))
    ORDER BY contype <> 'f', oid
"""


@contextmanager
def bare(url: str, tables: Sequence[str], *, connections: int = 2) -> Iterator[None]:
    """These tables without index, key and reference; all are made again after, several at a time."""
    names = list(tables)
    with psycopg.connect(url, autocommit=True) as connection:
        indexes = connection.execute(_INDEXES, (names,)).fetchall()
        constraints = connection.execute(_CONSTRAINTS, (names, names)).fetchall()
        for _, drop, *_ in [*constraints, *indexes]:
            connection.execute(drop.encode())
    yield
    keys = [make for make, _, kind in constraints if kind != "f"]
    _execute_all(url, [*[make for make, _ in indexes], *keys], connections)
    _execute_all(url, [make for make, _, kind in constraints if kind == "f"], 1)


def _execute_all(url: str, statements: Sequence[str], connections: int) -> None:
    with ThreadPoolExecutor(connections) as workers:
        list(workers.map(lambda statement: _execute(url, statement), statements))


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())

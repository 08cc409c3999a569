"""Rows of an answer as plain dicts: what every read query returns."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]

Row: TypeAlias = dict[str, object]
"""One row as the API shows it, keys in the documented order; instants are aware UTC (`shared.wire.encode` says `Z`)."""


def rows(
    session: Session, statement: str, parameters: Mapping[str, object] | None = None, *, is_binary: bool = False
) -> list[Row]:
    """Execute one statement with `:name` parameters and return its rows, keys in the statement's order.

    Read by the driver itself within the session's transaction: SQLAlchemy's result objects would cost twice what
    fetching a list of fifty builds costs. `is_binary` fetches long arrays of numbers in half the time. Errors are
    SQLAlchemy's, as everywhere.
    """
    connection = session.connection()
    prepared, given = _for_driver(statement), dict(parameters or {})
    try:
        with _driver(connection).cursor(row_factory=dict_row, binary=is_binary) as cursor:
            return cursor.execute(prepared, given).fetchall()
    except psycopg.Error as error:
        if _driver(connection).closed:
            connection.invalidate(error)
        raise DBAPIError.instance(statement, given, error, psycopg.Error, hide_parameters=True) from error


def as_int(value: object) -> int:
    """A column that holds a number, as one."""
    if not isinstance(value, int):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return value


@lru_cache(maxsize=512)
def _for_driver(statement: str) -> bytes:
    """The statement as psycopg wants it; statements are few, because values are always parameters."""
    return str(text(statement).compile(dialect=_DIALECT)).encode()


def _driver(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 (the one driver there is)
    return driver

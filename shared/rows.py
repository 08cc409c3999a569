"""Rows of an answer as plain dicts: what every read query returns."""

from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

Row: TypeAlias = dict[str, object]
"""One row as the API shows it, keys in the documented order; instants are aware UTC (`shared.wire.encode` says `Z`)."""


def rows(session: Session, statement: TextClause, parameters: Mapping[str, object] | None = None) -> list[Row]:
    """Execute one statement and return its rows, keys in the statement's order.

    Zipped from plain tuples, because a list of fifty builds is read thousands of times an hour and SQLAlchemy's row
    mappings take a third longer.
    """
    result = session.execute(statement, parameters or {})
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


def as_int(value: object) -> int:
    """A column that holds a number, as one."""
    if not isinstance(value, int):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return value

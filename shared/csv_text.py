"""Comma-separated values (RFC 4180) that a spreadsheet shows and does not run. Pure."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from io import StringIO

from shared.wire import encode

Cell = str | int | float

# What makes a spreadsheet take a cell for a formula, or for a word that begins one; the full-width signs too.
_STARTS_A_FORMULA = frozenset(
    "=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows of values as lines that end in CRLF, in UTF-8 without a byte order mark."""
    written = StringIO()
    csv.writer(written).writerows([map(cell, row) for row in rows])
    return written.getvalue().encode()


def cell(value: object) -> Cell:
    """A value as a cell: nothing for None, `true`, instants in RFC 3339, lists and objects as JSON, numbers as such.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _STARTS_A_FORMULA else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # A list or an object begins with its bracket, whatever is in it.
    return encode(value).decode()

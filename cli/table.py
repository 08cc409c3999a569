"""Rows for people on a terminal as a table, for programs as lines with tabs or as JSON."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import click


def is_terminal() -> bool:
    """Whether a person looks at what we print."""
    return sys.stdout.isatty()


def print_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A titled table on a terminal; elsewhere one line a row, the title first and tabs between."""
    if is_terminal():
        _print_table(title, columns, rows)
        return
    for row in rows:
        click.echo("\t".join([title, *(one_line(cell) for cell in row)]))


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def age(instant: datetime | None, now: datetime) -> str:
    """How long ago, or until when, in one unit people use; `never` without an instant."""
    if instant is None:
        return "never"
    seconds = (now - instant).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if abs(seconds) >= length or unit == "s":
            amount = f"{abs(seconds) // length:.0f} {unit}"
            return f"in {amount}" if seconds < 0 else f"{amount} ago"
    raise AssertionError(seconds)


def _print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 (rich is slow to load and only a terminal needs it)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not markup: what a provider says is shown, never obeyed.
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console().print(table)


def one_line(cell: str) -> str:
    """A text of a provider's without what could begin a line of its own or command the terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)

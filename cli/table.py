"""Rows for people on a terminal as a table, for programs as lines with tabs or as JSON."""

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import click

REMARK = "remark"
"""The column of long words: it comes last, and in a narrow window stands on lines of its own under its row."""

NARROW = 110
_GAP = "  "
_INDENT = "    "
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def is_terminal() -> bool:
    """Whether a person looks at what we print."""
    return sys.stdout.isatty()


def print_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A titled table on a terminal; elsewhere one line a row, the title first and tabs between."""
    shown = [tuple(one_line(cell) for cell in row) for row in rows]
    if is_terminal():
        click.secho(title, bold=True)
        for line in table_lines(columns, shown, width=shutil.get_terminal_size().columns):
            click.echo(line)
        click.echo()
        return
    for row in shown:
        click.echo("\t".join([title, *row]))


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> list[str]:
    """The table's lines: words are never broken; only a column called `remark` is folded, between its words."""
    cells = [tuple(columns), *rows]
    widths = [max(_width(row[place]) for row in cells) for place in range(len(columns))]
    if columns[-1] != REMARK:
        return [_joined(row, widths) for row in cells]
    before = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
    if width < NARROW or width - before < NARROW // 3:
        heads = [_joined(row[:-1], widths) for row in cells]
        remarks = [[], *(_folded(row[-1], width, _INDENT) for row in rows)]
        return [line for head, remark in zip(heads, remarks, strict=True) for line in (head, *remark)]
    lines = []
    for row in cells:
        first, *more = _folded(row[-1], width, " " * before) or [""]
        lines += [(_joined(row[:-1], widths, is_padded=True) + _GAP + first.strip()).rstrip(), *more]
    return lines


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """One JSON document."""
    print_written(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_written(document: str) -> None:
    """A document that is JSON already; what could command the terminal or turn its text around is escaped in it."""
    click.echo(_UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], document))


def age(instant: datetime | None, now: datetime) -> str:
    """How long ago, or until when, in one unit people use; `never` without an instant."""
    if instant is None:
        return "never"
    seconds = (now - instant).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if abs(seconds) >= length:
            amount = f"{abs(seconds) // length:.0f} {unit}"
            return f"in {amount}" if seconds < 0 else f"{amount} ago"
    return "now"


def one_line(cell: str) -> str:
    """A text of a provider's without what could begin a line of its own or command the terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)


def _joined(cells: Sequence[str], widths: Sequence[int], *, is_padded: bool = False) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=False)]
    line = _GAP.join(padded)
    return line if is_padded else line.rstrip()


def _folded(words: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _width(cell: str) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 (slow to load, and only a terminal needs it)

    return cell_len(cell)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)

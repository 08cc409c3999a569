"""Figures as lines of a table on the terminal, and as rows for the page in the docs."""

from collections.abc import Sequence

from benchmarks.figure import Figure
from benchmarks.history import change

_MARKS = {None: " ", True: "✓", False: "✗"}


def line(figure: Figure, before: dict[str, float]) -> str:
    """One figure with its promise, what it is compared with and how it moved since the last run."""
    moved = change(figure, before)
    words = "; ".join(filter(None, [figure.compared, moved]))
    value = f"{figure.value:>12,.2f} {figure.unit:<15} {_bound(figure):<10}"
    return f"{_MARKS[figure.is_met]} {figure.name:<58} {value} {words}".rstrip()


def rows(figures: Sequence[Figure]) -> str:
    """The table of docs/figures.md."""
    head = "| figure | measured | promised | compared with |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {figure.name} | **{figure.value:,.2f}** {figure.unit} | "
        f"{_bound(figure)} {_MARKS[figure.is_met]} | {figure.compared} |\n"
        for figure in figures
    )


def _bound(figure: Figure) -> str:
    return "" if figure.bound is None else f"{'≥' if figure.at_least else '≤'} {figure.bound:,g}"

"""Which cells make up a span of time: days, quarters and hours are kept added up, the rest is counted singly; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from shared.metrics.cells import Grain
from shared.metrics.window import DAY, FIRST, HOUR, floor

Span: TypeAlias = tuple[datetime, datetime]
"""From the first instant (included) to the second (excluded)."""

_STEP = {Grain.DAY: DAY, Grain.QUARTER: 6 * HOUR, Grain.HOUR: HOUR}


@dataclass(frozen=True, slots=True)
class Cover:
    """Slots of time, one after the other, and what they are read from.

    Slot n (from 0) reaches from `bounds[n]` to `bounds[n + 1]`. `cells` are the spans whose cells of a grain are taken
    as they are, `raw` those whose builds are counted one by one; together they hold every instant once, and no cell
    reaches across a bound.
    """

    bounds: tuple[datetime, ...]
    cells: tuple[tuple[Grain, datetime, datetime], ...]
    raw: tuple[Span, ...]

    @property
    def cut(self) -> timedelta:
        """How much time has to be counted build by build."""
        return sum((end - start for start, end in self.raw), timedelta())


def cover(bounds: Sequence[datetime], *, has_quarters: bool = False) -> Cover:
    """What the slots between ascending bounds are read from: of a scope that has quarters, or of one that has none."""
    grains = [grain for grain in _STEP if has_quarters or grain is not Grain.QUARTER]
    pieces = [piece for start, end in pairwise(bounds) for piece in _pieces(start, end, grains)]
    cells = [(grain, *span) for grain in reversed(grains) for span in _joined(pieces, grain)]
    return Cover(tuple(bounds), tuple(cells), tuple(_joined(pieces, None)))


def uncovered(bounds: Sequence[datetime]) -> Cover:
    """The same slots, counted build by build."""
    raw = ((bounds[0], bounds[-1]),) if bounds[0] < bounds[-1] else ()
    return Cover(tuple(bounds), (), raw)


def _pieces(
    start: datetime, end: datetime, grains: Sequence[Grain]
) -> Iterable[tuple[Grain | None, datetime, datetime]]:
    """A span as cells of these grains, the longest first, and rest, in order; some may be empty."""
    if not grains:
        yield None, start, end
        return
    longest, *shorter = grains
    first, last = _ceiling(start, _STEP[longest]), floor(end, _STEP[longest])
    if first >= last:
        yield from _pieces(start, end, shorter)
        return
    yield from _pieces(start, first, shorter)
    yield longest, first, last
    yield from _pieces(last, end, shorter)


def _joined(pieces: Iterable[tuple[Grain | None, datetime, datetime]], grain: Grain | None) -> list[Span]:
    """The spans of one grain, those that touch made one."""
    found: list[Span] = []
    for kind, start, end in pieces:
        if kind is not grain or start >= end:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _ceiling(instant: datetime, step: timedelta) -> datetime:
    return instant + (FIRST - instant) % step

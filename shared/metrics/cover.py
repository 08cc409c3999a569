"""Which cells make up a span of time: whole days and hours are kept added up, the rest is counted by itself; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from shared.metrics.cells import Grain
from shared.metrics.window import DAY, FIRST, HOUR, floor

Span: TypeAlias = tuple[datetime, datetime]
"""From the first instant (included) to the second (excluded)."""


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


def cover(bounds: Sequence[datetime]) -> Cover:
    """What the slots between ascending bounds are read from."""
    pieces = [piece for start, end in pairwise(bounds) for piece in _pieces(start, end)]
    cells = [(grain, *span) for grain in (Grain.HOUR, Grain.DAY) for span in _joined(pieces, grain)]
    return Cover(tuple(bounds), tuple(cells), tuple(_joined(pieces, None)))


def uncovered(bounds: Sequence[datetime]) -> Cover:
    """The same slots, counted build by build."""
    raw = ((bounds[0], bounds[-1]),) if bounds[0] < bounds[-1] else ()
    return Cover(tuple(bounds), (), raw)


def _pieces(start: datetime, end: datetime) -> Iterable[tuple[Grain | None, datetime, datetime]]:
    """A slot as days, hours and rest, in order; some may be empty."""
    hours = _ceiling(start, HOUR), floor(end, HOUR)
    if hours[0] >= hours[1]:
        yield None, start, end
        return
    yield None, start, hours[0]
    days = _ceiling(hours[0], DAY), floor(hours[1], DAY)
    if days[0] < days[1]:
        yield Grain.HOUR, hours[0], days[0]
        yield Grain.DAY, *days
        yield Grain.HOUR, days[1], hours[1]
    else:
        yield Grain.HOUR, *hours
    yield None, hours[1], end


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

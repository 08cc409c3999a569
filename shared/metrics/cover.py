"""Which cells make up a span of time: from eight weeks down to hours; the rest is counted build by build; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from shared.metrics.cells import FIRST_MONDAY, LENGTHS, Grain

Span: TypeAlias = tuple[datetime, datetime]
"""From the first instant (included) to the second (excluded)."""

_Part: TypeAlias = tuple[int, datetime, datetime]
"""What lies of a slot in some span: which slot, from when, until when."""

_HOUR = LENGTHS[Grain.HOUR]


@dataclass(frozen=True, slots=True)
class CutHour:
    """An hour most of which lies in one slot (from 1): counted there, less the builds of the rest of it."""

    starts_at: datetime
    slot: int
    rest: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """Slots of time, one after the other, and what they are read from.

    Slot n (from 1) reaches from `bounds[n - 1]` to `bounds[n]`. `cells` are the spans whose cells of a grain are taken
    as they are, none of which reaches across a bound; `raw` those whose builds are counted one by one. Of `cut_hours`
    the longer part is read from the cell and the rest of the hour counted one by one: taken away from that slot, and
    added where it lies, if that is in any. Together they hold every instant once.
    """

    bounds: tuple[datetime, ...]
    cells: tuple[tuple[Grain, datetime, datetime], ...]
    raw: tuple[Span, ...]
    cut_hours: tuple[CutHour, ...] = ()

    @property
    def cut(self) -> timedelta:
        """How much time has to be counted build by build."""
        spans = [*self.raw, *(span for hour in self.cut_hours for span in hour.rest)]
        return sum((end - start for start, end in spans), timedelta())


def cover(bounds: Sequence[datetime], *, has_quarters: bool = False) -> Cover:
    """What the slots between ascending bounds are read from: of a scope that has quarters, or of one that has none.

    However long a slot is, few spans lie at its two ends, and the cells between them are of eight weeks each.
    """
    grains = [grain for grain in reversed(LENGTHS) if has_quarters or grain is not Grain.QUARTER]
    pieces = [(slot, *piece) for slot, span in enumerate(pairwise(bounds), 1) for piece in _pieces(*span, grains)]
    cells = [
        (grain, *span)
        for grain in reversed(grains)
        for span in _joined((start, end) for _, kind, start, end in pieces if kind is grain)
    ]
    cut_hours, raw = _cut(_by_hour((slot, start, end) for slot, kind, start, end in pieces if kind is None))
    return Cover(tuple(bounds), tuple(cells), tuple(_joined(raw)), tuple(cut_hours))


def uncovered(bounds: Sequence[datetime]) -> Cover:
    """The same slots, counted build by build."""
    raw = ((bounds[0], bounds[-1]),) if bounds[0] < bounds[-1] else ()
    return Cover(tuple(bounds), (), raw)


def _pieces(
    start: datetime, end: datetime, grains: Sequence[Grain]
) -> Iterable[tuple[Grain | None, datetime, datetime]]:
    """A span as cells of these grains, the longest first, and rest, in order."""
    if not grains:
        if start < end:
            yield None, start, end
        return
    longest, *shorter = grains
    first, last = _ceiling(start, LENGTHS[longest]), _floor(end, LENGTHS[longest])
    if first >= last:
        yield from _pieces(start, end, shorter)
        return
    yield from _pieces(start, first, shorter)
    yield longest, first, last
    yield from _pieces(last, end, shorter)


def _by_hour(parts: Iterable[_Part]) -> dict[datetime, list[_Part]]:
    """Parts of slots cut at full hours, by the hour they lie in."""
    found: dict[datetime, list[_Part]] = {}
    for slot, start, end in parts:
        hour = _floor(start, _HOUR)
        while hour < end:
            found.setdefault(hour, []).append((slot, max(start, hour), min(end, hour + _HOUR)))
            hour += _HOUR
    return found


def _cut(by_hour: dict[datetime, list[_Part]]) -> tuple[list[CutHour], list[Span]]:
    """Of each hour as little to be counted one by one as can be: where one part of it is the most, the rest."""
    cut_hours: list[CutHour] = []
    raw: list[Span] = []
    for hour, parts in by_hour.items():
        slot, start, end = max(parts, key=lambda part: part[2] - part[1])
        if end - start > _HOUR / 2:
            cut_hours.append(CutHour(hour, slot, tuple(_joined([(hour, start), (end, hour + _HOUR)]))))
        else:
            raw += [(start, end) for _, start, end in parts]
    return cut_hours, raw


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch made one and empty ones left out."""
    found: list[Span] = []
    for start, end in spans:
        if start >= end:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _floor(instant: datetime, length: timedelta) -> datetime:
    return instant - (instant - FIRST_MONDAY) % length


def _ceiling(instant: datetime, length: timedelta) -> datetime:
    return instant + (FIRST_MONDAY - instant) % length

"""Which cells make up a span of time: from eight weeks down to hours; the rest is counted build by build; pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from shared.metrics.cells import FIRST_MONDAY, LENGTHS, Grain
from shared.metrics.window import LAST

NOWHERE = 0
"""The slot of all that lies in none."""

_Part: TypeAlias = tuple[int, datetime, datetime]
"""What lies of a slot in some span: which slot, from when (included), until when (excluded)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of time whose builds count in one slot and are taken away from another one, that has counted them.

    From `starts_at` (included) to `ends_at` (excluded). `slot` is None where each build counts in the slot that it lies
    in, which is so but for a cell that reaches across a bound. Either may be NOWHERE.
    """

    starts_at: datetime
    ends_at: datetime
    slot: int | None = None
    counted_in: int = NOWHERE


@dataclass(frozen=True, slots=True)
class Cover:
    """Slots of time, one after the other, and what they are read from.

    Slot n (from 1) reaches from `bounds[n - 1]` to `bounds[n]`. `cells` are the spans whose cells of a grain are read,
    `raw` those whose builds are counted one by one. A cell most of which lies in one slot is counted there, and the
    rest of it, which is less to read, taken away again. Added up, a slot holds each of its instants once and no other.
    """

    bounds: tuple[datetime, ...]
    cells: tuple[tuple[Grain, Piece], ...]
    raw: tuple[Piece, ...]

    @property
    def cut(self) -> timedelta:
        """How much time has to be counted build by build."""
        return sum((piece.ends_at - piece.starts_at for piece in self.raw), timedelta())


def cover(bounds: Sequence[datetime], *, has_quarters: bool = False) -> Cover:
    """What the slots between ascending bounds are read from: of a scope that has quarters, or of one that has none.

    However long a slot is, few spans lie at its two ends, and the cells between them are of eight weeks each.
    """
    grains = [grain for grain in reversed(LENGTHS) if has_quarters or grain is not Grain.QUARTER]
    longest = LENGTHS[grains[0]]
    edges = [_floor(bounds[0], longest), *bounds, _ceiling(bounds[-1], longest)]
    parts = [(slot % len(bounds), *span) for slot, span in enumerate(pairwise(edges)) if span[0] < span[1]]
    endless = len(bounds) - 1 if bounds[-1] == LAST else None
    pieces = list(_pieces(parts, NOWHERE, grains, endless))
    cells = [
        (grain, piece)
        for grain in reversed(grains)
        for piece in _joined(piece for kind, piece in pieces if kind is grain)
    ]
    return Cover(tuple(bounds), tuple(cells), tuple(_joined(piece for kind, piece in pieces if kind is None)))


def uncovered(bounds: Sequence[datetime]) -> Cover:
    """The same slots, counted build by build."""
    raw = (Piece(bounds[0], bounds[-1]),) if bounds[0] < bounds[-1] else ()
    return Cover(tuple(bounds), (), raw)


def _pieces(
    parts: Sequence[_Part], counted_in: int, grains: Sequence[Grain], endless: int | None
) -> Iterator[tuple[Grain | None, Piece]]:
    """What has to be read so that each part counts in its slot, once all of them are counted in one.

    Cells of these grains, the longest first; None: build by build. The parts follow one another. Of a slot that is
    `endless` most lies ahead, where nothing is to be read yet: it is never the most of a cell.
    """
    if not grains:
        yield from ((None, Piece(start, end, None, counted_in)) for slot, start, end in parts if slot != counted_in)
        return
    grain, *shorter = grains
    length = LENGTHS[grain]
    cut: dict[datetime, list[_Part]] = {}
    for slot, start, end in parts:
        first, last = _ceiling(start, length), _floor(end, length)
        if first < last and slot != counted_in:
            yield grain, Piece(first, last, None, counted_in)
        for one, other in ((start, min(first, end)), (max(last, start), end)) if first <= last else ((start, end),):
            if one < other:
                cut.setdefault(_floor(one, length), []).append((slot, one, other))
    for cell, its in cut.items():
        most = next((slot for slot, start, end in its if end - start > length / 2), counted_in)
        if most in (counted_in, endless):
            yield from _pieces(its, counted_in, shorter, endless)
        else:
            yield grain, Piece(cell, cell + length, most, counted_in)
            yield from _pieces(its, most, shorter, endless)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces in order, those made one that touch and whose builds count alike."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.starts_at):
        last = found[-1] if found else None
        is_alike = last is not None and last.slot is None is piece.slot and last.counted_in == piece.counted_in
        if last is not None and is_alike and last.ends_at == piece.starts_at:
            found[-1] = replace(last, ends_at=piece.ends_at)
        else:
            found.append(piece)
    return found


def _floor(instant: datetime, length: timedelta) -> datetime:
    return instant - (instant - FIRST_MONDAY) % length


def _ceiling(instant: datetime, length: timedelta) -> datetime:
    return instant + (FIRST_MONDAY - instant) % length

"""What rows of cells add up to: counts by status and reason, sums, and histograms."""

import sys
from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar, cast

from shared.metrics.cells import REASON_CODE, STATUS_CODE
from shared.metrics.histogram import percentile
from shared.rows import Row
from shared.status import VERDICTS, CancelReason, Status

_STATUS = {code: status for status, code in STATUS_CODE.items()}
_REASON = {code: reason for reason, code in REASON_CODE.items()}
_VERDICTS = frozenset(STATUS_CODE[status] for status in VERDICTS)
_SUCCEEDED = STATUS_CODE[Status.SUCCEEDED]

# Copied for each of thousands of groups: to walk an enum's members takes ten times as long.
_NO_STATUS = dict.fromkeys(Status, 0)
_NO_REASON = dict.fromkeys(_REASON.values(), 0)

Key = TypeVar("Key", bound=Hashable)

Histogram: TypeAlias = dict[int, int]
"""How many values lie in each bin of `shared.metrics.histogram`."""

Part: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Bins, in any order and some of them several times, and how many values lie in each; or how many less."""


@dataclass(slots=True)
class Spread:
    """How long builds took, or waited: exactly on average, within 2 % at a percentile."""

    builds: int = 0
    milliseconds: int = 0
    parts: list[Part] = field(default_factory=list)
    """What is not merged yet."""
    merged: list[int] = field(default_factory=list)
    """The rest, as `by_bin` has it."""

    @property
    def average(self) -> float | None:
        """Seconds; None of nothing."""
        return self.milliseconds / self.builds / 1000 if self.builds > 0 else None

    @property
    def histogram(self) -> Histogram:
        """All that was added, with bins in order."""
        return {bin_: count for bin_, count in enumerate(self.by_bin) if count > 0}

    @property
    def by_bin(self) -> list[int]:
        """How many values lie in each bin, from 0 on."""
        merge(self.parts, self.merged)
        self.parts = []
        return self.merged

    def add(self, builds: int, milliseconds: int, part: Part | None, sign: int = 1) -> None:
        """Add a row's, or take it away."""
        self.builds += sign * builds
        self.milliseconds += sign * milliseconds
        if part is not None:
            bins, counts = part
            self.parts.append(part if sign > 0 else (bins, [-count for count in counts]))

    def take(self, other: "Spread") -> None:
        """Add what another one holds."""
        self.builds += other.builds
        self.milliseconds += other.milliseconds
        if theirs := other.by_bin:
            self.parts.append((range(len(theirs)), theirs[:]))


@dataclass(slots=True)
class Totals:
    """What the finished builds of a span add up to; builds that are not finished are no part of it."""

    by_status: dict[Status, int] = field(default_factory=_NO_STATUS.copy)
    cancelled: dict[CancelReason | None, int] = field(default_factory=_NO_REASON.copy)
    first_tries: dict[Status, int] = field(default_factory=_NO_STATUS.copy)
    flaky: int = 0
    queued: Spread = field(default_factory=Spread)
    succeeded: Spread = field(default_factory=Spread)
    failed: Spread = field(default_factory=Spread)

    @property
    def duration(self) -> Spread:
        """How long those with a verdict took: the succeeded and the failed."""
        spread = Spread()
        spread.take(self.succeeded)
        spread.take(self.failed)
        return spread

    @property
    def builds(self) -> int:
        return sum(self.by_status.values())

    @property
    def verdicts(self) -> int:
        return sum(self.by_status[status] for status in VERDICTS)

    @property
    def broken(self) -> int:
        return self.by_status[Status.FAILED] + self.by_status[Status.TIMED_OUT]

    def add(self, row: Row, duration: Part | None, queued: Part | None, sign: int = 1) -> None:
        """Add a row that `shared.metrics.read` found, with its histograms, or take it away."""
        code = cast("int", row["status"])
        builds = sign * cast("int", row["builds"])
        status = _STATUS[code]
        self.by_status[status] += builds
        self.first_tries[status] += sign * cast("int", row["first_tries"])
        if status is Status.CANCELLED:
            self.cancelled[_REASON[cast("int", row["cancel_reason"])]] += builds
        if code in _VERDICTS:
            self.flaky += sign * cast("int", row["flaky"])
            took = self.succeeded if code == _SUCCEEDED else self.failed
            took.add(cast("int", row["timed"]), cast("int", row["duration_ms"]), duration, sign)
            self.queued.add(cast("int", row["waited"]), cast("int", row["queued_ms"]), queued, sign)

    def take(self, other: "Totals") -> None:
        """Add what another one holds."""
        for status in Status:
            self.by_status[status] += other.by_status[status]
            self.first_tries[status] += other.first_tries[status]
        for reason, count in other.cancelled.items():
            self.cancelled[reason] += count
        self.flaky += other.flaky
        self.queued.take(other.queued)
        self.succeeded.take(other.succeeded)
        self.failed.take(other.failed)


def part_of(row: Row, what: str) -> Part | None:
    """A row's histogram of durations or waits, as the database sends an array's numbers: each after its length.

    The length of one has four bytes; a bin has two, a count four.
    """
    bins, counts = cast("bytes | None", row[f"{what}_bins"]), cast("bytes | None", row[f"{what}_counts"])
    return None if bins is None or counts is None else (_numbers("h", bins)[2::3], _numbers("i", counts)[1::2])


def _numbers(kind: Literal["h", "i"], sent: bytes) -> "array[int]":
    numbers = array(kind, sent)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def merge(parts: Iterable[Part], into: list[int]) -> None:
    """Add histograms to how many values lie in each bin, from 0 on."""
    # A list takes half as long as a dict, and much of the time of an answer goes here.
    for bins, counts in parts:
        into += [0] * (max(bins) + 1 - len(into))
        for bin_, count in zip(bins, counts, strict=True):
            into[bin_] += count


def seconds_at(histogram: Histogram, percents: Sequence[float]) -> list[float | None]:
    """The percentiles of a histogram with its bins in order, in seconds; None of nothing."""
    bins, counts = list(histogram), list(histogram.values())
    found = [percentile(bins, counts, percent) for percent in percents]
    return [None if milliseconds is None else milliseconds / 1000 for milliseconds in found]


def total(parts: Iterable[Totals]) -> Totals:
    """All of them together."""
    whole = Totals()
    for part in parts:
        whole.take(part)
    return whole


def by_slot(found: Iterable[Row], slots: int) -> list[Totals]:
    """The rows of each slot added up, in order."""
    return by_key(found, slots, lambda _: None).get(None) or [Totals() for _ in range(slots)]


def by_key(found: Iterable[Row], slots: int, key_of: Callable[[Row], Key]) -> dict[Key, list[Totals]]:
    """The rows of each key and slot added up: by key a list of as many totals as there are slots."""
    totals: dict[Key, list[Totals]] = {}
    for row in found:
        key = key_of(row)
        if key not in totals:
            totals[key] = [Totals() for _ in range(slots)]
        places = [(slot, sign) for slot, sign in _places(row) if 1 <= slot <= slots]
        duration, queued = part_of(row, "duration"), part_of(row, "queued")
        if len(places) > 1:
            duration, queued = _merged(duration), _merged(queued)
        for slot, sign in places:
            totals[key][slot - 1].add(row, duration, queued, sign)
    return totals


def _places(row: Row) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a row is to be added, and where it is to be taken away."""
    return (cast("int", row["slot"]), 1), (cast("int", row["counted_in"]), -1)


def _merged(part: Part | None) -> Part | None:
    """The same with each bin once."""
    if part is None:
        return None
    merged: list[int] = []
    merge([part], merged)
    return range(len(merged)), merged

"""The spans that figures are compared over: the window, its buckets and the period before, and how they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from shared.metrics.cells import WITH_QUARTERS
from shared.metrics.cover import Cover, cover, uncovered
from shared.metrics.cut import MOST_BUILDS, cut_of
from shared.metrics.subject import Subject
from shared.metrics.totals import Totals, total
from shared.metrics.window import HOUR, TooManyBuckets, Window
from shared.rows import Row

MOST_CUT = 100 * HOUR
"""So much of a window its buckets may cut out of full hours, in a zone whose hours are not those of UTC."""


@dataclass(frozen=True, slots=True)
class Periods:
    """What is read: the window in one slot or several, the period before it in the slot in front of them.

    `cut_at` is from where on builds are counted, where the window holds too many of a branch to be counted one by one.
    `subject` is whose builds they are, with the way on which they were found to be few.
    """

    subject: Subject
    frame: Window
    cover: Cover
    has_before: bool
    cut_at: datetime | None = None

    @property
    def slots(self) -> int:
        return len(self.cover.bounds) - 1

    @property
    def before(self) -> Window | None:
        return self.frame.before if self.has_before else None

    @property
    def read_frame(self) -> Window:
        """The window as far as it is counted."""
        return self.frame if self.cut_at is None else replace(self.frame, since=self.cut_at)

    @property
    def as_row(self) -> Row:
        """The window as an answer says it."""
        return self.read_frame.as_row | {"is_cut": self.cut_at is not None}

    def compared(self, parts: Sequence[Totals]) -> "Compared":
        """The slots' totals as those of the window and of the period before."""
        buckets = list(parts[1:] if self.has_before else parts)
        return Compared(total(buckets), parts[0] if self.has_before else None, buckets)


@dataclass(frozen=True, slots=True)
class Compared:
    """What the window, the period before (where there is one) and each of the window's buckets add up to."""

    window: Totals
    before: Totals | None
    buckets: Sequence[Totals]


def periods(
    session: Session,
    subject: Subject,
    frame: Window,
    *,
    inner: Sequence[datetime] = (),
    has_before: bool = True,
    most: int = MOST_BUILDS,
) -> Periods:
    """How to read a window that is cut at the instants of `inner`, and the period before it.

    No statement, but where the builds of a branch have to be counted one by one, the newest `most`: then those of
    `cut_of`. Raises TooManyBuckets.
    """
    before = frame.before if has_before else None
    first = frame.begins if before is None else before.begins
    bounds = [first, *inner, frame.ends] if before is None else [first, frame.begins, *inner, frame.ends]
    if subject.has_cells:
        covered = cover(bounds, has_quarters=subject.scope in WITH_QUARTERS)
        if covered.cut > MOST_CUT:
            raise TooManyBuckets(
                f"would cut more than {MOST_CUT // HOUR} hours in two, whose builds have to be counted one by one; "
                "take a longer bucket, or a later since and an until"
            )
        return Periods(subject, frame, covered, before is not None)
    subject, cut = cut_of(session, subject, first, frame.ends, most)
    if cut is None:
        return Periods(subject, frame, uncovered(bounds), before is not None)
    if cut <= frame.begins:
        return Periods(subject, frame, uncovered([frame.begins, *inner, frame.ends]), has_before=False)
    bounds = [cut, *(each for each in inner if each > cut), frame.ends]
    return Periods(subject, frame, uncovered(bounds), has_before=False, cut_at=cut)

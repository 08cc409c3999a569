"""What a badge needs of one pipeline: its builds added up, from cells alone where these hold them; nothing besides."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared.build_filter import BuildFilter
from shared.metrics.cover import cover, uncovered
from shared.metrics.read import Detail, read
from shared.metrics.subject import subject_of
from shared.metrics.totals import Totals, by_slot
from shared.metrics.window import HOUR, LAST, floor
from shared.reading import plan_for_any
from shared.rows import rows
from shared.scope import Scope

MOST_LOOKED_AT = 5_000
"""So many of a pipeline's builds are looked at where no cell tells a branch's from the others; older ones are not."""

_REACH = f"""
    SELECT b.queued_at + interval '1 microsecond' AS cut_at FROM builds b
    WHERE b.pipeline_id = :pipeline AND b.queued_at >= :since
    ORDER BY b.queued_at DESC, b.id DESC OFFSET {MOST_LOOKED_AT:d} LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Brief:
    """What the builds queued since an instant add up to; `cut_at` is that instant where there were too many before."""

    totals: Totals
    cut_at: datetime | None = None


def brief(
    session: Session, pipeline_id: int, branch: str | None, since: datetime, *, has_percentiles: bool = True
) -> Brief:
    """A pipeline's builds since the full hour of an instant, on one branch or on any.

    Three statements, and one more for a branch that is not the default one.
    """
    plan_for_any(session)
    wanted = BuildFilter(scope=Scope(pipeline_id=(pipeline_id,)), branch=() if branch is None else (branch,))
    subject = subject_of(session, wanted)
    since = floor(since, HOUR)
    cut_at = None if subject.has_cells else _cut(session, pipeline_id, since)
    bounds = (since if cut_at is None else cut_at, LAST)
    span = cover(bounds) if subject.has_cells else uncovered(bounds)
    (totals,) = by_slot(read(session, subject, span, Detail(has_bins=has_percentiles)), 1)
    return Brief(totals, cut_at)


def _cut(session: Session, pipeline_id: int, since: datetime) -> datetime | None:
    """From where on no more than MOST_LOOKED_AT builds lie; None: from `since` on."""
    for row in rows(session, _REACH, {"pipeline": pipeline_id, "since": since}):
        if isinstance(row["cut_at"], datetime):
            return row["cut_at"]
    return None

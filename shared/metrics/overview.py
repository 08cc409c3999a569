"""All figures over a window: whole, against the period before, by bucket, and what is true now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from shared.metrics import links
from shared.metrics.dora import dora
from shared.metrics.figures import figures_of
from shared.metrics.formula import FORMULA
from shared.metrics.last_build import last_build
from shared.metrics.members import counting
from shared.metrics.open_builds import OpenBuilds, open_builds
from shared.metrics.periods import Compared, Periods, periods
from shared.metrics.read import read
from shared.metrics.recovery import recoveries
from shared.metrics.slowdowns import compare
from shared.metrics.slowdowns import links as slowdown_links
from shared.metrics.subject import subject_of
from shared.metrics.totals import by_slot
from shared.metrics.trend import trend
from shared.metrics.window import HOUR, LAST, Bucket, Window, boundaries
from shared.queries import BuildFilter
from shared.rows import Row

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Cut:
    """Into which buckets a window is cut, by the clock of which zone."""

    bucket: Bucket
    zone: ZoneInfo = UTC_ZONE


def overview(
    session: Session, wanted: BuildFilter, frame: Window, cut: Cut | None = None, *, has_slowdown: bool = False
) -> Row:
    """All figures over the builds that `wanted`'s scope and branches name; its other parts are not looked at.

    A fixed number of statements, none of which reads more builds than those of the hours that the window cuts. Each
    goes by one way whatever it is asked for: to be read with `Planning.FOR_ANY_VALUES`.
    `has_slowdown` adds whether they became slower. Raises TooManyBuckets.
    """
    subject = subject_of(session, wanted)
    inner = () if cut is None else boundaries(frame, cut.bucket, cut.zone)[1:-1]
    span = periods(session, subject, frame, inner=inner)
    subject = span.subject
    compared = span.compared(by_slot(read(session, subject, span.cover), span.slots))
    now = open_builds(session, subject, span.cover.bounds)
    figures = _compared(session, wanted, span, compared, now)
    if has_slowdown:
        figures["slowdown"] = _slowdown(wanted, frame, compared)
    return {
        "window": span.as_row | {"bucket": cut and str(cut.bucket), "timezone": cut and str(cut.zone)},
        **figures,
        "series": None if cut is None else _series(wanted, span, compared, now),
        "active": now.as_row,
        "last_build": last_build(session, subject, wanted),
        "counting": counting(session),
        "formula": FORMULA,
        "links": links.of_figures(wanted, span.read_frame),
    }


def _slowdown(wanted: BuildFilter, frame: Window, compared: Compared) -> Row | None:
    if compared.before is None:
        return None
    found = compare(compared.before.succeeded.histogram, compared.window.succeeded.histogram)
    return found.as_row | slowdown_links(wanted, frame)


def _compared(session: Session, wanted: BuildFilter, span: Periods, compared: Compared, now: OpenBuilds) -> Row:
    """The window's figures with what incidents say, and how they changed."""
    subject, frame, before = span.subject, span.read_frame, span.before
    # Seconds add up, so both have to be as long, and no hour has to be whole for them.
    recovered = recoveries(session, subject, [frame] if before is None else [frame, frame.as_long_before])
    open_now = now.of_slots(1 if span.has_before else 0)
    figures = figures_of(compared.window, open_now, frame.elapsed / HOUR) | {"recovery": recovered[0]}
    trended = None
    if before is not None and compared.before is not None:
        former = figures_of(compared.before, now.by_slot[0], before.elapsed / HOUR) | {"recovery": recovered[1]}
        of_before = links.of_builds(wanted, before) | links.of_recovery(wanted, frame.as_long_before)
        trended = trend(figures, former, before) | {"links": of_before}
    return figures | {"dora": dora(session, subject, frame, recovered[0]), "trend": trended}


def _series(wanted: BuildFilter, span: Periods, compared: Compared, now: OpenBuilds) -> list[Row]:
    skipped = 1 if span.has_before else 0
    spans = list(pairwise(span.cover.bounds))[skipped:]
    return [
        {"starts_at": start, "ends_at": None if end == LAST else end}
        | figures_of(totals, open_here, _passed(start, end, span.frame) / HOUR)
        | {"link": links.of_bucket(wanted, start, end)}
        for (start, end), totals, open_here in zip(spans, compared.buckets, now.by_slot[skipped:], strict=True)
    ]


def _passed(start: datetime, end: datetime, frame: Window) -> timedelta:
    return max(min(end, frame.elapsed_until) - start, timedelta())

"""Which pipelines became slower for certain: the builds that succeeded took longer than in the period before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.metrics.flaky import NAMES, told_by_pipeline
from shared.metrics.links import builds_link, of_pipeline
from shared.metrics.periods import Periods, periods
from shared.metrics.read import Detail, read
from shared.metrics.statistics import mann_whitney
from shared.metrics.subject import Subject, pipelines_of
from shared.metrics.totals import Histogram, Totals, by_key, seconds_at
from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.rows import Row, as_int
from shared.status import Status

FEWEST = 10
"""So many builds must have succeeded in each period: of fewer nothing can be said."""

MOST_CHANCE = 0.01
"""How likely chance alone may make such a difference."""

LEAST_GROWTH = 0.10
"""By so much of itself the median must have grown: what is certain may still be too small to matter."""

MOST_CANDIDATES = 200
"""So many pipelines are looked at closely: those whose average grew most."""


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How long builds that succeeded took before and in the window; medians are seconds, None of nothing."""

    builds_before: int
    builds: int
    median_before: float | None
    median: float | None
    p_value: float

    @property
    def growth(self) -> float | None:
        """By what share of itself the median grew; below 0 it fell."""
        if self.median is None or not self.median_before:
            return None
        return self.median / self.median_before - 1

    @property
    def is_real(self) -> bool:
        """Whether it is slower, for certain and by so much that it matters."""
        return self.has_enough and self.p_value < MOST_CHANCE and (self.growth or 0) >= LEAST_GROWTH

    @property
    def has_enough(self) -> bool:
        return min(self.builds_before, self.builds) >= FEWEST

    @property
    def as_row(self) -> Row:
        return {
            "is_slower": self.is_real,
            "builds_before": self.builds_before,
            "builds": self.builds,
            "median_before": self.median_before,
            "median": self.median,
            "growth": self.growth,
            "p_value": self.p_value if self.has_enough else None,
            "words": _words(self),
        }


def compare(before: Histogram, now: Histogram) -> Slowdown:
    """Two histograms of the durations of builds that succeeded."""
    (median_before,), (median,) = seconds_at(before, (50,)), seconds_at(now, (50,))
    return Slowdown(sum(before.values()), sum(now.values()), median_before, median, mann_whitney(before, now))


def ranking(session: Session, wanted: BuildFilter, frame: Window, *, limit: int) -> list[Row]:
    """The pipelines that became slower than in the period before, for certain; the greatest growth first.

    Each row names its pipeline and has `builds_before`, `builds`, `median_before`, `median` (seconds), `growth` (0.25:
    a quarter longer), `p_value`, `words`, `link` and `link_before`. Empty where there is no period before.
    """
    pipelines = pipelines_of(session, wanted)
    subject = told_by_pipeline(pipelines, wanted)
    span = periods(session, subject, frame)
    if not span.has_before:
        return []
    closer = subject.told_by(subject.scope, _candidates(_read(session, subject, span, has_bins=False)))
    looked_at = set(closer.ids)
    slower = {
        key: compare(before.succeeded.histogram, now.succeeded.histogram)
        for key, (before, now) in _read(session, closer, span, has_bins=True).items()
        if key in looked_at
    }
    ranked = sorted((key for key in slower if slower[key].is_real), key=lambda key: (-(slower[key].growth or 0), key))
    named = {as_int(row["pipeline_id"]): row for row in pipelines}
    return [
        {name: named[key][name] for name in NAMES} | slower[key].as_row | links(of_pipeline(wanted, key), frame)
        for key in ranked[:limit]
    ]


def links(wanted: BuildFilter, frame: Window) -> Row:
    """Where the builds are listed that are compared."""
    narrowing = {"status": str(Status.SUCCEEDED), "has_duration": "true"}
    return {
        "link": builds_link(wanted, frame, **narrowing),
        "link_before": None if frame.before is None else builds_link(wanted, frame.before, **narrowing),
    }


def _read(session: Session, subject: Subject, span: Periods, *, has_bins: bool) -> dict[int, list[Totals]]:
    found = read(session, subject, span.cover, Detail(has_bins=has_bins))
    return by_key(found, span.slots, lambda row: as_int(row["key"]))


def _candidates(counted: Mapping[int, Sequence[Totals]]) -> list[int]:
    """Those with enough builds in both periods, by how much the average grew."""
    growth = {
        key: (now.duration.average or 0) / before.duration.average
        for key, (before, now) in counted.items()
        if min(before.by_status[Status.SUCCEEDED], now.by_status[Status.SUCCEEDED]) >= FEWEST
        and before.duration.average
    }
    return sorted(growth, key=lambda key: -growth[key])[:MOST_CANDIDATES]


def _words(slowdown: Slowdown) -> str:
    if not slowdown.has_enough:
        return (
            f"{slowdown.builds_before} builds succeeded before and {slowdown.builds} in the window; "
            f"at least {FEWEST} each are needed to compare"
        )
    growth = slowdown.growth or 0
    moved = f"the median went from {slowdown.median_before:.1f} s to {slowdown.median:.1f} s ({growth:+.0%})"
    chance = "less than 1 in 1,000" if slowdown.p_value < 0.001 else f"{slowdown.p_value:.3f}"
    return f"{moved}; by chance alone so much apart: {chance} (Mann-Whitney)"

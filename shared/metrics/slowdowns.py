"""Which pipelines became slower for certain: the builds that succeeded took longer than in the period before."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.metrics.flaky import NAMES, told_by_pipeline
from shared.metrics.links import builds_link, of_pipeline
from shared.metrics.periods import periods
from shared.metrics.ranking import Ranking
from shared.metrics.statistics import discoveries, mann_whitney
from shared.metrics.subject import pipelines_of
from shared.metrics.tallies import among, successes, tallies
from shared.metrics.totals import Histogram, seconds_at
from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.rows import Row, as_int
from shared.status import Status

FEWEST = 10
"""So many builds must have succeeded in each period: of fewer nothing can be said."""

MOST_CHANCE = 0.01
"""How likely chance alone may make such a difference; of a ranking, how much of it may be there by chance alone."""

LEAST_GROWTH = 0.10
"""By so much of itself the median must have grown: what is certain may still be too small to matter."""

MOST_CANDIDATES = 200
"""So many pipelines are looked at closely: those whose average grew most."""

_CUT_AWAY = (
    "the branches have more builds than are counted one by one, and none of the period before is among the newest: "
    "take a shorter window, or fewer branches or pipelines"
)
_NOTHING_BEFORE = (
    "there is no period before to compare with: less than an hour of the window has passed, or it has none"
)


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


def ranking(session: Session, wanted: BuildFilter, frame: Window, *, limit: int) -> Ranking:
    """The pipelines that became slower than in the period before, for certain; the greatest growth first.

    A pipeline has to be slower by more than one alone would, because all that can be compared are (Benjamini-Hochberg).
    Each row names its pipeline and has `builds_before`, `builds`, `median_before`, `median` (seconds), `growth` (0.25:
    a quarter longer), `p_value`, `words`, `link` and `link_before`. Where there is no period before, or so many
    builds that it is not counted, there are no rows, and `reason` says so.
    """
    pipelines = pipelines_of(session, wanted)
    subject = told_by_pipeline(pipelines, wanted)
    span = periods(session, subject, frame)
    subject = span.subject
    if not span.has_before:
        return Ranking([], 0, span.as_row, _CUT_AWAY if frame.before else _NOTHING_BEFORE)
    comparable = _comparable(tallies(session, subject, span.cover))
    candidates = comparable[:MOST_CANDIDATES]
    closer = among(subject, candidates, candidates)
    took = successes(session, closer, span.cover)
    slower = {key: compare(took.get((key, 1), {}), took.get((key, 2), {})) for key in closer.ids}
    p_values = {key: slower[key].p_value for key in slower if slower[key].is_real}
    certain = discoveries(p_values, of=len(comparable), rate=MOST_CHANCE)
    ranked = sorted(certain, key=lambda key: (-(slower[key].growth or 0), key))
    named = {as_int(row["pipeline_id"]): row for row in pipelines}
    found = [
        {name: named[key][name] for name in NAMES} | slower[key].as_row | links(of_pipeline(wanted, key), frame)
        for key in ranked[:limit]
    ]
    return Ranking(found, len(ranked), span.as_row)


def links(wanted: BuildFilter, frame: Window) -> Row:
    """Where the builds are listed that are compared."""
    narrowing = {"status": str(Status.SUCCEEDED), "has_duration": "true"}
    return {
        "link": builds_link(wanted, frame, **narrowing),
        "link_before": None if frame.before is None else builds_link(wanted, frame.before, **narrowing),
    }


def _comparable(found: Iterable[Row]) -> list[int]:
    """Those with enough builds that succeeded in both periods, by how much their average grew."""
    counted = {(as_int(row["key"]), as_int(row["slot"])): row for row in found if row["key"] is not None}
    both = ((key, counted[key, 1], now) for (key, slot), now in counted.items() if slot == 2 and (key, 1) in counted)
    growth = {
        key: _average(now) / _average(before)
        for key, before, now in both
        if min(as_int(before["succeeded"]), as_int(now["succeeded"])) >= FEWEST and _average(before)
    }
    return sorted(growth, key=lambda key: (-growth[key], key))


def _average(tally: Row) -> float:
    return as_int(tally["duration_ms"]) / timed if (timed := as_int(tally["timed"])) > 0 else 0.0


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

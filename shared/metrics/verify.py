"""Whether the kept figures are right: counted anew, by other statements than those that keep them.

A pipeline's hours are compared with its attempts and incidents, its days with its hours, its weeks with its days, and
so on up to all time; then every other scope's hours with the pipelines' hours, its quarters of days with its hours, and
so on up. All is read from one snapshot, after what was recorded is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics import members
from shared.metrics.cells import CellScope, Grain, first_hour_sql, grains_of
from shared.metrics.fold import fold_once
from shared.metrics.rebuild import Progress, slices
from shared.metrics.verify_sql import (
    CHECKED_ATTEMPTS,
    CHECKED_CELLS,
    DIFFERENCES,
    DURATIONS,
    FIGURES,
    FLAKES,
    FROM_ATTEMPTS,
    FROM_CELLS,
    HOUR,
    IS_DIFFERENT,
    MOST_TOLD,
    REASONS,
    STATUSES,
    WAITS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure that is not what it has to be; `scope_id` is 0 for everything, `bin` -1 but for a histogram's."""

    scope: CellScope
    scope_id: int
    grain: Grain
    starts_at: datetime | None
    branch_class: int
    status: str
    reason: str
    figure: str
    bin: int
    kept: int
    counted: int


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a comparison as SQL: a line for each part of a cell, and a line for each figure of it."""

    checked: str
    told: str


_OF_ATTEMPTS = _Side(CHECKED_ATTEMPTS, FROM_ATTEMPTS)
_THESE = "c.scope_id = ANY(:ids)"
_MEMBERS = "JOIN metric_members m ON m.pipeline_id = c.scope_id"

_OWNERS = {
    CellScope.REPOSITORY: (CellScope.PIPELINE, "m.repository_id", _MEMBERS),
    CellScope.PROJECT: (CellScope.PIPELINE, "m.project_id", _MEMBERS),
    CellScope.INSTANCE: (CellScope.PIPELINE, "m.instance_id", _MEMBERS),
    CellScope.EVERYTHING: (CellScope.INSTANCE, "0::bigint", ""),
}
_STARTS_AT = HOUR.format("c.starts_at")

_SUMMED_FROM = {
    Grain.QUARTER: Grain.HOUR,
    Grain.DAY: Grain.HOUR,
    Grain.WEEK: Grain.DAY,
    Grain.EIGHT_WEEKS: Grain.WEEK,
    Grain.EVER: Grain.EIGHT_WEEKS,
}


@dataclass(slots=True)
class Verification:
    """What was compared, and what differs; `counting` pipelines are not counted yet, which is no difference."""

    builds: int = 0
    cells: int = 0
    counting: int = 0
    differences: int = 0
    told: list[Difference] = field(default_factory=list)
    flakes: int = 0
    wrong_flakes: int = 0
    wrongly_flaky: list[int] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.differences and not self.wrong_flakes


def verify(session: Session, progress: Progress) -> Verification:
    """Add what was recorded, then compare everything. The caller holds the figures (`fold.alone`) and may commit."""
    while fold_once(session).changes:
        pass
    found = Verification(counting=members.counting(session))
    found.cells = session.execute(text("SELECT count(*) FROM metric_cells")).scalar_one()
    found.flakes = session.execute(text("SELECT count(*) FROM flakes")).scalar_one()
    parts = list(slices(session))
    total = sum(builds for _, builds in parts)
    for pipelines, builds in parts:
        _verify_pipelines(session, found, pipelines)
        found.builds += builds
        progress("builds", found.builds, total)
    _verify_sums(session, found, progress)
    return found


def _verify_pipelines(session: Session, found: Verification, pipelines: list[int]) -> None:
    """These pipelines' hours against their attempts, their days and all time against their hours, and their flakes."""
    kept = _cells(CellScope.PIPELINE, Grain.HOUR, which=_THESE)
    _compare(session, found, CellScope.PIPELINE, Grain.HOUR, kept=kept, counted=_OF_ATTEMPTS, ids=pipelines)
    _compare_grains(session, found, CellScope.PIPELINE, pipelines, which=_THESE)
    wrong = session.execute(text(FLAKES), {"ids": pipelines}).all()
    found.wrong_flakes += wrong[0].differences if wrong else 0
    found.wrongly_flaky += [row.build_id for row in wrong]


def _verify_sums(session: Session, found: Verification, progress: Progress) -> None:
    """Every other scope's hours against those it is summed up from, its longer spans against its hours."""
    for done, (scope, (below, scope_id, joined)) in enumerate(_OWNERS.items(), start=1):
        counted = _cells(below, Grain.HOUR, scope_id=scope_id, joined=joined, which=f"{scope_id} IS NOT NULL")
        _compare(session, found, scope, Grain.HOUR, kept=_cells(scope, Grain.HOUR), counted=counted, ids=[])
        _compare_grains(session, found, scope, [])
        progress("sums", done, len(_OWNERS))


def _compare_grains(
    session: Session, found: Verification, scope: CellScope, ids: Sequence[int], *, which: str = "true"
) -> None:
    for grain, below in _SUMMED_FROM.items():
        if grain in grains_of(scope):
            counted = _cells(scope, below, hour=first_hour_sql(grain, _STARTS_AT), which=which)
            kept = _cells(scope, grain, which=which)
            _compare(session, found, scope, grain, kept=kept, counted=counted, ids=ids)


def _cells(
    scope: CellScope,
    grain: Grain,
    *,
    scope_id: str = "c.scope_id",
    hour: str | None = None,
    joined: str = "",
    which: str = "true",
) -> _Side:
    """The figures of a scope's cells, of its own hours or of what these are part of."""
    own = "0" if grain is Grain.EVER else _STARTS_AT
    given = {
        "scope": scope,
        "grain": grain,
        "scope_id": scope_id,
        "hour": hour or own,
        "joined": joined,
        "which": which,
    }
    return _Side(CHECKED_CELLS.format(**given), FROM_CELLS.format(**given))


def _compare(
    session: Session,
    found: Verification,
    scope: CellScope,
    grain: Grain,
    *,
    kept: _Side,
    counted: _Side,
    ids: Sequence[int],
) -> None:
    checked = IS_DIFFERENT.format(kept=kept.checked, counted=counted.checked)
    if not session.execute(text(checked), {"ids": list(ids)}).scalar_one():
        return
    differing = session.execute(
        text(DIFFERENCES.format(kept=kept.told, counted=counted.told)), {"ids": list(ids)}
    ).all()
    found.differences += differing[0].differences if differing else 0
    found.told += [_difference(scope, grain, row) for row in differing[: MOST_TOLD - len(found.told)]]


def _difference(scope: CellScope, grain: Grain, row: Any) -> Difference:
    histogram = "duration_bins" if row.figure < WAITS else "queued_bins"
    return Difference(
        scope=scope,
        scope_id=row.scope_id,
        grain=grain,
        starts_at=None if grain is Grain.EVER else row.starts_at,
        branch_class=row.branch_class,
        status=STATUSES[row.status],
        reason=REASONS[row.reason],
        figure=histogram if row.figure >= DURATIONS else FIGURES[row.figure],
        bin=row.figure % DURATIONS if row.figure >= DURATIONS else -1,
        kept=int(row.kept),
        counted=int(row.counted),
    )

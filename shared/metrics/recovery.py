"""How long branches were red, and how long it took to make them green: from incidents, of default branches.

Where cells hold the subject, no incident is read but those of the hours that a window cuts. Until some instant,
incidents were open for as long as all that had opened by then have lasted since, less what those that had ended have
lasted since: both follow from how many there were and from the sum of their instants. What was before an instant is
all there ever was but what came after: between the windows that people look at and today lie few cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from shared.metrics.cells import (
    INCIDENT_CODE,
    OF_INCIDENTS_ONLY,
    WITH_QUARTERS,
    WORD_SQL,
    BranchClass,
    Grain,
)
from shared.metrics.contributions import OF_INCIDENT, OF_INCIDENT_CHANGES, ORIGIN
from shared.metrics.cover import NOWHERE, cover
from shared.metrics.histogram import BIN_SQL
from shared.metrics.read import CELL_SPANS, END_TO_END, RAW_SPANS, elsewhere, parameters_for, settled
from shared.metrics.recovery_of_branches import recoveries_of_branches
from shared.metrics.seek import narrowed
from shared.metrics.subject import DEFAULT_BRANCH, Subject
from shared.metrics.totals import Spread, part_of, seconds_at
from shared.metrics.window import LAST, Window
from shared.rows import Row, as_int, rows

_MICROSECOND = timedelta(microseconds=1)

_EVER = -1
"""The slot of all there ever was; those of time count from 1."""

_FIXED = INCIDENT_CODE["fixed"]

# A build that knows no branch is of the default one.
_CLASSES = f"{BranchClass.NONE:d}, {BranchClass.DEFAULT:d}"
_IS_DEFAULT = f"(x.branch IS NULL OR x.branch = {DEFAULT_BRANCH})"

_AT_CUT_HOURS = f"""
    SELECT n.pipeline_id, nullif(n.branch, '') AS branch, e.*
    FROM incidents n CROSS JOIN LATERAL {OF_INCIDENT.format("n")} e
    WHERE n.{{by}} >= t.starts_at AND n.{{by}} < t.ends_at AND e.at >= t.starts_at AND e.at < t.ends_at
"""

# As `shared.metrics.read` reads builds: cells by their key, what was recorded since, and one by one what lies in the
# hours that a bound cuts; each counts in one slot and is taken away from another.
_READ = f"""
    WITH bounds AS (SELECT CAST(:bounds AS timestamptz[]) AS at),
    spans AS (
        SELECT * FROM {CELL_SPANS}
        UNION ALL SELECT {Grain.EVER:d}, '-infinity', 'infinity', {_EVER}, {NOWHERE}
    ),
    single AS (
        SELECT coalesce(t.slot, width_bucket(c.queued_at, (SELECT at FROM bounds))) AS slot, t.counted_in,
               c.pipeline_id, c.branch, c.status, c.builds::int, c.duration_ms, c.queued_ms
        FROM ({OF_INCIDENT_CHANGES}) c JOIN spans t ON c.queued_at >= t.starts_at AND c.queued_at < t.ends_at
        WHERE true {{changes}}
        UNION ALL
        SELECT width_bucket(i.at, (SELECT at FROM bounds)), t.counted_in,
               i.pipeline_id, i.branch, i.status, 1, i.duration_ms, i.queued_ms
        FROM {RAW_SPANS} CROSS JOIN LATERAL (
            {_AT_CUT_HOURS.format(by="opened_at")}
            UNION ALL
            {_AT_CUT_HOURS.format(by="fixed_at")} AND NOT (n.opened_at >= t.starts_at AND n.opened_at < t.ends_at)
            OFFSET 0
        ) i
        WHERE i.pipeline_id NOT IN ({{elsewhere}})
    ),
    found AS (
        SELECT coalesce(t.slot, width_bucket(c.starts_at, (SELECT at FROM bounds))) AS slot, t.counted_in,
               c.status, c.builds, c.duration_ms, c.queued_ms, c.duration_bins, c.duration_counts
        FROM unnest(CAST(:ids AS bigint[])) AS s(id) CROSS JOIN spans t
        CROSS JOIN LATERAL (
            SELECT * FROM metric_cells m
            WHERE m.scope = {{scope:d}} AND m.scope_id = s.id AND m.grain = t.grain AND m.starts_at >= t.starts_at
              AND m.starts_at < t.ends_at AND m.{OF_INCIDENTS_ONLY} AND m.branch_class IN ({{classes}})
            OFFSET 0
        ) c
        UNION ALL
        SELECT x.slot, x.counted_in, {WORD_SQL.format(status="x.status")}, x.builds, x.builds * x.duration_ms,
               x.builds * x.queued_ms, ARRAY[{BIN_SQL.format(ms="x.duration_ms")}]::smallint[], ARRAY[x.builds]
        FROM single x JOIN pipelines p ON p.id = x.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
        LEFT JOIN metric_members m ON m.pipeline_id = x.pipeline_id
        WHERE {{which}}
    )
    SELECT slot, counted_in, status = {_FIXED} AS is_fixed, sum(builds)::bigint AS incidents,
           coalesce(sum(duration_ms), 0)::bigint AS duration_ms, sum(queued_ms)::bigint AS instants_ms,
           {END_TO_END.format("duration_bins")}, {END_TO_END.format("duration_counts")}
    FROM found GROUP BY 1, 2, 3
"""


@dataclass(slots=True)
class _Sums:
    """The incidents that opened and that ended in a span: how many are left open by it, and when."""

    open: int = 0
    """Those that opened, less those that ended."""
    instants_ms: int = 0
    """The sum of the instants from ORIGIN on at which they opened, less that at which they ended."""
    lasted: Spread = field(default_factory=Spread)
    """How long those that ended had been open."""

    def add(self, row: Row, sign: int) -> None:
        direction = -sign if row["is_fixed"] else sign
        self.open += direction * as_int(row["incidents"])
        self.instants_ms += direction * as_int(row["instants_ms"])
        if row["is_fixed"]:
            self.lasted.add(as_int(row["incidents"]), as_int(row["duration_ms"]), part_of(row, "duration"), sign)


@dataclass(frozen=True, slots=True)
class _Standing:
    """How many incidents are open at an instant, and for how many microseconds all there ever were had been open."""

    open: int
    red: int


def recoveries(session: Session, subject: Subject, frames: Sequence[Window]) -> list[Row]:
    """Of each window `fixed` (incidents that ended in it), `average` and `p50` of how long these had lasted (seconds;
    the latter within 2 %), `red_seconds` (how long incidents were open in it, summed up) and `open` (at its end).

    One statement. Windows that go on end at `as_of`.
    """
    if not subject.has_cells:
        return recoveries_of_branches(session, subject, frames)
    bounds = sorted({bound for frame in frames for bound in (frame.begins, frame.elapsed_until)})
    ever, slots = _read(session, subject, bounds)
    standing = _standing(bounds, ever, slots)
    return [_recovery(frame, bounds, slots, standing) for frame in frames]


def _read(session: Session, subject: Subject, bounds: Sequence[datetime]) -> tuple[_Sums, list[_Sums]]:
    """The sums of all there ever was, and of each span between the bounds and after the last."""
    covered = cover([*bounds, LAST], has_quarters=subject.scope in WITH_QUARTERS)
    statement = _READ.format(
        scope=subject.scope,
        elsewhere=elsewhere(subject.scope),
        changes="".join(f" AND {condition}" for condition in settled(subject.scope, "c")),
        classes=f"{BranchClass.DEFAULT:d}" if subject.branch else _CLASSES,
        which=" AND ".join([*narrowed(subject, "x"), *([] if subject.branch else [_IS_DEFAULT])]),
    )
    ever, slots = _Sums(), [_Sums() for _ in bounds]
    places = {_EVER: ever} | dict(enumerate(slots, 1))
    for row in rows(session, statement, parameters_for(subject, covered), is_binary=True):
        for slot, sign in (row["slot"], 1), (row["counted_in"], -1):
            if (sums := places.get(as_int(slot))) is not None:
                sums.add(row, sign)
    return ever, slots


def _standing(bounds: Sequence[datetime], ever: _Sums, slots: Sequence[_Sums]) -> dict[datetime, _Standing]:
    """What was at each bound: of all there ever was without what came from there on."""
    open_, instants_ms = ever.open, ever.instants_ms
    found = {}
    for bound, following in zip(reversed(bounds), reversed(slots), strict=True):
        open_ -= following.open
        instants_ms -= following.instants_ms
        found[bound] = _Standing(open_, (bound - ORIGIN) // _MICROSECOND * open_ - 1000 * instants_ms)
    return found


def _recovery(
    frame: Window, bounds: Sequence[datetime], slots: Sequence[_Sums], standing: dict[datetime, _Standing]
) -> Row:
    lasted = Spread()
    for slot in slots[bounds.index(frame.begins) : bounds.index(frame.elapsed_until)]:
        lasted.take(slot.lasted)
    (p50,) = seconds_at(lasted.histogram, [50])
    begin, end = standing[frame.begins], standing[frame.elapsed_until]
    return {
        "fixed": lasted.builds,
        "average": lasted.average,
        "p50": p50,
        # What was kept are milliseconds: of one that opened right at a bound, half of one may lie beyond it.
        "red_seconds": max(0, end.red - begin.red) / 10**6,
        "open": end.open,
    }

"""What the figures have to be, by plain counting: read from builds and attempts alone, added up in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import ceil, log
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Key = tuple[int, int, int, str, int, int, int]
"""Scope, its id, grain, beginning, branch class, status, reason."""

STATUS = (
    *("unknown", "queued", "blocked", "running", "skipped", "cancelled", "succeeded", "timed_out", "failed"),
    *("opened", "fixed"),
)
REASON = (None, "superseded", "person", "timeout")
VERDICTS = ("succeeded", "failed", "timed_out")
EVER = "-infinity"
QUARTER, REPOSITORY = 3, 3
"""Six hours have cells in the scopes before a repository alone."""


@dataclass
class Sums:
    """One cell."""

    builds: int = 0
    first_tries: int = 0
    flaky: int = 0
    duration_ms: int = 0
    queued_ms: int = 0
    durations: Counter[int] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)


def bin_of(milliseconds: int) -> int:
    return 0 if milliseconds < 1 else 1 + ceil(log(milliseconds) / log(1.04) - 1e-9)


def counted(session: Session, *, with_flakes: bool = True) -> dict[Key, Sums]:
    """Every cell that there has to be."""
    found: dict[Key, Sums] = defaultdict(Sums)
    flaky = flakes(session) if with_flakes else {}
    for build in session.execute(text(_BUILDS)):
        if build.is_finished:
            for cell in _cells(found, build, build.status, build.cancel_reason):
                cell.builds += 1
                _add(cell, build)
        if build.first_is_finished:
            for cell in _cells(found, build, build.first_status, build.first_reason):
                cell.first_tries += 1
        if build.id in flaky:
            for cell in _cells(found, build, "succeeded", None):
                cell.flaky += 1
    for incident in session.execute(text(_INCIDENTS)):
        _count(found, incident)
    return dict(found)


def kept(session: Session) -> dict[Key, Sums]:
    """Every cell that there is."""
    return {
        (row.scope, row.scope_id, row.grain, row.starts_at, row.branch_class, row.status, row.cancel_reason): Sums(
            row.builds,
            row.first_tries,
            row.flaky,
            row.duration_ms,
            row.queued_ms,
            _histogram(row.duration_bins, row.duration_counts, row.timed),
            _histogram(row.queued_bins, row.queued_counts, row.waited),
        )
        for row in session.execute(text(_CELLS))
    }


def flakes(session: Session) -> dict[int, tuple[str | None, int, int, int]]:
    """Each flaky build: its branch, the attempt that passed, the build and the attempt that had failed before."""
    lines = defaultdict(list)
    for row in session.execute(text(_VERDICTS)):
        lines[row.pipeline_id, row.branch, row.event, row.commit_sha].append(row)
    found: dict[int, tuple[str | None, int, int, int]] = {}
    for line in lines.values():
        for before, after in pairwise(sorted(line, key=lambda row: (row.queued_at, row.id, row.number))):
            if after.has_verdict and after.status == "succeeded" and before.status != "succeeded":
                found.setdefault(after.id, (after.branch, after.number, before.id, before.number))
    return found


def kept_flakes(session: Session) -> dict[int, tuple[str | None, int, int, int]]:
    statement = text("SELECT build_id, branch, passed_attempt, failed_build_id, failed_attempt FROM flakes")
    return {build: tuple(rest) for build, *rest in session.execute(statement)}


_BUILDS = """
    SELECT b.*, p.instance_id, p.project_id AS project, p.repository_id,
           coalesce(p.default_branch, r.default_branch) AS default_branch,
           a.status AS first_status, a.cancel_reason AS first_reason,
           coalesce(a.is_finished, false) AS first_is_finished
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = 1
"""
_VERDICTS = f"""
    SELECT b.id, b.pipeline_id, b.branch, b.event, b.commit_sha, b.queued_at, a.number, a.status,
           b.is_finished AND b.status IN {VERDICTS} AS has_verdict
    FROM builds b JOIN attempts a ON a.build_id = b.id
    WHERE b.commit_sha IS NOT NULL AND a.is_finished AND a.status IN {VERDICTS}
"""
_CELLS = """
    SELECT scope, scope_id, grain, CASE WHEN starts_at = '-infinity' THEN '-infinity'
               ELSE to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"') END AS starts_at,
           branch_class, status, cancel_reason, builds, first_tries, flaky, timed, waited, duration_ms, queued_ms,
           duration_bins, duration_counts, queued_bins, queued_counts
    FROM metric_cells
"""


_INCIDENTS = """
    SELECT n.opened_at, n.fixed_at, nullif(n.branch, '') AS branch, p.id AS pipeline_id, p.instance_id,
           p.project_id AS project, p.repository_id, coalesce(p.default_branch, r.default_branch) AS default_branch
    FROM incidents n JOIN pipelines p ON p.id = n.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
"""
ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)


def _count(found: dict[Key, Sums], incident: Any) -> None:
    """An incident where it opened and where it ended: how many, when, and how long it had been open."""
    begin = min(incident.opened_at, incident.fixed_at or incident.opened_at)
    for word, instant in (("opened", begin), ("fixed", incident.fixed_at)):
        if instant is None:
            continue
        for cell in _cells(found, incident, word, None, instant):
            cell.builds += 1
            cell.queued_ms += _ms(instant)
            if word == "fixed":
                cell.duration_ms += _ms(instant) - _ms(begin)
                cell.durations[bin_of(_ms(instant) - _ms(begin))] += 1


def _ms(instant: datetime) -> int:
    return ((instant - ORIGIN) // timedelta(microseconds=1) + 500) // 1000


def _cells(
    found: dict[Key, Sums], build: Any, status: str, reason: str | None, at: datetime | None = None
) -> Iterator[Sums]:
    """The cells that count a build or, at that instant, an incident."""
    branch_class = 0 if build.branch is None else 1 if build.branch == build.default_branch else 2
    queued_at: datetime = (at or build.queued_at).astimezone(UTC)
    hour = queued_at.replace(minute=0, second=0, microsecond=0)
    quarter = hour.replace(hour=hour.hour // 6 * 6)
    monday = hour.date() - timedelta(days=hour.weekday())
    eighth_monday = date.fromordinal((monday.toordinal() - 1) // 56 * 56 + 1)
    beginnings = (
        hour.isoformat(),
        hour.replace(hour=0).isoformat(),
        EVER,
        quarter.isoformat(),
        datetime.combine(monday, time(), UTC).isoformat(),
        datetime.combine(eighth_monday, time(), UTC).isoformat(),
    )
    scopes = (0, build.instance_id, build.project, build.repository_id, build.pipeline_id)
    for scope, scope_id in enumerate(scopes):
        for grain, starts_at in enumerate(beginnings):
            if scope_id is not None and (grain != QUARTER or scope < REPOSITORY):
                place = (branch_class, STATUS.index(status), REASON.index(reason))
                yield found[scope, scope_id, grain, starts_at, *place]


def _add(cell: Sums, build: Any) -> None:
    if build.duration_seconds is not None:
        milliseconds = round(build.duration_seconds * 1000)
        cell.duration_ms += milliseconds
        cell.durations[bin_of(milliseconds)] += 1
    if build.queued_seconds is not None:
        milliseconds = round(build.queued_seconds * 1000)
        cell.queued_ms += milliseconds
        cell.waits[bin_of(milliseconds)] += 1


def _histogram(bins: Iterable[int] | None, counts: Iterable[int] | None, total: int) -> Counter[int]:
    """A cell's histogram; it has to be in order, without empty bins, and its counts what the cell says they sum to."""
    pairs = list(zip(bins or (), counts or (), strict=True))
    assert [bin_ for bin_, _ in pairs] == sorted({bin_ for bin_, _ in pairs})
    assert all(count != 0 for _, count in pairs)
    assert sum(count for _, count in pairs) == total
    return Counter(dict(pairs))

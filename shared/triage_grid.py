"""What failures have in common: of which pipelines, branches, runners and hours they are more often than verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.metrics.seek import narrowed, parameters_of, seek_of
from shared.metrics.subject import Subject
from shared.metrics.window import Window
from shared.rows import Row, as_int, rows
from shared.status import BROKEN, VERDICTS, literals

MOST_BUILDS = 40_000
"""So many builds of a window are looked at, the newest."""

MOST_FAILURES = 2_000
"""So many failures are looked into, the newest."""

SAMPLE = 1_000
"""About so many builds with a verdict are asked for the runners of their jobs, drawn without regard to anything."""

MOST_ROWS = 20
_MOST_JOBS_OF_BUILD = 100
_ALL_BITS = 2_147_483_647

_VERDICTS = literals(VERDICTS)
_BROKEN = literals(BROKEN)

_COUNTED = f"""
    WITH counted AS MATERIALIZED (
        SELECT y.id, y.pipeline_id, y.branch, y.queued_at, y.status IN ({_BROKEN}) AS is_broken
        FROM {{each}} CROSS JOIN LATERAL (
            SELECT * FROM builds x
            WHERE x.queued_at >= :first AND x.queued_at < :last AND {{where}} OFFSET 0
        ) y
        WHERE y.status IN ({_VERDICTS})
    ),
    whole AS MATERIALIZED (
        SELECT count(*) AS verdicts, count(*) FILTER (WHERE is_broken) AS failures,
               greatest(1, (count(*) + {SAMPLE - 1}) / {SAMPLE}) AS every
        FROM counted
    ),
    told AS (
        SELECT CASE WHEN GROUPING(pipeline_id) = 0 THEN 'pipeline' WHEN GROUPING(branch) = 0 THEN 'branch'
                    ELSE 'hour' END AS kind,
               pipeline_id, CASE WHEN GROUPING(branch) = 0 THEN branch ELSE to_char(hour, 'FM00') END AS value,
               count(*) AS verdicts, count(*) FILTER (WHERE is_broken) AS failures
        FROM (SELECT *, extract(hour FROM queued_at AT TIME ZONE :timezone)::int AS hour FROM counted) c
        GROUP BY GROUPING SETS ((pipeline_id), (branch), (hour))
    ),
    placed AS (
        SELECT t.*, row_number() OVER (
            PARTITION BY t.kind
            ORDER BY t.failures * w.verdicts - t.verdicts * w.failures DESC, t.verdicts DESC, t.value, t.pipeline_id
        ) AS place
        FROM told t CROSS JOIN whole w
    )
    SELECT w.verdicts AS all_verdicts, w.failures AS all_failures, w.every, newest.ids AS newest, sample.ids AS sample,
           t.kind, CASE t.kind WHEN 'pipeline' THEN p.name ELSE t.value END AS value, t.pipeline_id,
           r.name AS repository, t.failures, t.verdicts
    FROM whole w
    CROSS JOIN (
        SELECT array_agg(id) AS ids FROM (
            SELECT id FROM counted WHERE is_broken ORDER BY queued_at DESC, id DESC LIMIT {MOST_FAILURES}
        ) n
    ) newest
    CROSS JOIN (
        SELECT array_agg(id) AS ids FROM counted CROSS JOIN whole WHERE (hashint8(id) & {_ALL_BITS}) % every = 0
    ) sample
    LEFT JOIN placed t ON t.place <= {MOST_ROWS} OR t.kind = 'hour'
    LEFT JOIN pipelines p ON p.id = t.pipeline_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    ORDER BY t.kind, CASE WHEN t.kind = 'hour' THEN t.value END, t.place
"""

_BY_RUNNER = f"""
    WITH told AS (
        SELECT j.runner AS value, count(*) AS verdicts, count(*) FILTER (WHERE j.status IN ({_BROKEN})) AS failures
        FROM unnest(CAST(:builds AS bigint[])) AS u(id) JOIN builds b ON b.id = u.id
        CROSS JOIN LATERAL (
            SELECT j.runner, j.status FROM jobs j
            WHERE j.build_id = b.id AND j.attempt = b.attempt LIMIT {_MOST_JOBS_OF_BUILD}
        ) j
        WHERE j.status IN ({_VERDICTS})
        GROUP BY j.runner
    )
    SELECT t.value, NULL::bigint AS pipeline_id, NULL::text AS repository, t.failures, t.verdicts,
           w.verdicts AS all_verdicts, w.failures AS all_failures
    FROM told t CROSS JOIN (
        SELECT sum(verdicts)::bigint AS verdicts, sum(failures)::bigint AS failures FROM told
    ) w
    ORDER BY t.failures * w.verdicts - t.verdicts * w.failures DESC, t.verdicts DESC, t.value LIMIT {MOST_ROWS}
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """The builds with a verdict of a window: how many, the newest that failed, and an even sample (every n-th)."""

    verdicts: int
    failures: int
    newest: list[int]
    sample: list[int]
    every: int
    grid: dict[str, list[Row]]


def counted(session: Session, subject: Subject, frame: Window, timezone: str) -> Counted:
    """The verdicts of a subject in a window that is short enough to be read build by build. One statement.

    The grid is by pipeline, branch and hour of the day; first those that failed more often than the rest would have.
    """
    seek = seek_of("builds", subject)
    where = " AND ".join([f"true {seek.condition}", *narrowed(subject, "x", seek)])
    given = parameters_of(subject) | {"first": frame.begins, "last": frame.ends, "timezone": timezone}
    found = rows(session, _COUNTED.format(each=seek.each, where=where), given)
    whole = found[0]
    return Counted(
        verdicts=as_int(whole["all_verdicts"]),
        failures=as_int(whole["all_failures"]),
        newest=_ids(whole["newest"]),
        sample=_ids(whole["sample"]),
        every=as_int(whole["every"]),
        grid={kind: [_row(row) for row in found if row["kind"] == kind] for kind in ("pipeline", "branch", "hour")},
    )


def by_runner(session: Session, builds: Sequence[int]) -> list[Row]:
    """The same grid over the jobs of these builds' latest attempts, by where they ran."""
    return [_row(row) for row in rows(session, _BY_RUNNER, {"builds": list(builds)})]


def lift(failures: int, verdicts: int, all_failures: int, all_verdicts: int) -> float | None:
    """How many times larger the share of all failures is than that of all verdicts; None where nothing failed."""
    return failures * all_verdicts / (verdicts * all_failures) if verdicts and all_failures else None


def _row(row: Row) -> Row:
    failures, verdicts = as_int(row["failures"]), as_int(row["verdicts"])
    shown = {name: row[name] for name in ("value", "pipeline_id", "repository")}
    whole = as_int(row["all_failures"]), as_int(row["all_verdicts"])
    return shown | {"failures": failures, "verdicts": verdicts, "lift": lift(failures, verdicts, *whole)}


def _ids(found: object) -> list[int]:
    """An array of the database, whose aggregate is NULL when it is empty."""
    return found if isinstance(found, list) else []

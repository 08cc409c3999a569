"""The one statement that figures are read by: cells, what is not yet added to them, and builds at cut hours.

Of a row `slot` is where it counts and `counted_in` where it is taken away again, because a cell has counted it there
(`shared.metrics.cover`); either may lie outside of the slots, and then counts nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.metrics.cells import OF_BUILDS_ONLY, REASON_SQL, STATUS_SQL, BranchClass, CellScope
from shared.metrics.contributions import OF_CHANGES
from shared.metrics.cover import NOWHERE, Cover
from shared.metrics.histogram import BIN_SQL
from shared.metrics.seek import narrowed, parameters_of, seek_of
from shared.metrics.subject import COLUMN, KEY_COLUMN, Subject
from shared.rows import Row, rows
from shared.status import VERDICTS, literals

VERDICT_CODES = ", ".join(str(status.rank) for status in sorted(VERDICTS))
"""The codes that cells have for statuses that are verdicts, as SQL."""

_VERDICT_WORDS = literals(VERDICTS)
_SUMS = ("builds", "first_tries", "flaky", "timed", "waited", "duration_ms", "queued_ms")

# Every cell is found by the primary key: by scope, id, grain and time, however many others there are.
_CELLS = """
    SELECT coalesce(t.slot, width_bucket(c.starts_at, (SELECT at FROM bounds))) AS slot, t.counted_in,
           c.scope_id AS key, NULL::text AS branch, c.status, c.cancel_reason, {sums}, {bins}
    FROM unnest(CAST(:ids AS bigint[])) AS s(id) CROSS JOIN {spans}
    CROSS JOIN LATERAL (
        SELECT * FROM metric_cells m
        WHERE m.scope = {scope:d} AND m.scope_id = s.id AND m.grain = t.grain
          AND m.starts_at >= t.starts_at AND m.starts_at < t.ends_at AND m.{of_builds} {branch}
        OFFSET 0
    ) c
"""
_HISTOGRAMS = ("duration_bins", "duration_counts", "queued_bins", "queued_counts")
_CELL_BINS = ", ".join(f"CASE WHEN c.status IN ({VERDICT_CODES}) THEN c.{name} END AS {name}" for name in _HISTOGRAMS)

# What one build adds, in the form of `contributions`; its first attempt is looked up only where it is not the latest.
# What was recorded since counts where cells do: builds that are read themselves show it already, and they are taken
# away from a cell only if it counts their pipeline at all.
_ONE_BY_ONE = """
    raw AS MATERIALIZED (
        SELECT b.id, b.pipeline_id, b.branch, b.queued_at, b.status, b.cancel_reason, b.is_finished, b.attempt,
               b.duration_seconds, b.queued_seconds, b.slot, b.counted_in
        FROM {builds} b
    ),
    single AS (
        SELECT coalesce(t.slot, width_bucket(x.queued_at, (SELECT at FROM bounds))) AS slot, t.counted_in,
               x.pipeline_id, x.branch, x.status, x.cancel_reason,
               x.builds, x.first_tries, x.flaky, x.duration_ms, x.queued_ms
        FROM ({of_changes}) x JOIN {spans} ON {within}
        WHERE true {changes}
        UNION ALL
        SELECT b.slot, b.counted_in, b.pipeline_id, b.branch, b.status, b.cancel_reason, 1, (b.attempt = 1)::int, 0,
               round(b.duration_seconds * 1000)::bigint, round(b.queued_seconds * 1000)::bigint
        FROM raw b WHERE b.is_finished
        UNION ALL
        SELECT b.slot, b.counted_in, b.pipeline_id, b.branch, a.status, a.cancel_reason, 0, 1, 0, NULL, NULL
        FROM raw b JOIN attempts a ON a.build_id = b.id AND a.number = 1 WHERE b.attempt > 1 AND a.is_finished
        UNION ALL
        SELECT b.slot, b.counted_in, b.pipeline_id, b.branch, 'succeeded', NULL, 0, 0, 1, NULL, NULL FROM {flakes} b
    )
"""

_SINGLE_SUMS = """
    sum(c.builds)::bigint, sum(c.first_tries)::bigint, sum(c.flaky)::bigint,
    coalesce(sum(c.builds) FILTER (WHERE c.duration_ms IS NOT NULL), 0)::bigint,
    coalesce(sum(c.builds) FILTER (WHERE c.queued_ms IS NOT NULL), 0)::bigint,
    coalesce(sum(c.builds * c.duration_ms), 0)::bigint, coalesce(sum(c.builds * c.queued_ms), 0)::bigint
"""
_SINGLE_BINS = ", ".join(
    f"array_agg({value}) FILTER (WHERE c.{column} IS NOT NULL AND c.builds <> 0 AND c.status IN ({_VERDICT_WORDS}))"
    for column in ("duration_ms", "queued_ms")
    for value in (f"({BIN_SQL.format(ms=f'c.{column}')})::smallint", "c.builds::int")
)
_NO_BINS = """
    NULL::smallint[] AS duration_bins, NULL::int[] AS duration_counts,
    NULL::smallint[] AS queued_bins, NULL::int[] AS queued_counts
"""

CELL_SPANS = """
    unnest(CAST(:grains AS smallint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
           CAST(:slots AS int[]), CAST(:counted_in AS int[])) AS t(grain, starts_at, ends_at, slot, counted_in)
"""
RAW_SPANS = """
    unnest(CAST(:raw_starts AS timestamptz[]), CAST(:raw_ends AS timestamptz[]), CAST(:raw_counted_in AS int[]))
        AS t(starts_at, ends_at, counted_in)
"""

# A pipeline moves at once, and its cells with the next fold.
_ELSEWHERE: Mapping[CellScope, str] = {
    scope: f"""
        SELECT m.pipeline_id FROM metric_members m JOIN pipelines p ON p.id = m.pipeline_id
        WHERE NOT m.is_counted OR m.{column} IS DISTINCT FROM p.{column}
    """
    for scope, column in COLUMN.items()
    if scope is not CellScope.PIPELINE
}
_UNCOUNTED = "SELECT pipeline_id FROM metric_members WHERE NOT is_counted"
_WITHIN = "x.queued_at >= t.starts_at AND x.queued_at < t.ends_at"


# Rows with the same key are added up where they are: of a long window, or of many pipelines, there are many.
_ADDED_UP = f"""
    SELECT slot, counted_in, key, branch, status, cancel_reason,
           {", ".join(f"sum({name})::bigint AS {name}" for name in _SUMS)}, {{bins}}
    FROM ({{found}}) f GROUP BY 1, 2, 3, 4, 5, 6
"""
# Histograms are put end to end as they are sent, each without the 20 bytes that say it is an array: the database would
# take several times as long to merge them, and the driver to read them number by number.
END_TO_END = "string_agg(substr(array_send({0}), 21), '') AS {0}"
_END_TO_END = ", ".join(END_TO_END.format(name) for name in _HISTOGRAMS)


@dataclass(frozen=True, slots=True)
class Detail:
    """What is read beside counts and sums: `has_bins` for percentiles; `has_branches` where builds are read alone."""

    has_bins: bool = True
    has_branches: bool = False


WHOLE = Detail()


def read(session: Session, subject: Subject, cover: Cover, detail: Detail = WHOLE) -> list[Row]:
    """Rows of `slot, counted_in, key, branch, status, cancel_reason` (codes), sums and histograms.

    The cover names quarters only where the subject's scope has them. A row is to be added to `slot` and taken away from
    `counted_in`, which count from 1, along the cover's bounds; others are to be passed over. `key` is the id in the
    subject's scope, NULL where a pipeline has none. Histograms are pairs: bins, in any order and some of them several
    times, and how many builds lie in each (negative: so many less), of builds with a verdict; as bytes that
    `totals.part_of` reads.
    """
    bins = _END_TO_END if detail.has_bins else _NO_BINS
    statement = _ADDED_UP.format(found=statement_of(subject, detail), bins=bins)
    return rows(session, statement, parameters_for(subject, cover), is_binary=True)


def elsewhere(scope: CellScope) -> str:
    """The pipelines that no cell of theirs in a scope holds yet: not counted so far, or counted for somebody else."""
    return _ELSEWHERE.get(scope, _UNCOUNTED)


def settled(scope: CellScope, alias: str) -> list[str]:
    """The condition that changes are of pipelines whose cells in a scope they will be added to, if it needs one."""
    return [f"{alias}.pipeline_id NOT IN ({_ELSEWHERE[scope]})"] if scope in _ELSEWHERE else []


_ID = {"builds": "id", "flakes": "build_id"}


def _found(table: str, subject: Subject) -> str:
    """The rows of `builds` or `flakes` in the raw spans."""
    seek = seek_of(table, subject)
    where = " AND ".join([f"{_WITHIN} {seek.condition}", *narrowed(subject, "x", seek)])
    # The inner query is one of its own, once for each span, newest first: the limit, which is none, keeps it so. One
    # that Postgres cannot know has it take the index in this order, and not another one that it would skip through or
    # whose many rows, by what it expects of any span, it would sort.
    newest = f"ORDER BY x.queued_at DESC, x.{_ID[table]} DESC LIMIT (SELECT NULL::bigint)"
    return f"""(
        SELECT y.*, width_bucket(y.queued_at, (SELECT at FROM bounds)) AS slot,
               CASE WHEN y.pipeline_id IN ({elsewhere(subject.scope)}) THEN {NOWHERE}
                    ELSE t.counted_in END AS counted_in
        FROM {seek.each} CROSS JOIN {RAW_SPANS}
        CROSS JOIN LATERAL (SELECT * FROM {table} x WHERE {where} {newest}) y
    )"""


def statement_of(subject: Subject, detail: Detail) -> str:
    """The statement that finds what `read` adds up, with parameters that `parameters_for` has.

    Histograms are pairs of arrays; several rows may bear the same key.
    """
    single = _ONE_BY_ONE.format(
        of_changes=OF_CHANGES,
        spans=CELL_SPANS,
        within=_WITHIN,
        changes="".join(f" AND {condition}" for condition in [*narrowed(subject, "x"), *settled(subject.scope, "x")]),
        builds=_found("builds", subject),
        flakes=_found("flakes", subject),
    )
    cells = _CELLS.format(
        sums=", ".join(f"c.{name}" for name in _SUMS),
        bins=_CELL_BINS if detail.has_bins else _NO_BINS,
        spans=CELL_SPANS,
        scope=subject.scope,
        of_builds=OF_BUILDS_ONLY,
        branch=f"AND m.branch_class = {BranchClass.DEFAULT:d}" if subject.branch else "",
    )
    key = "0" if subject.scope is CellScope.EVERYTHING else f"p.{KEY_COLUMN[subject.scope]}"
    return f"""
        WITH bounds AS (SELECT CAST(:bounds AS timestamptz[]) AS at), {single}
        {cells}
        UNION ALL
        SELECT c.slot, c.counted_in, {key},
               {"c.branch" if detail.has_branches else "NULL::text"},
               {STATUS_SQL.format(status="c.status")}, {REASON_SQL.format(reason="c.cancel_reason")},
               {_SINGLE_SUMS}, {_SINGLE_BINS if detail.has_bins else _NO_BINS}
        FROM single c {"" if subject.scope is CellScope.EVERYTHING else "JOIN pipelines p ON p.id = c.pipeline_id"}
        GROUP BY 1, 2, 3, 4, c.status, c.cancel_reason
    """


def parameters_for(subject: Subject, cover: Cover) -> dict[str, object]:
    """What the statement is to be executed with."""
    cells, raw = cover.cells, cover.raw
    return parameters_of(subject) | {
        "bounds": list(cover.bounds),
        "ids": list(subject.ids),
        "grains": [int(grain) for grain, _ in cells],
        "starts": [piece.starts_at for _, piece in cells],
        "ends": [piece.ends_at for _, piece in cells],
        "slots": [piece.slot for _, piece in cells],
        "counted_in": [piece.counted_in for _, piece in cells],
        "raw_starts": [piece.starts_at for piece in raw],
        "raw_ends": [piece.ends_at for piece in raw],
        "raw_counted_in": [piece.counted_in for piece in raw],
    }

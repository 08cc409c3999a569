"""Adding to `metric_cells`: contributions and cells as entries, entries spread over every scope and grain, and merged.

An entry is one row: where it counts (`instance_id, project_id, repository_id, pipeline_id, hour, branch_class,
status, cancel_reason`) and what it adds to one `slot`. Slot 0 holds the sums; slot 1 + bin holds how many (`n`)
durations lie in that bin, slot -1 - bin how many waits in the queue. Entries are only ever added up: their order is of
no matter.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.cells import (
    CLASS_SQL,
    FIRST_MONDAY,
    INCIDENT_WORDS,
    LENGTHS,
    REASON_SQL,
    WITH_QUARTERS,
    WORD_SQL,
    CellScope,
    Grain,
)
from shared.metrics.histogram import BIN_SQL

_PLACE = "instance_id, project_id, repository_id, pipeline_id, hour, branch_class, status, cancel_reason"
_SUMS = ("n", "builds", "first_tries", "flaky", "duration_ms", "queued_ms")
_MEASURES = ", ".join(_SUMS)
# A sum of bigints is a numeric, and adding those up would take several times as long.
_SUMMED = ", ".join(f"sum({name})::bigint AS {name}" for name in _SUMS)
_IS_ANYTHING = " OR ".join(f"sum({name}) <> 0" for name in _SUMS)
_ADDED = ("builds", "first_tries", "flaky", "timed", "waited", "duration_ms", "queued_ms")

KEY = "scope, scope_id, grain, starts_at, branch_class, status, cancel_reason"

ENTRIES_OF_CONTRIBUTIONS = f"""
    SELECT m.instance_id, m.project_id, m.repository_id, c.pipeline_id, date_trunc('hour', c.queued_at, 'UTC') AS hour,
           {CLASS_SQL.format(branch="c.branch", default_branch="m.default_branch")} AS branch_class,
           {WORD_SQL.format(status="c.status")} AS status,
           {REASON_SQL.format(reason="c.cancel_reason")} AS cancel_reason, e.*
    FROM ({{contributions}}) c JOIN {{members}} m ON m.pipeline_id = c.pipeline_id
    CROSS JOIN LATERAL (VALUES
        (0, 0, c.builds, c.first_tries, c.flaky, c.builds * coalesce(c.duration_ms, 0),
         c.builds * coalesce(c.queued_ms, 0)),
        (1 + {BIN_SQL.format(ms="c.duration_ms")}, c.builds, 0, 0, 0, 0, 0),
        (-1 - {BIN_SQL.format(ms="c.queued_ms")}, c.builds, 0, 0, 0, 0, 0)
    ) AS e (slot, {_MEASURES})
    WHERE e.slot IS NOT NULL AND (e.slot >= 0 OR c.status NOT IN ({INCIDENT_WORDS}))
"""
"""Contributions as entries of `members`: rows with the columns of `metric_members`. Others' are passed over.

The instants of incidents are no waits: they have a sum and no histogram.
"""

ENTRIES_OF_CELLS = f"""
    SELECT m.instance_id, m.project_id, m.repository_id, m.scope_id AS pipeline_id, c.starts_at AS hour,
           c.branch_class, c.status, c.cancel_reason, e.*
    FROM {{members}} m
    JOIN metric_cells c ON c.scope = {{scope:d}} AND c.scope_id = m.scope_id AND c.grain = {{grain:d}}
    CROSS JOIN LATERAL (
        SELECT 0, 0, {{sign}} * c.builds, {{sign}} * c.first_tries, {{sign}} * c.flaky, {{sign}} * c.duration_ms,
               {{sign}} * c.queued_ms
        UNION ALL SELECT 1 + bin, {{sign}} * n, 0, 0, 0, 0, 0 FROM unnest(c.duration_bins, c.duration_counts) d (bin, n)
        UNION ALL SELECT -1 - bin, {{sign}} * n, 0, 0, 0, 0, 0 FROM unnest(c.queued_bins, c.queued_counts) q (bin, n)
    ) AS e (slot, {_MEASURES})
"""
"""The cells of `members` of one scope and grain as entries: added with the sign 1, taken away with -1.

`members` are rows `scope_id, instance_id, project_id, repository_id`: whose cells, and where they count.
"""

ALL_SCOPES = ", ".join(
    (
        f"({CellScope.EVERYTHING:d}, 0)",
        f"({CellScope.INSTANCE:d}, instance_id)",
        f"({CellScope.PROJECT:d}, project_id)",
        f"({CellScope.REPOSITORY:d}, repository_id)",
        f"({CellScope.PIPELINE:d}, pipeline_id)",
    )
)

# What lies before the first of them would be rounded up by some versions of Postgres, but no build does.
_SPAN = f"({{grain:d}}, date_bin('{{length}} s', hour, '{FIRST_MONDAY.isoformat()}'::timestamptz))"

GRAINS = {grain: _SPAN.format(grain=grain, length=length // timedelta(seconds=1)) for grain, length in LENGTHS.items()}
GRAINS[Grain.EVER] = f"({Grain.EVER:d}, '-infinity'::timestamptz)"
ALL_GRAINS = ", ".join(GRAINS.values())
"""The cells that an entry counts in, as lists of VALUES; quarters are left to the scopes that have them."""

_HAS_GRAIN = f"(grain <> {Grain.QUARTER:d} OR scope IN ({', '.join(f'{scope:d}' for scope in sorted(WITH_QUARTERS))}))"

GATHERED = f"""
    gathered AS (SELECT {_PLACE}, slot, {_SUMMED} FROM entries GROUP BY {_PLACE}, slot HAVING {_IS_ANYTHING})
"""
"""Entries of equal places added up before they are spread."""

CELLS_OF_ENTRIES = f"""
    spread AS (
        SELECT {KEY}, slot, {_SUMMED}
        FROM {{entries}}
        CROSS JOIN LATERAL (VALUES {{scopes}}) s (scope, scope_id)
        CROSS JOIN LATERAL (VALUES {{grains}}) g (grain, starts_at)
        WHERE scope_id IS NOT NULL AND {_HAS_GRAIN}
        GROUP BY {KEY}, slot HAVING {_IS_ANYTHING}
    ),
    cells AS (
        SELECT {KEY}, sum(builds)::int AS builds, sum(first_tries)::int AS first_tries, sum(flaky)::int AS flaky,
               coalesce(sum(n) FILTER (WHERE slot > 0), 0) AS timed,
               coalesce(sum(n) FILTER (WHERE slot < 0), 0) AS waited,
               sum(duration_ms)::bigint AS duration_ms, sum(queued_ms)::bigint AS queued_ms,
               array_agg(slot - 1 ORDER BY slot) FILTER (WHERE slot > 0) AS duration_bins,
               array_agg(n::int ORDER BY slot) FILTER (WHERE slot > 0) AS duration_counts,
               array_agg(-slot - 1 ORDER BY slot DESC) FILTER (WHERE slot < 0) AS queued_bins,
               array_agg(n::int ORDER BY slot DESC) FILTER (WHERE slot < 0) AS queued_counts
        FROM spread GROUP BY {KEY}
    )
"""
"""Entries as cells of the scopes and grains asked for; what adds up to nothing is left out."""

CELL_COLUMNS = f"{KEY}, {', '.join(_ADDED)}, duration_bins, duration_counts, queued_bins, queued_counts"


def _merged(what: str) -> str:
    """Two histograms as one, exactly: the counts of equal bins are added, and a bin that falls to zero is left out."""
    return f"""
        ({what}_bins, {what}_counts) = (
            SELECT CASE WHEN excluded.{what}_bins IS NULL THEN c.{what}_bins ELSE array_agg(bin ORDER BY bin) END,
                   CASE WHEN excluded.{what}_bins IS NULL THEN c.{what}_counts ELSE array_agg(n ORDER BY bin) END
            FROM (SELECT bin, sum(n)::int AS n
                  FROM (SELECT * FROM unnest(c.{what}_bins, c.{what}_counts) UNION ALL
                        SELECT * FROM unnest(excluded.{what}_bins, excluded.{what}_counts)) AS two (bin, n)
                  WHERE excluded.{what}_bins IS NOT NULL GROUP BY bin HAVING sum(n) <> 0) AS merged)
    """


_IS_NOTHING = " AND ".join(f"{name} = 0" for name in _ADDED)

# In the order of the key, so that a batch walks the index once.
MERGE_CELLS = f"""
    written AS (
        INSERT INTO metric_cells AS c ({CELL_COLUMNS})
        SELECT {CELL_COLUMNS} FROM cells ORDER BY {KEY}
        ON CONFLICT ({KEY}) DO UPDATE
        SET {", ".join(f"{name} = c.{name} + excluded.{name}" for name in _ADDED)},
            {_merged("duration")}, {_merged("queued")}
        RETURNING {KEY}, {_IS_NOTHING} AS is_nothing
    )
    SELECT count(*) AS cells,
           CAST(json_agg(json_build_object({", ".join(f"'{name}', {name}" for name in KEY.split(", "))}))
                FILTER (WHERE is_nothing) AS text) AS emptied
    FROM written
"""
"""Adds cells to what is there. Returns how many it wrote, and those that fell to nothing as the document of `drop`."""

_DROP = text(f"""
    DELETE FROM metric_cells c
    USING json_to_recordset(CAST(:emptied AS json)) AS e (scope smallint, scope_id bigint, grain smallint,
        starts_at timestamptz, branch_class smallint, status smallint, cancel_reason smallint)
    WHERE {" AND ".join(f"c.{name} = e.{name}" for name in KEY.split(", "))}
""")


def add(
    session: Session,
    statement: str,
    given: dict[str, object],
    *,
    scopes: str = ALL_SCOPES,
    grains: str = ALL_GRAINS,
    is_gathered: bool = False,
) -> int:
    """Run a statement whose common tables end with `entries`; returns how many cells it moved.

    `is_gathered` says that no two entries are of the same place and slot. The caller holds the figures
    (`members.hold`).
    """
    entries, gathering = ("entries", "") if is_gathered else ("gathered", f"{GATHERED},")
    cells = CELLS_OF_ENTRIES.format(scopes=scopes, grains=grains, entries=entries)
    merging = f"{statement}, {gathering} {cells}, {MERGE_CELLS}"
    moved = session.execute(text(merging), given).one()
    if moved.emptied is not None:
        session.execute(_DROP, {"emptied": moved.emptied})
    count: int = moved.cells
    return count

"""What all builds on record add up to, by pipeline and by provider: from cells and what was recorded since, no build.

Each of the statements here reads cells and changes from one snapshot, so that nothing is missing or counted twice while
the scheduler adds the ones to the others.
"""

from collections.abc import Sequence
from math import ceil, log

from sqlalchemy.orm import Session

from shared.metrics.cells import OF_BUILDS_ONLY, STATUS_CODE, STATUS_SQL, CellScope, Grain
from shared.metrics.contributions import OF_CHANGES
from shared.metrics.histogram import BIN_SQL, RATIO
from shared.rows import Row, as_int, rows

DURATION_BOUNDS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
"""Upper bounds, in seconds, of the histogram of durations."""

QUEUED_BOUNDS = (1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600)
"""Upper bounds, in seconds, of the histogram of waits in the queue."""

STATUS_OF_CODE = {code: str(status) for status, code in STATUS_CODE.items()}

_STATUS = STATUS_SQL.format(status="c.status")

_CHANGES = f"""
    changes AS MATERIALIZED (
        SELECT c.pipeline_id, p.instance_id, {_STATUS} AS status, sum(c.builds)::bigint AS builds,
               sum(c.first_tries)::bigint AS first_tries, 0 AS flaky
        FROM ({OF_CHANGES}) c JOIN pipelines p ON p.id = c.pipeline_id GROUP BY 1, 2, 3
    )
"""

# The primary key leads to the few cells of all time of each pipeline asked for; its hours and days are not touched.
_COUNTS = f"""
    WITH {_CHANGES}, counted AS (
        SELECT {CellScope.PIPELINE:d} AS scope, s.id, m.status, m.builds, m.first_tries, m.flaky
        FROM unnest(CAST(:pipelines AS bigint[])) AS s(id) CROSS JOIN LATERAL (
            SELECT * FROM metric_cells m
            WHERE m.scope = {CellScope.PIPELINE:d} AND m.scope_id = s.id AND m.grain = {Grain.EVER:d}
              AND m.{OF_BUILDS_ONLY} OFFSET 0
        ) m
        UNION ALL
        SELECT {CellScope.PIPELINE:d}, c.pipeline_id, c.status, c.builds, c.first_tries, c.flaky
        FROM changes c WHERE c.pipeline_id = ANY(CAST(:pipelines AS bigint[]))
        UNION ALL
        SELECT {CellScope.INSTANCE:d}, i.id, m.status, m.builds, m.first_tries, m.flaky
        FROM instances i JOIN metric_cells m
            ON m.scope = {CellScope.INSTANCE:d} AND m.scope_id = i.id AND m.grain = {Grain.EVER:d}
            AND m.{OF_BUILDS_ONLY}
        UNION ALL
        SELECT {CellScope.INSTANCE:d}, c.instance_id, c.status, c.builds, c.first_tries, c.flaky FROM changes c
    )
    SELECT scope, counted.id, i.provider, status AS code, sum(builds)::bigint AS builds,
           sum(first_tries)::bigint AS first_tries, sum(flaky)::bigint AS flaky
    FROM counted LEFT JOIN instances i ON counted.scope = {CellScope.INSTANCE:d} AND i.id = counted.id
    GROUP BY 1, 2, 3, 4
"""

# What lies in one bin is taken for as long as the bin's upper edge or less: see `bin_of`.
_TIMES = f"""
    WITH counted AS (
        SELECT m.scope_id AS instance_id, m.status, m.{{what}}_ms AS ms, m.{{what}}_bins AS bins,
               m.{{what}}_counts AS counts
        FROM instances i JOIN metric_cells m
            ON m.scope = {CellScope.INSTANCE:d} AND m.scope_id = i.id AND m.grain = {Grain.EVER:d}
            AND m.{OF_BUILDS_ONLY}
        UNION ALL
        SELECT p.instance_id, {_STATUS}, c.builds * c.{{what}}_ms,
               ARRAY[{BIN_SQL.format(ms="c.{what}_ms")}], ARRAY[c.builds]
        FROM ({OF_CHANGES}) c JOIN pipelines p ON p.id = c.pipeline_id
        WHERE c.{{what}}_ms IS NOT NULL AND c.builds <> 0
    ), sums AS (
        SELECT i.provider, c.status, sum(c.ms)::bigint AS ms
        FROM counted c JOIN instances i ON i.id = c.instance_id GROUP BY 1, 2
    ), buckets AS (
        SELECT i.provider, c.status, width_bucket(b.bin::int, CAST(:edges AS int[])) AS bucket,
               sum(b.count)::bigint AS builds
        FROM counted c JOIN instances i ON i.id = c.instance_id CROSS JOIN unnest(c.bins, c.counts) AS b(bin, count)
        GROUP BY 1, 2, 3
    )
    SELECT s.provider, s.status AS code, s.ms, b.bucket, b.builds
    FROM sums s JOIN buckets b ON b.provider = s.provider AND b.status = s.status
    WHERE b.builds <> 0 ORDER BY 1, 2, 4
"""


def counts(session: Session, pipelines: Sequence[int]) -> list[Row]:
    """Builds, first tries and flaky builds by status: of each of these pipelines, and of every instance as a whole.

    `scope` is a CellScope (PIPELINE or INSTANCE), `id` whose; `provider` is told with an instance's rows.
    """
    return _named(rows(session, _COUNTS, {"pipelines": list(pipelines)}))


def durations(session: Session) -> list[Row]:
    """Builds whose duration is known, by provider, status and bucket of DURATION_BOUNDS; see `_times`."""
    return _times(session, "duration", DURATION_BOUNDS)


def waits(session: Session) -> list[Row]:
    """Builds whose wait in the queue is known, by provider, status and bucket of QUEUED_BOUNDS; see `_times`."""
    return _times(session, "queued", QUEUED_BOUNDS)


def bin_of(milliseconds: float) -> int:
    """The histogram's bin of a number of milliseconds (1 or more), as BIN_SQL has it."""
    return 1 + ceil(log(milliseconds) / log(RATIO) - 1e-9)


def _times(session: Session, what: str, bounds: Sequence[int]) -> list[Row]:
    """A row a bucket that holds something: `bucket` is the place of the least bound that is not exceeded.

    Every build that took as long as the bound, or less, is below it; some that took up to 4 % longer are, too. `ms` is
    the exact sum over all of the provider's buckets of this status, the same in each of its rows.
    """
    edges = [bin_of(bound * 1000) + 1 for bound in bounds]
    return _named(rows(session, _TIMES.replace("{what}", what), {"edges": edges}))


def _named(found: list[Row]) -> list[Row]:
    """The same rows, each with the word for its status."""
    for row in found:
        row["result"] = STATUS_OF_CODE[as_int(row["code"])]
    return found

"""The figures' cells of a data set in minutes: counted as `observatory metrics rebuild` would, but each cell once.

The project's rebuild merges into what is there; here nothing is there, keys are packed into numbers, and two
connections write. `python -m benchmarks --only drift` has the project's own verification compare every cell.
"""

from concurrent.futures import ThreadPoolExecutor

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks.bare_tables import bare
from shared.database import libpq_url, make_engine
from shared.metrics import flakes, members
from shared.metrics.cells import CLASS_SQL, REASON_SQL, WORD_SQL, CellScope, Grain, first_hour_sql, grains_of
from shared.metrics.contributions import OF_INCIDENTS
from shared.metrics.fold import alone, fold
from shared.metrics.histogram import BIN_SQL

_TAIL_BITS, _HOUR_BITS, _BIN_BITS = 8, 20, 10

# Every operator of bits binds as tightly as any other, so each shift stands in brackets.
_TAIL = f"""(({CLASS_SQL.format(branch="b.branch", default_branch="m.default_branch")}) << 6)
            | (({WORD_SQL.format(status="{status}")}) << 2) | ({REASON_SQL.format(reason="{reason}")})"""
_HOUR = "floor(extract(epoch FROM b.queued_at) / 3600)::bigint"

# A first try of its own where there was a second one: those of the data sets failed.
_COUNTED = f"""
    CREATE UNLOGGED TABLE counted AS
    SELECT m.instance_id, m.project_id, m.repository_id, m.pipeline_id, {_HOUR} AS hour, c.*
    FROM builds b JOIN metric_members m ON m.pipeline_id = b.pipeline_id LEFT JOIN flakes f ON f.build_id = b.id
    CROSS JOIN LATERAL (
        SELECT {_TAIL.format(status="b.status", reason="b.cancel_reason")} AS tail, 1 AS builds,
               (b.attempt = 1)::int AS first_tries, (f.build_id IS NOT NULL)::int AS flaky,
               round(b.duration_seconds * 1000)::bigint AS duration_ms,
               round(b.queued_seconds * 1000)::bigint AS queued_ms,
               {BIN_SQL.format(ms="round(b.duration_seconds * 1000)::bigint")} AS duration_bin,
               {BIN_SQL.format(ms="round(b.queued_seconds * 1000)::bigint")} AS queued_bin
        UNION ALL
        SELECT {_TAIL.format(status="'failed'", reason="NULL")}, 0, 1, 0, NULL, NULL, NULL, NULL WHERE b.attempt = 2
    ) c
    WHERE b.is_finished
    UNION ALL
    SELECT m.instance_id, m.project_id, m.repository_id, m.pipeline_id, {_HOUR}, {
    _TAIL.format(status="b.status", reason="NULL")
},
           1, 0, 0, b.duration_ms, b.queued_ms, {BIN_SQL.format(ms="b.duration_ms")}, NULL
    FROM ({OF_INCIDENTS.format(where="true")}) b JOIN metric_members m ON m.pipeline_id = b.pipeline_id
"""

_HISTOGRAM = f"""
    SELECT key >> {_BIN_BITS} AS key, array_agg((key & {2**_BIN_BITS - 1})::smallint ORDER BY key) AS bins,
           array_agg(n ORDER BY key) AS counts
    FROM (SELECT {{key}} << {_BIN_BITS} | {{bin}} AS key, count(*)::int AS n
          FROM counted WHERE {{bin}} IS NOT NULL GROUP BY 1) binned
    GROUP BY 1
"""

_INSERT = f"""
    INSERT INTO metric_cells (scope, scope_id, grain, starts_at, branch_class, status, cancel_reason, builds,
                              first_tries, flaky, timed, waited, duration_ms, queued_ms, duration_bins,
                              duration_counts, queued_bins, queued_counts)
    SELECT {{scope}}, key >> {_TAIL_BITS + _HOUR_BITS}, {{grain}},
           {{starts_at}}, key >> 6 & 3, key >> 2 & 15, key & 3, builds, first_tries, flaky, timed, waited,
           coalesce(duration_ms, 0), coalesce(queued_ms, 0), d.bins, d.counts, q.bins, q.counts
    FROM (SELECT {{key}} AS key, sum(builds) AS builds, sum(first_tries) AS first_tries, sum(flaky) AS flaky,
                 count(duration_ms) AS timed, count(queued_bin) AS waited, sum(duration_ms) AS duration_ms,
                 sum(queued_ms) AS queued_ms
          FROM counted GROUP BY 1) sums
    LEFT JOIN ({_HISTOGRAM.format(key="{key}", bin="duration_bin")}) d USING (key)
    LEFT JOIN ({_HISTOGRAM.format(key="{key}", bin="queued_bin")}) q USING (key)
"""

_IDS = {
    CellScope.PIPELINE: "pipeline_id",
    CellScope.REPOSITORY: "repository_id",
    CellScope.PROJECT: "project_id",
    CellScope.INSTANCE: "instance_id",
    CellScope.EVERYTHING: "0::bigint",
}
_STARTS_AT = f"to_timestamp((key >> {_TAIL_BITS} & {2**_HOUR_BITS - 1}) * 3600)"

_ROOM = "SET work_mem = '300MB'; SET hash_mem_multiplier = 2; SET max_parallel_workers_per_gather = 0"


def count(url: str) -> None:
    """Count every build of a filled data set that has no cells yet."""
    address = libpq_url(url)
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        with alone(engine) as session:
            _begin(session)
    finally:
        engine.dispose()
    _execute(address, [_COUNTED, "ANALYZE counted"])
    with bare(address, ["metric_cells"]), ThreadPoolExecutor(2) as connections:
        parts = [_statement(scope, grain) for scope in _IDS for grain in grains_of(scope)]
        list(connections.map(lambda statement: _execute(address, [statement]), parts))
    _execute(address, ["DROP TABLE counted"])


def fold_once(engine: Engine) -> None:
    """Add up what was recorded since, as the scheduler does each second."""
    fold(engine)


def _begin(session: Session) -> None:
    """Find the flakes and note every pipeline as counted."""
    session.connection().exec_driver_sql("SET LOCAL work_mem = '400MB'")
    pipelines = [row[0] for row in session.connection().exec_driver_sql("SELECT id FROM pipelines ORDER BY id")]
    flakes.find_all(session, pipelines)
    members.settle(session, pipelines)


def _statement(scope: CellScope, grain: Grain) -> str:
    place = f"({_IDS[scope]} << {_HOUR_BITS} | {first_hour_sql(grain, 'hour')}) << {_TAIL_BITS} | tail"
    starts_at = "'-infinity'::timestamptz" if grain is Grain.EVER else _STARTS_AT
    return _INSERT.format(scope=int(scope), grain=int(grain), key=f"({place})", starts_at=starts_at)


def _execute(url: str, statements: list[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ROOM)
        for statement in statements:
            connection.execute(statement.encode())

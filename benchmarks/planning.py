"""The planner over a log it has never read: events a second, with the incidents and routings they come to."""

import logging
import statistics
import time

import structlog
from sqlalchemy import Engine, text

from alerts.plan import catch_up
from alerts.rules import Rules
from benchmarks.figure import Figure
from benchmarks.world import PIPELINES, START, fill
from shared.config.routes import RouteSettings, Told
from shared.config.settings import ReceiverSettings
from shared.database import make_engine

EVENTS = 100_000
ROUNDS = 3

ROUTES = (
    RouteSettings(name="main", receivers=("ops",)),
    RouteSettings(name="confirmed", receivers=("team",), repository=("acme/*",), confirm=2, on=tuple(Told)),
    RouteSettings(name="novel", receivers=("team", "mail"), branch=("*",), novel_only=True),
)
RULES = Rules(
    routes={each.name: each for each in ROUTES},
    receivers={name: ReceiverSettings(kind="slack", name=name) for name in ("ops", "team", "mail")},
)

# Two builds of ten fail one after the other, on the default branch of each pipeline at its own time, each in one of
# seven jobs.
_VERDICTS = [
    """UPDATE builds SET branch = 'main',
           status = CASE WHEN (number + id) % 10 IN (3, 4) THEN 'failed' ELSE 'succeeded' END""",
    "UPDATE attempts a SET status = b.status, has_jobs = true FROM builds b WHERE b.id = a.build_id",
    """INSERT INTO jobs (build_id, attempt, external_id, name, status, raw_status, is_finished, merge_key)
       SELECT id, 1, '1', 'job ' || id % 7, status, status, true, '{}' FROM builds""",
    "UPDATE events e SET to_status = b.status FROM builds b WHERE b.id = e.subject_id",
    "UPDATE sources SET baseline_at = :start",
]

_FORGET = [
    "TRUNCATE tellings, routings, decisions, incidents, verdicts, cursors, metric_changes",
    "DELETE FROM events WHERE subject_kind = 'incident'",
    "INSERT INTO cursors (name, pos) VALUES ('alerts', 0)",
]

_COUNTS = text("""
    SELECT (SELECT count(*) FROM incidents) AS incidents, (SELECT count(*) FROM routings) AS routings,
           (SELECT count(*) FROM events WHERE subject_kind = 'incident') AS changes
""")


def run(url: str) -> list[Figure]:
    """Measure on a migrated, empty database; it is full afterwards."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        fill(engine, EVENTS)
        _execute(engine, _VERDICTS)
        rates = [_rate(engine) for _ in range(ROUNDS)]
        with engine.connect() as connection:
            counts = connection.execute(_COUNTS).one()
    finally:
        engine.dispose()
    return [
        Figure(
            name=f"planning a log of {EVENTS:,} events",
            value=statistics.median(rates),
            unit="events/s",
            bound=3000,
            at_least=True,
            compared=f"{PIPELINES} pipelines, {len(ROUTES)} routes; {counts.incidents:,} incidents with "
            f"{counts.changes:,} changes, {counts.routings:,} routings",
        )
    ]


def _rate(engine: Engine) -> float:
    """Events a second of a planner that begins at the log's start; every one of them is a verdict that counts."""
    _execute(engine, _FORGET)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    began = time.perf_counter()
    # Before anything finished, so that no news is too old to be told.
    events = catch_up(engine, RULES, now=START)
    seconds = time.perf_counter() - began
    if events != EVENTS:
        raise RuntimeError(f"{events} events planned where {EVENTS} were recorded")
    return events / seconds


def _execute(engine: Engine, statements: list[str]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), {"start": START} if ":start" in statement else {})

"""Builds a second from raw bytes in memory to committed rows: JSON, the real collectors' parsing, the real recorder."""

import statistics
import time
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks import held_pages
from benchmarks.figure import Figure
from benchmarks.held_pages import HeldSource
from shared.database import limit_waiting
from shared.recorder import record

ROUNDS = 5
LEAST = 1_000
ROWS = 100
"""What a page of GitLab's is here; its collector gives out ten pipelines at a time, because each costs requests."""

_ADD_INSTANCE = text("INSERT INTO instances (name, provider, base_url) VALUES (:name, :provider, :url) RETURNING id")
_ADD_SOURCE = text("INSERT INTO sources (instance_id, scope) VALUES (:instance, 'held') RETURNING id")
_BUILDS = text("""
    SELECT count(*) FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE p.instance_id = :instance
""")


def run(engine: Engine) -> list[Figure]:
    """Measure on a migrated database; each round is a new instance there, so that every build is new."""
    now = datetime.now(UTC)
    of_gitlab = held_pages.gitlab(now, 300)
    ways = {
        "GitHub": (held_pages.github(now, 1000), None),
        "GitLab": (of_gitlab, ROWS),
        "Jenkins": (held_pages.jenkins(now, 20), None),
    }
    rates = {name: _median_rate(engine, source, name, rows) for name, (source, rows) in ways.items()}
    slowest = min(rates, key=lambda name: rates[name])
    return [
        *(_figure(name, rates[name], source, rows) for name, (source, rows) in ways.items()),
        _figure("GitLab by its own pages", _median_rate(engine, of_gitlab, "GitLab, own pages", None), of_gitlab, None),
        Figure(
            name="parse and record, the slowest provider",
            value=rates[slowest],
            unit="builds/s",
            bound=LEAST,
            at_least=True,
            compared=f"{slowest}; bytes in memory to commits, all builds new, median of {ROUNDS}",
        ),
    ]


def _figure(name: str, rate: float, source: HeldSource, rows: int | None) -> Figure:
    jobs = f" with {source.jobs / source.builds:.1f} jobs" if source.jobs else ""
    sizes = f"{source.kilobytes_a_build:.1f} KB of JSON a build{jobs}, {rows or source.builds_a_page:.0f} a commit"
    return Figure(name=f"parse and record, {name}", value=rate, unit="builds/s", compared=sizes)


def _median_rate(engine: Engine, source: HeldSource, name: str, rows: int | None) -> float:
    """The middle of some rounds, after one that warms up."""
    rates = [_rate(engine, source, f"{name} {number}", rows) for number in range(ROUNDS + 1)]
    return statistics.median(rates[1:])


def _rate(engine: Engine, source: HeldSource, instance: str, rows: int | None) -> float:
    """Builds a second: every page of the source parsed and committed as builds of a new instance."""
    with engine.begin() as connection:
        given = {"name": instance, "provider": source.collector.kind, "url": "https://held.invalid"}
        instance_id = connection.execute(_ADD_INSTANCE, given).scalar_one()
        source_id = connection.execute(_ADD_SOURCE, {"instance": instance_id}).scalar_one()
    began = time.perf_counter()
    for page in source.pages(rows):
        with Session(engine) as session, session.begin():
            limit_waiting(session)
            record(session, page, instance_id=instance_id, source_id=source_id, is_backfill=False)
    seconds = time.perf_counter() - began
    with engine.connect() as connection:
        builds = int(connection.execute(_BUILDS, {"instance": instance_id}).scalar_one())
    if builds != source.builds:
        raise RuntimeError(f"{builds} builds of {instance} are recorded where {source.builds} were told")
    return builds / seconds

"""What the collectors cost and how fast they are: from bytes in memory, over loopback, for long, and when idle."""

from collections.abc import Callable

from benchmarks import first_collection, held_builds, idle_jenkins, many_polls
from benchmarks.figure import Figure
from shared.database import make_engine
from shared.log import setup


def run(database: Callable[[str], str]) -> list[Figure]:
    """Every figure; `database` makes a migrated database of a name and returns its URL."""
    setup.configure("warning", "json", "benchmarks")
    engine = make_engine(database("held"), application="bench", pool_size=1)
    try:
        figures = held_builds.run(engine)
    finally:
        engine.dispose()
    figures += first_collection.run(database)
    figures += idle_jenkins.run(database("idle_jenkins"))
    return figures + many_polls.run(database("many_polls"))

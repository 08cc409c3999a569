"""How fast a first collection comes in over loopback: the scheduler's poll from the claim to the release."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, text

from benchmarks.figure import Figure
from benchmarks.loopback import WORKERS, Watching, settings_of, simulated
from shared.database import make_engine

RUNS = {"github": 3_000, "gitlab": 300, "jenkins": 1_500}
"""So that each provider takes some seconds: a pipeline of GitLab's costs three requests, 50 runs of GitHub's one."""

LEAST = 100


@dataclass(frozen=True, slots=True)
class _Collected:
    """What a first collection brought, and how long the simulator's processor worked for it."""

    sources: int
    builds: int
    seconds: float
    simulator_seconds: float

    @property
    def rate(self) -> float:
        """Builds a second."""
        return self.builds / self.seconds


def run(database: Callable[[str], str]) -> list[Figure]:
    """Each provider by itself; `database` makes a migrated database of a name and returns its URL."""
    collected = {kind: _collect(kind, database(f"first_{kind}")) for kind in RUNS}
    slowest = min(collected, key=lambda kind: collected[kind].rate)
    bounded = Figure(
        name="first collection, the slowest provider",
        value=collected[slowest].rate,
        unit="builds/s",
        bound=LEAST,
        at_least=True,
        compared=f"{slowest}; real HTTP from a simulator on the same cores, all sources of a provider at once",
    )
    return [*(_figure(kind, done) for kind, done in collected.items()), bounded]


def _figure(kind: str, done: _Collected) -> Figure:
    return Figure(
        name=f"{kind}: first collection",
        value=done.rate,
        unit="builds/s",
        compared=f"{done.builds:,} builds of {done.sources} source{'s' * (done.sources > 1)} in {done.seconds:.1f} s; "
        f"the simulator worked {done.simulator_seconds:.1f} s",
    )


def _collect(kind: str, url: str) -> _Collected:
    """Poll every source of a provider until no poll brings a build more; the last ones, which did not, cost nothing."""
    engine = make_engine(url, application="bench", pool_size=WORKERS + 2)
    try:
        with simulated(RUNS[kind]) as simulator, Watching(engine, [settings_of(simulator.told)[kind]]) as watching:
            done = _Collected(0, 0, 0.0, 0.0)
            worked, began = simulator.cpu_seconds(), time.perf_counter()
            while True:
                sources, builds = watching.turn(), _recorded(engine)
                if builds == done.builds:
                    return done
                seconds, simulator_seconds = time.perf_counter() - began, simulator.cpu_seconds() - worked
                done = _Collected(sources, builds, seconds, simulator_seconds)
    finally:
        engine.dispose()


def _recorded(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM builds")).scalar_one())

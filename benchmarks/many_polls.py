"""What 10,000 polls leave in the memory of a process that does nothing else."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.figure import Figure
from benchmarks.loopback import WORKERS, Watching, settings_of, simulated
from shared.database import make_engine
from shared.log import setup

POLLS = 10_000
WARM_UP = 500
A_FEW_RUNS = 3
MOST_MEGABYTES = 20


@dataclass(frozen=True, slots=True)
class _Polled:
    """How many polls of how many sources took how long, and the bytes that were the process' own before and after."""

    polls: int
    sources: int
    seconds: float
    before: int
    after: int


def run(url: str) -> list[Figure]:
    """Poll every source of every simulated provider, none of which has news, into the migrated database at `url`."""
    # A fresh process: what the other benchmarks left behind is not the scheduler's.
    with simulated(A_FEW_RUNS) as simulator, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        done = process.submit(_poll, url, simulator.told).result()
    growth, before = (done.after - done.before) / 1024**2, done.before / 1024**2
    return [
        Figure(
            name=f"scheduler's memory, growth over {POLLS:,} polls",
            value=growth,
            unit="MB",
            bound=MOST_MEGABYTES,
            compared=f"{done.polls:,} polls of {done.sources} sources of all providers in {done.seconds:.0f} s; "
            f"its own memory {before:.1f} MB after {WARM_UP} polls",
        )
    ]


def _poll(url: str, told: dict[str, Any]) -> _Polled:
    """Claim, list, record, release, over and over."""
    setup.configure("warning", "json", "benchmarks")
    engine = make_engine(url, application="bench", pool_size=WORKERS + 2)
    try:
        with Watching(engine, list(settings_of(told).values())) as watching:
            _poll_at_least(watching, WARM_UP)
            before, began = _own_memory(), time.perf_counter()
            polls = _poll_at_least(watching, POLLS)
            seconds, after = time.perf_counter() - began, _own_memory()
            return _Polled(polls, watching.turn(), seconds, before, after)
    finally:
        engine.dispose()


def _poll_at_least(watching: Watching, polls: int) -> int:
    done = 0
    while done < polls:
        done += watching.turn()
    return done


def _own_memory() -> int:
    """Bytes that no other process shares."""
    return int(psutil.Process().memory_full_info().uss)

"""What an answer costs that is asked for alone: the processor's time, of the API and of the database.

With four clients on two cores a read takes as long as the answers before it; this says how much of that is its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from flask.testing import FlaskClient
from sqlalchemy import text

from benchmarks.figure import Figure
from benchmarks.questions import Examples, examples
from benchmarks.reads import GROUPS, Group
from benchmarks.stage import Stage
from shared.database import make_engine
from tests.api.serving import serve

WARM_UP = 20
ASKED = 200
"""So many questions of a kind, each another one: the database's time is known to a hundredth of a second."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of the processor that an answer takes on average."""

    api: float
    database: float

    def __str__(self) -> str:
        return f"{self.api:.1f} + {self.database:.1f}"


def run(stage: Stage, sizes: Sequence[int], share: float = 1.0) -> list[Figure]:
    """Of each kind of read what one costs in the largest data set, beside what it costs in the others."""
    *fewer, most = sizes
    found = {size: _costs(stage, size, max(1, int(ASKED * share))) for size in sizes}
    return [
        Figure(
            name=f"{kind} at {most:,}, asked alone, processor",
            value=cost.api + cost.database,
            unit="ms",
            compared="; ".join(
                [
                    f"API + database: {cost} ms",
                    *(f"{found[size][kind]} at {size:,}" for size in reversed(fewer) if kind in found[size]),
                ]
            ),
        )
        for kind, cost in found[most].items()
    ]


def _costs(stage: Stage, builds: int, times: int) -> dict[str, Cost]:
    url, dataset = stage.dataset(builds)
    given = examples(url, dataset)
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        with engine.connect() as connection:
            backend = psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        client = serve(engine)
        return {group.name: _cost(client, backend, _paths(group, given, times)) for group in GROUPS}
    finally:
        engine.dispose()


def _paths(group: Group, given: Examples, times: int) -> list[str]:
    """As many of the group's questions, of every kind in turn."""
    names = len(group.make(given, 1, 0))
    return [path for _, path in group.make(given, -(-times // names), 1)[:times]]


def _cost(client: FlaskClient, backend: psutil.Process, paths: Sequence[str]) -> Cost:
    for path in paths[:WARM_UP]:
        client.get(path)
    began, database = time.process_time(), _seconds(backend)
    for path in paths:
        client.get(path)
    return Cost((time.process_time() - began) * 1000 / len(paths), (_seconds(backend) - database) * 1000 / len(paths))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

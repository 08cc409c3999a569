"""The smoke drills, a few faults of every kind side by side: each has to end green."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.chaos.drill import DRILLS
from tests.chaos.pool import Task, running, verdict_of
from tests.chaos.run import Verdict

SEED = 7
JOBS = 3
SMOKE = [Task(name, SEED) for name in sorted(DRILLS) if DRILLS[name].is_smoke]


@pytest.fixture(scope="module")
def begun() -> Iterator[dict[Task, Future[Verdict]]]:
    """All of them begun; a test waits for its own."""
    with running(SMOKE, JOBS) as begun:
        yield begun


@pytest.mark.timeout(420)
@pytest.mark.parametrize("task", SMOKE, ids=lambda task: task.fault)
def test_every_promise_holds_through_the_fault(task: Task, begun: dict[Task, Future[Verdict]]) -> None:
    verdict = verdict_of(task, begun[task])

    assert verdict.breaches == ()
    assert verdict.events > 0

"""Known-bad variants turn the drills red; a drill that cannot fail would prove nothing."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.chaos.pool import Task, is_killed, running, verdict_of
from tests.chaos.run import Verdict
from tests.chaos.variants import CAUGHT_BY, Variant

SEED = 7
CHEAP = (Variant.IDENTITY_CURSOR, Variant.LAST_WRITER_WINS, Variant.NOTIFY_ONLY, Variant.MARK_BEFORE_SEND)
AT_A_TIME = 2
"""More starve each other where there are two processors, and say nothing then."""
TASKS = [Task(CAUGHT_BY[variant], SEED, variant) for variant in CHEAP]
WORDS = {
    Variant.IDENTITY_CURSOR: "gaps in the log",
    Variant.LAST_WRITER_WINS: "a verdict taken back",
    Variant.NOTIFY_ONLY: "without notifications",
    Variant.MARK_BEFORE_SEND: "slack: ",
}


@pytest.fixture(scope="module")
def begun() -> Iterator[dict[Task, Future[Verdict]]]:
    """All of them, some at a time; a test waits for its own."""
    with running(TASKS, AT_A_TIME) as begun:
        yield begun


@pytest.mark.timeout(420)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: str(task.variant))
def test_a_known_bad_variant_turns_its_drill_red(task: Task, begun: dict[Task, Future[Verdict]]) -> None:
    verdict = verdict_of(task, begun[task])

    assert is_killed(verdict), verdict.breaches
    assert task.variant is not None
    assert any(breach.startswith(WORDS[task.variant]) for breach in verdict.breaches), verdict.breaches

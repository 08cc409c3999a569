"""Drills side by side: worker processes, each on databases of its own on one private Postgres."""

import multiprocessing
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.server import Server
from shared.embedded.settings import LOCAL_SETTINGS
from tests.chaos import faults, processes
from tests.chaos.drill import DRILLS
from tests.chaos.run import Verdict, run
from tests.chaos.variants import Variant
from tests.conftest import Databases, trust_the_power

__all__ = ["Task", "faults", "is_killed", "running", "verdict_of"]

MOST_CONNECTIONS = 300


@dataclass(frozen=True, slots=True)
class Task:
    """A drill to run, with a seed, perhaps against a known-bad variant; `keep` takes the logs of a red one."""

    fault: str
    seed: int
    variant: Variant | None = None
    keep: Path | None = None


@contextmanager
def running(tasks: Sequence[Task], jobs: int) -> Iterator[dict[Task, Future[Verdict]]]:
    """Begin the tasks in their order, so many at a time; what has not begun at the end of the block is not run."""
    processes.preload()
    with (
        _postgres() as url,
        ProcessPoolExecutor(
            jobs, mp_context=multiprocessing.get_context("forkserver"), initializer=_begin, initargs=(url,)
        ) as pool,
    ):
        try:
            yield {task: pool.submit(_run, task) for task in tasks}
        finally:
            pool.shutdown(cancel_futures=True)


def verdict_of(task: Task, done: Future[Verdict]) -> Verdict:
    """The verdict of a drill; one that broke off is red, with its last words."""
    error = done.exception()
    if error is None:
        return done.result()
    words = "".join(traceback.format_exception(error)).strip().splitlines()
    return Verdict(
        fault=task.fault,
        title=DRILLS[task.fault].title,
        seed=task.seed,
        lost=0,
        invented=0,
        gaps=0,
        events=0,
        recovery_seconds=None,
        seconds=0,
        is_complete=False,
        breaches=(f"the drill broke off: {' / '.join(words[-6:])}",),
    )


def is_killed(verdict: Verdict) -> bool:
    """Whether a drill noticed the known-bad variant it ran against; one that broke off noticed nothing."""
    return verdict.is_complete and not verdict.is_green


_databases: list[Databases] = []


def _begin(server_url: str) -> None:
    _databases.append(Databases(server_url))


def _run(task: Task) -> Verdict:
    return run(DRILLS[task.fault], task.seed, _databases[0], task.variant, task.keep)


@contextmanager
def _postgres() -> Iterator[str]:
    """A private server that many drills may connect to at once."""
    # As root an unprivileged account runs the server and must be able to enter.
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        home = Path(parent) / "data"
        with Server(home):
            (home / LOCAL_SETTINGS).write_text(f"max_connections = {MOST_CONNECTIONS}\n")
        with Server(home) as server:
            trust_the_power(server.url)
            yield server.url

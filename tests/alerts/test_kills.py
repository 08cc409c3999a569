"""Real workers against a ledger: killed at any moment nothing is lost, and two of them send what one would."""

import multiprocessing
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.context import ForkServerProcess

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.database import make_engine
from shared.observation import Observation
from tests.alerts.history import History, a_run
from tests.alerts.receivers.slack import SlackStand
from tests.alerts.worker import work
from tests.conftest import Databases

SEED = 20261120
KILLS = 36
PIPELINES_A_STEP = 8
REPEAT = "possible repeat: "

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.alerts.worker"])


class Feed:
    """Pipelines that break and are fixed in turn, too seldom to flap; `expected` says what has to arrive."""

    def __init__(self, engine: Engine, pipelines: int = 96) -> None:
        self.engine = engine
        self.began = utc_now() - timedelta(hours=1)
        self.steps = Counter[int]()
        self.pipelines = pipelines
        self.expected: list[str] = []
        with Session(engine) as session, session.begin():
            self.history = History(session, baseline_at=self.began - timedelta(hours=1))

    def step(self, count: int, first: int) -> None:
        """The next verdict of so many pipelines, in one page."""
        runs = [self._next(n % self.pipelines) for n in range(first, first + count)]
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.see(*runs)

    def _next(self, pipeline: int) -> Observation:
        self.steps[pipeline] += 1
        number = self.steps[pipeline]
        verb = "broke" if number % 2 else "is fixed"
        self.expected.append(f"acme/web p{pipeline} {verb} on main #{number}")
        return a_run(
            number,
            "failed" if number % 2 else "succeeded",
            pipeline_external_id=f"p/{pipeline}",
            pipeline_name=f"p{pipeline}",
            queued_at=self.began + timedelta(seconds=number),
        )

    def is_settled(self) -> bool:
        with Session(self.engine) as session:
            states = session.execute(text("SELECT state, count(*) FROM deliveries GROUP BY 1")).all()
        return [tuple(row) for row in states] == [("sent", len(self.expected))]


class Crew:
    """Worker processes that are replaced when they are killed."""

    def __init__(self, database_url: str, slack: SlackStand, size: int) -> None:
        self._arguments = (database_url, slack.url)
        self.workers = [self._start() for _ in range(size)]

    def kill(self, index: int) -> None:
        self.workers[index].kill()
        self.workers[index].join(10)
        self.workers[index] = self._start()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join(10)

    def _start(self) -> ForkServerProcess:
        worker = _forks.Process(target=work, args=self._arguments, daemon=True)
        worker.start()
        return worker


@contextmanager
def a_crew(database_url: str, slack: SlackStand, size: int) -> Iterator[Crew]:
    crew = Crew(database_url, slack, size)
    try:
        yield crew
    finally:
        crew.end()


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "not reached in time"
        time.sleep(0.05)


def arrived(slack: SlackStand) -> list[str]:
    """Title and number of every message taken, in order, with the label where there is one."""
    return [f"{text.partition(chr(10))[0]} {re.findall('Build: (#[0-9]+)', text)[0]}" for text in slack.texts]


def test_workers_killed_at_any_moment_lose_nothing_and_label_every_repeat(database: Engine, database_url: str) -> None:
    chance = random.Random(SEED)
    with SlackStand(latency_seconds=0.01) as slack:
        feed = Feed(database)
        with a_crew(database_url, slack, size=2) as crew:
            feed.step(1, 0)
            wait_for(lambda: len(slack.texts) > 0, 20)
            for kill in range(KILLS):
                feed.step(PIPELINES_A_STEP, kill * PIPELINES_A_STEP)
                time.sleep(chance.uniform(0.02, 0.3))
                crew.kill(chance.randrange(2))
            wait_for(feed.is_settled, 25)

    seen = Counter(message.removeprefix(REPEAT) for message in arrived(slack))
    repeats = sum(seen.values()) - len(seen)
    assert sorted(seen) == sorted(feed.expected)
    assert repeats <= KILLS
    first_of: set[str] = set()
    for message in arrived(slack):
        assert message.startswith(REPEAT) or message not in first_of, message
        first_of.add(message.removeprefix(REPEAT))
    # Otherwise no kill hit a claimed delivery and nothing was shown.
    assert any(message.startswith(REPEAT) for message in arrived(slack))


def test_two_workers_send_what_one_would(databases: Databases) -> None:
    sent = []
    for size in (1, 2):
        url = databases.clone()
        engine = make_engine(url, application="test", pool_size=4)
        try:
            feed = Feed(engine)
            with SlackStand() as slack, a_crew(url, slack, size):
                for step in range(10):
                    feed.step(PIPELINES_A_STEP, step * PIPELINES_A_STEP)
                wait_for(feed.is_settled, 20)
        finally:
            engine.dispose()
            databases.drop(url)
        sent.append(sorted(arrived(slack)))
        assert sent[-1] == sorted(feed.expected)

    assert sent[0] == sent[1]

"""Alerter processes that are killed and replaced, a feed of what they tell, and a ledger of what arrived."""

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any

import orjson
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.observation import Observation
from tests.alerts.history import History, a_run
from tests.alerts.receivers.webhook import WebhookStand
from tests.alerts.worker import work

SAID_BY = {
    "broke": ("break",),
    "flapping": ("break",),
    "still_failing": (),
    "fixed": ("fix",),
    "recovered": ("break", "fix"),
}
"""Which changes of an incident a line tells."""

Change = tuple[int, str]
"""An incident and what became of it."""

SEED = 20261120

_ITEMS = text("SELECT incident_id, kind FROM delivery_items WHERE delivery_id = :id")

_EXPECTED = text("""
    SELECT id, 'break' FROM incidents UNION ALL SELECT id, 'fix' FROM incidents WHERE fixed_at IS NOT NULL
""")

_LEFT = text("""
    SELECT (SELECT count(*) FROM tellings WHERE wanted_at IS NOT NULL)
         + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending'))
         + (SELECT max(pos) FROM events) - (SELECT pos FROM cursors WHERE name = 'alerts')
""")

_RETRIES = text("SELECT coalesce(sum(tries - 1), 0) FROM deliveries WHERE kind = 'news'")

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.alerts.worker"])


class Feed:
    """Pipelines that break and are fixed in turn, too seldom to flap."""

    def __init__(self, engine: Engine, pipelines: int = 750) -> None:
        self.engine = engine
        self.began = utc_now() - timedelta(hours=1)
        self.steps = Counter[int]()
        self.fed = 0
        self.pipelines = pipelines
        with Session(engine) as session, session.begin():
            self.history = History(session, baseline_at=self.began - timedelta(hours=1))

    def step(self, count: int) -> None:
        """The next verdict of so many pipelines, in one page."""
        runs = [self._next(n % self.pipelines) for n in range(self.fed, self.fed + count)]
        self.fed += count
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.see(*runs)

    def _next(self, pipeline: int) -> Observation:
        self.steps[pipeline] += 1
        number = self.steps[pipeline]
        return a_run(
            number,
            "failed" if number % 2 else "succeeded",
            pipeline_external_id=f"p/{pipeline}",
            pipeline_name=f"p{pipeline}",
            queued_at=self.began + timedelta(seconds=number),
        )

    def expected(self) -> set[Change]:
        """Every change there was to tell."""
        with Session(self.engine) as session:
            return {(row[0], row[1]) for row in session.execute(_EXPECTED)}

    def is_settled(self) -> bool:
        with Session(self.engine) as session:
            return int(session.scalar(_LEFT)) == 0

    def retries(self) -> int:
        """How often a message was begun again, for whatever reason."""
        with Session(self.engine) as session:
            return int(session.scalar(_RETRIES) or 0)


@dataclass(frozen=True)
class Taken:
    """One message that arrived, with all it told of, more than it has lines for."""

    changes: tuple[Change, ...]
    is_possible_repeat: bool


class Ledger(WebhookStand):
    """A webhook's far side that writes down what each message told when it arrived, then answers after a moment."""

    def __init__(self, engine: Engine, latency_seconds: float = 0.0) -> None:
        super().__init__()
        self.engine = engine
        self.latency_seconds = latency_seconds
        self.has_taken = threading.Event()
        self.taken_at: list[float] = []
        self.entries: list[Taken] = []
        self.url = f"http://127.0.0.1:{self.port}/hooks/{self.secret}"

    def answer(self, exchange: Any) -> None:
        body = orjson.loads(exchange.heard.body)
        with Session(self.engine) as session:
            items = session.execute(_ITEMS, {"id": int(body["url"].rpartition("/")[2])}).all()
        changes = tuple((incident, change) for incident, kind in items for change in SAID_BY[kind])
        self.entries.append(Taken(changes, body["is_possible_repeat"]))
        self.taken_at.append(time.time())
        self.has_taken.set()
        time.sleep(self.latency_seconds)  # so that kills also fall between taking and answering
        super().answer(exchange)

    def verdict(self, expected: set[Change]) -> "Verdict":
        """What the entries come to."""
        seen: set[Change] = set()
        repeats = unlabelled = 0
        for entry in list(self.entries):
            if not seen.isdisjoint(entry.changes):
                repeats += 1
                unlabelled += not entry.is_possible_repeat
            seen |= set(entry.changes)
        return Verdict(len(expected - seen), repeats, unlabelled, len(seen - expected))


@dataclass(frozen=True)
class Verdict:
    """Changes that never arrived, messages that told something again, those without the label, changes made up."""

    lost: int
    repeats: int
    unlabelled: int
    made_up: int = 0


class Crew:
    """Worker processes that are replaced when they are killed."""

    def __init__(self, database_url: str, webhook_url: str, size: int, *, is_marking_before_send: bool = False) -> None:
        self._arguments = (database_url, webhook_url)
        self._options = {"is_marking_before_send": is_marking_before_send}
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
        worker = _forks.Process(target=work, args=self._arguments, kwargs=self._options, daemon=True)
        worker.start()
        return worker


@contextmanager
def a_crew(database_url: str, ledger: Ledger, size: int, **options: bool) -> Iterator[Crew]:
    crew = Crew(database_url, ledger.url, size, **options)
    try:
        yield crew
    finally:
        crew.end()


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            raise AssertionError("not reached in time")
        time.sleep(0.05)


def drill(database: Engine, database_url: str, *, alerts: int, kills: int, **options: bool) -> tuple[Verdict, int]:
    """What arrives of so many alerts while two workers are killed so often; how often a message was begun again.

    One kill falls anywhere, the next one while a message that arrived is not answered yet, and so on.
    """
    chance = random.Random(SEED)
    feed = Feed(database)
    with Ledger(database, latency_seconds=0.05) as ledger, a_crew(database_url, ledger, size=2, **options) as crew:
        feed.step(1)
        wait_for(lambda: len(ledger.entries) > 0, 20)
        for left in range(kills, 0, -1):
            ledger.has_taken.clear()
            feed.step((alerts - feed.fed) // left)
            if left % 2:
                ledger.has_taken.wait(2)
            else:
                time.sleep(chance.uniform(0.02, 0.3))
            crew.kill(chance.randrange(2))
        wait_for(feed.is_settled, 60)
    expected = feed.expected()
    if len(expected) != alerts:
        raise AssertionError(f"{len(expected)} changes planned of {alerts}")
    return ledger.verdict(expected), feed.retries()

"""Kill -9 at seeded moments, two schedulers racing: against the truth ledger nothing is lost, invented or doubled."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import websocket
from sqlalchemy import Engine, text

from shared.database import libpq_url
from shared.events import STREAM_LOCK
from simulator import Simulator
from tests.scheduler_process import start_scheduler

SEED = 20261121
KILLS = 54
WAIT_SECONDS = 60.0

CONFIG = """
[server]
port = {port}
[scheduler]
poll_floor_seconds = 1
workers = 4
[logging]
level = "error"
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
token_env = "SIMULATED_TOKEN"
page_size = 10
watch = {watch}
"""


class Stack:
    """Two schedulers and an API as real processes, and the means to kill each."""

    def __init__(self, folder: Path, database_url: str, simulator: Simulator) -> None:
        self.port = free_port()
        self.config = folder / "config.toml"
        self.watched = simulator.repositories[:-1]
        self.config.write_text(CONFIG.format(port=self.port, url=simulator.url, watch=json.dumps(self.watched)))
        self.environment = {"DATABASE_URL": libpq_url(database_url), "SIMULATED_TOKEN": simulator.token}
        self.schedulers = [start_scheduler(self.config, self.environment) for _ in range(2)]
        self.api = self._start_api()

    def kill_scheduler(self, number: int) -> None:
        """SIGKILL, and another in its place."""
        self.schedulers[number].kill()
        self.schedulers[number].join()
        self.schedulers[number] = start_scheduler(self.config, self.environment)

    def kill_api(self) -> None:
        """SIGKILL to the arbiter and its worker, and another in their place."""
        subprocess.run(["pkill", "-9", "-s", str(self.api.pid)], check=False)
        self.api.wait()
        self.api = self._start_api()

    def stop(self) -> None:
        for scheduler in self.schedulers:
            scheduler.kill()
            scheduler.join()
        subprocess.run(["pkill", "-9", "-s", str(self.api.pid)], check=False)
        self.api.wait()

    def _start_api(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cli.main", "--config", str(self.config), "api"]
        return subprocess.Popen(command, env=self.environment | _inherited(), start_new_session=True)


def free_port() -> int:
    """A port nobody uses; the API has to come back on the same one after each kill."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


class Follower:
    """A client of `/ws` that resumes with its position whenever the API dies under it."""

    def __init__(self, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}/ws"
        self.seen: list[int] = []
        self.resyncs = 0
        self.epoch: str | None = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._follow)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()

    def _follow(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self._listen(websocket.create_connection(self.url, timeout=2))

    def _listen(self, stream: websocket.WebSocket) -> None:
        with contextlib.closing(stream):
            hello = json.loads(stream.recv())
            self.epoch = self.epoch or hello["epoch"]
            since = self.seen[-1] if self.seen else 0
            stream.send(
                json.dumps({"type": "subscribe", "epoch": self.epoch, "since": since, "include_backfill": True})
            )
            while json.loads(stream.recv())["type"] != "subscribed":
                pass
            while not self.stopping.is_set():
                with contextlib.suppress(websocket.WebSocketTimeoutException):
                    self._take(json.loads(stream.recv()))

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "resync":
            self.resyncs += 1
        if "pos" in message:
            assert message["prev_pos"] == (self.seen[-1] if self.seen else 0)
            self.seen.append(int(str(message["pos"])))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=SEED, profile="drill", runs=240, seconds=70) as simulator:
        yield simulator


@pytest.fixture
def stack(tmp_path: Path, database_url: str, simulator: Simulator) -> Iterator[Stack]:
    stack = Stack(tmp_path, database_url, simulator)
    try:
        yield stack
    finally:
        stack.stop()


@pytest.mark.timeout(400)
def test_fifty_kills_lose_nothing_invent_nothing_and_double_nothing(
    stack: Stack, simulator: Simulator, database: Engine, database_url: str
) -> None:
    follower = Follower(stack.port)
    try:
        in_commits = torment(stack, database_url)
        wait_until(lambda: simulator.clock.now() > (simulator.world.ends_at or simulator.clock.now()), seconds=120)
        wait_until(lambda: outcome(database) == truth(simulator, stack.watched))
        wait_until(lambda: follower.seen != [] and follower.seen[-1] == head(database))
    finally:
        follower.stop()

    assert len(outcome(database)) >= 150
    assert in_commits >= KILLS // 3, "a third of the kills hits a page between its first write and its commit"
    assert outcome(database) == truth(simulator, stack.watched)
    assert violations(database) == {}
    assert follower.resyncs == 0
    assert follower.seen == list(range(1, head(database) + 1)), "the stream misses and repeats nothing"


def torment(stack: Stack, database_url: str) -> int:
    """Kill something fifty-odd times; returns how many kills hit a transaction that had written but not committed."""
    dice = random.Random(SEED)
    in_commits = 0
    for kill in range(KILLS):
        if kill % 9 == 4:
            time.sleep(dice.uniform(0.2, 1.5))
            stack.kill_api()
        elif kill % 2 == 0:
            time.sleep(dice.uniform(0.1, 1.2))
            stack.kill_scheduler(dice.randrange(2))
        else:
            in_commits += kill_in_commit(stack, database_url, dice.randrange(2))
    return in_commits


def kill_in_commit(stack: Stack, database_url: str, number: int) -> int:
    """Hold the log's lock until a page has written everything else, and kill its process there."""
    with psycopg.connect(libpq_url(database_url)) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (STREAM_LOCK,))
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            waiting = holder.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone()
            if waiting is not None and waiting[0]:
                stack.kill_scheduler(number)
                stack.kill_scheduler(1 - number)
                return 1
    stack.kill_scheduler(number)
    return 0


def wait_until(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
    """Promises are eventual: poll for them, with a deadline; the assertions that follow say what is missing."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.25)


Outcome = dict[tuple[str, str, int], str]


def outcome(database: Engine) -> Outcome:
    statement = text("""SELECT l.external_id AS pipeline, b.external_id, a.number, a.status
                        FROM attempts a JOIN builds b ON b.id = a.build_id JOIN pipelines l ON l.id = b.pipeline_id""")
    with database.connect() as connection:
        return {(row.pipeline, row.external_id, row.number): row.status for row in connection.execute(statement)}


def truth(simulator: Simulator, watched: tuple[str, ...]) -> Outcome:
    return {
        (str(entry["pipeline"]), str(entry["external_id"]), int(str(entry["attempt"]))): str(entry["status"])
        for entry in simulator.ledger(at_end=True)
        if entry["repository"] in watched
    }


def head(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(text("SELECT coalesce(max(pos), 0) FROM events")).scalar_one())


VIOLATIONS = {
    "gaps in the log": "SELECT 1 FROM events HAVING count(*) <> max(pos)",
    "versions out of order": """
        SELECT 1 FROM (SELECT version, row_number() OVER (PARTITION BY subject_id ORDER BY pos) AS n FROM events) e
        WHERE version <> n""",
    "builds not at their last version": """
        SELECT 1 FROM builds b WHERE version <> (SELECT count(*) FROM events e WHERE e.subject_id = b.id)""",
    "attempts not as their last event says": """
        SELECT 1 FROM attempts a WHERE status IS DISTINCT FROM (
            SELECT to_status FROM events e WHERE e.subject_id = a.build_id AND e.attempt = a.number
            ORDER BY pos DESC LIMIT 1)""",
    "builds not as their greatest attempt": """
        SELECT 1 FROM builds b JOIN attempts a ON a.build_id = b.id AND a.number = b.attempt
        WHERE (b.status, b.finished_at) IS DISTINCT FROM (a.status, a.finished_at)""",
    "one run as two builds": "SELECT 1 FROM builds GROUP BY external_id HAVING count(*) > 1",
    "finished without jobs": "SELECT 1 FROM attempts WHERE is_finished AND NOT has_jobs",
    "negative durations": "SELECT 1 FROM attempts WHERE duration_seconds < 0 OR finished_at < started_at",
}


def violations(database: Engine) -> dict[str, int]:
    """Every invariant that does not hold, with how many rows break it."""
    with database.connect() as connection:
        found = {name: len(connection.execute(text(statement)).all()) for name, statement in VIOLATIONS.items()}
    return {name: rows for name, rows in found.items() if rows}

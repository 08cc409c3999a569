"""Kill -9 at seeded moments, two schedulers racing: against the truth ledger nothing is lost, invented or doubled."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from shared.database import libpq_url
from shared.events import STREAM_LOCK
from simulator import Simulator
from tests.chaos.oracle import head, outcome, truth, violations
from tests.chaos.scene import watched_ids
from tests.chaos.stack import GITHUB, Follower, Plan, Stack, wait_until

SEED = 20261121
KILLS = 54


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=SEED, profile="drill", runs=240, seconds=70) as simulator:
        yield simulator


@pytest.fixture
def stack(tmp_path: Path, database_url: str, simulator: Simulator) -> Iterator[Stack]:
    token_file = tmp_path / "token"
    token_file.write_text(simulator.token)
    watch = json.dumps(simulator.repositories[:-1])
    github = GITHUB.format(url=simulator.url, token_file=token_file, page_size=10, watch=watch, more="")
    stack = Stack(tmp_path, database_url, Plan(providers=github))
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
        wait_until(lambda: outcome(database) == truth(simulator, watched_ids(simulator)) and not violations(database))
        wait_until(lambda: follower.seen != [] and follower.seen[-1] == head(database))
    finally:
        follower.stop()

    assert len(outcome(database)) >= 150
    assert in_commits >= KILLS // 3, "a third of the kills hits a page between its first write and its commit"
    assert outcome(database) == truth(simulator, watched_ids(simulator))
    assert violations(database) == {}
    assert (follower.resyncs, follower.holes) == (0, [])
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

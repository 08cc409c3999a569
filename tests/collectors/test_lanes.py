"""One request of a credential at a time, over all threads and processes, and no more requests for it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors.lanes import Lanes
from shared import credentials
from shared.clock import utc_now
from shared.errors import LeaseLost
from simulator import Simulator
from simulator.server import TOKEN
from tests.collectors.watching import INSTANCE, Watching
from tests.factories import minutes


def run_rounds(watching: Watching, schedulers: int, rounds: int) -> int:
    """Have every source polled so many times by so many schedulers' lanes; returns how many requests they made."""
    watching.simulator.forget_requests()
    is_over = threading.Event()

    def run(owner: str) -> None:
        lanes, poller = Lanes(watching.engine, owner), watching.poller()
        name = poller.lane(INSTANCE)
        assert name is not None
        with ThreadPoolExecutor(4) as pool:
            while not is_over.is_set():
                lanes.start_due(poller, {INSTANCE: name}, 4, pool.submit)
                is_over.wait(0.02)
            poller.stop.set()

    threads = [threading.Thread(target=run, args=(f"scheduler {number}",)) for number in range(schedulers)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds):
            due_since = utc_now()
            watching.make_due()
            wait_until_polled(watching, due_since)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    return len(watching.simulator.requests("github"))


def wait_until_polled(watching: Watching, since: datetime, seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    left = text("SELECT count(*) FROM sources WHERE last_ok_at IS NULL OR last_ok_at < :since")
    while time.monotonic() < ends_at:
        with watching.engine.connect() as connection:
            if connection.scalar(left, {"since": since}) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("not every source was polled")


def test_two_schedulers_never_ask_with_one_token_at_once_and_share_the_work(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=3, profile="demo") as simulator:
        simulator.crowd.seconds = 0.02
        watching = Watching(database, simulator, simulator.repositories, tmp_path / "token")
        asked = run_rounds(watching, 2, 4)

    assert asked > 4 * len(simulator.repositories)
    assert simulator.crowd.most("github", TOKEN) == 1
    assert watching.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]


def test_a_second_scheduler_costs_the_provider_nothing(database: Engine, tmp_path: Path) -> None:
    began = utc_now() - minutes(3)
    with Simulator(seed=11, profile="drill", runs=30, seconds=60, speed=0, now=began) as simulator:
        simulator.clock.advance(150)
        watching = Watching(database, simulator, simulator.repositories, tmp_path / "token")
        for _ in range(6):
            watching.turn()
        with database.begin() as connection:  # long quiet, so that nothing is due but by our rounds
            connection.execute(text("UPDATE sources SET cursor = cursor - 'changed_at'"))
        alone = run_rounds(watching, 1, 8)
        together = run_rounds(watching, 2, 8)

    assert alone >= 8 * 3 * len(simulator.repositories)
    assert together <= 1.2 * alone


def test_a_lane_that_slept_past_its_lease_asks_nothing_more(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=3, profile="demo", speed=0) as simulator:
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
        name = watching.poller().lane(INSTANCE)
        assert name is not None
        watching.make_due()
        with Session(database) as session, session.begin():
            assert credentials.hold(session, name, INSTANCE, "sleeper")
            session.execute(text("UPDATE credentials SET lease_until = clock_timestamp() - interval '1 second'"))
        with Session(database) as session, session.begin():
            assert credentials.hold(session, name, INSTANCE, "other")

        with Session(database) as session, pytest.raises(LeaseLost):
            credentials.keep(session, name, "sleeper")


def test_a_credential_is_held_only_while_something_is_due(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=3, profile="demo", speed=0) as simulator:
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
        with database.begin() as connection:
            connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() + interval '1 minute'"))

        with Session(database) as session, session.begin():
            assert not credentials.hold(session, f"{INSTANCE}:any", INSTANCE, "anyone")
        assert watching.rows("SELECT 1 FROM credentials") == []

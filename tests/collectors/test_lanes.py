"""One request of a credential at a time, over all threads and processes, and no more requests for it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
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


def run_schedulers(watching: Watching, count: int, seconds: float) -> int:
    """So many schedulers' lanes over the same tables for a while; returns how many requests they made."""
    watching.simulator.forget_requests()
    ends_at = time.monotonic() + seconds

    def run(owner: str) -> None:
        lanes, poller = Lanes(watching.engine, owner), watching.poller()
        name = poller.lane(INSTANCE)
        assert name is not None
        with ThreadPoolExecutor(4) as pool:
            while time.monotonic() < ends_at:
                lanes.start_due(poller, {INSTANCE: name}, 4, pool.submit)
                time.sleep(0.02)
            poller.stop.set()

    schedulers = [threading.Thread(target=run, args=(f"scheduler {number}",)) for number in range(count)]
    for scheduler in schedulers:
        scheduler.start()
    for scheduler in schedulers:
        scheduler.join()
    return len(watching.simulator.requests("github"))


def test_two_schedulers_never_ask_with_one_token_at_once_and_share_the_work(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=3, profile="demo") as simulator:
        simulator.crowd.seconds = 0.02
        watching = Watching(database, simulator, simulator.repositories, tmp_path / "token")
        watching.make_due()
        run_schedulers(watching, 2, 3.0)
        asked = [each for each in simulator.requests("github") if "/actions/runs?" in each.target]

    owners = watching.rows("SELECT lease_owner FROM credentials")
    assert simulator.crowd.most("github", TOKEN) == 1
    assert {name for name in simulator.repositories if any(name in each.target for each in asked)} == set(
        simulator.repositories
    )
    assert owners == [{"lease_owner": None}]


def test_a_second_scheduler_costs_the_provider_nothing(database: Engine, tmp_path: Path) -> None:
    began = utc_now() - minutes(3)
    with Simulator(seed=11, profile="drill", runs=30, seconds=60, speed=0, now=began) as simulator:
        simulator.clock.advance(150)
        watching = Watching(database, simulator, simulator.repositories, tmp_path / "token")
        for _ in range(6):
            watching.turn()
        alone = run_schedulers(watching, 1, 5.0)
        together = run_schedulers(watching, 2, 5.0)

    assert 10 < together <= 1.2 * alone + 3


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

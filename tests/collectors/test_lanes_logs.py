"""Logs take turns with polls: never two requests with one token at once, and neither waits for ever."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.borrowing import Borrower
from collectors.lanes import Lanes
from collectors.logs import LogFetcher
from shared import credentials, log_requests
from shared.log_requests import Wanted
from simulator import Simulator
from simulator.server import TOKEN
from tests.collectors.log_stand import wait_until
from tests.collectors.watching import INSTANCE, Watching

FINISHED = """
    SELECT j.build_id, j.attempt, j.external_id FROM jobs j
    WHERE j.status IN ('failed', 'succeeded') ORDER BY j.id LIMIT {}
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=3, profile="demo", speed=0) as simulator:
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> Watching:
    """Sources of one token, each polled once."""
    watching = Watching(database, simulator, simulator.repositories, tmp_path / "token")
    hosts = (urlsplit(str(simulator.urls()["downloads"])).netloc,)
    watching.provider = watching.provider.model_copy(update={"log_hosts": hosts})
    watching.turn()
    return watching


def ask_for_logs(watching: Watching, count: int) -> None:
    """Somebody wants to read so many logs."""
    with Session(watching.engine) as session, session.begin():
        for row in session.execute(text(FINISHED.format(count))).all():
            assert log_requests.request(session, Wanted(row.build_id, row.attempt, row.external_id))


def states(watching: Watching) -> list[str]:
    return [row["state"] for row in watching.rows("SELECT state FROM log_requests ORDER BY id")]


def polls(watching: Watching) -> int:
    return int(watching.rows("SELECT sum(fence)::int AS polls FROM sources")[0]["polls"])


def name_of(watching: Watching) -> str:
    name = watching.poller().lane(INSTANCE)
    assert name is not None
    return name


def a_fetcher(watching: Watching, owner: str) -> LogFetcher:
    return LogFetcher(watching.engine, (watching.provider,), COLLECTORS, owner=owner)


@contextmanager
def schedulers(watching: Watching, *owners: str) -> Iterator[None]:
    """Each with its lanes and its logs, while every source is always due: a lane that never has nothing to do."""
    is_over = threading.Event()

    def run(owner: str) -> None:
        lanes, poller, logs = Lanes(watching.engine, owner), watching.poller(), a_fetcher(watching, owner)
        with ThreadPoolExecutor(4) as pool:
            while not is_over.wait(0.1):
                watching.make_due()
                lanes.start_due(poller, {INSTANCE: name_of(watching)}, 4, pool.submit)
                logs.fetch_wanted_logs()
            poller.stop.set()
        logs.stop()

    threads = [threading.Thread(target=run, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_logs_and_polls_of_two_busy_schedulers_share_a_token_and_each_gets_its_turn(watching: Watching) -> None:
    watching.simulator.crowd.seconds = 0.02
    with schedulers(watching, "one", "two"):
        wait_until(lambda: polls(watching) > 30, 60)
        ask_for_logs(watching, 6)
        polled_before = polls(watching)
        wait_until(lambda: set(states(watching)) == {"stored"}, 60)
        polled = polls(watching) - polled_before

    assert watching.simulator.crowd.most("github", TOKEN) == 1
    assert len(watching.simulator.requests("downloads")) == 6
    assert polled >= 6, "polls went on between the logs"
    assert watching.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]


def test_a_log_of_a_busy_token_is_there_before_its_reader_gives_up(watching: Watching) -> None:
    watching.simulator.crowd.seconds = 0.02
    with schedulers(watching, "one"):
        wait_until(lambda: polls(watching) > 30, 60)
        began = time.monotonic()
        ask_for_logs(watching, 1)
        wait_until(lambda: states(watching) == ["stored"], 30)

    assert time.monotonic() - began < 8


def test_a_log_waits_while_another_asks_with_its_token(watching: Watching) -> None:
    name, fetcher = name_of(watching), a_fetcher(watching, "ours")
    ask_for_logs(watching, 1)
    watching.simulator.forget_requests()
    with Session(watching.engine) as session, session.begin():
        assert credentials.borrow(session, name, INSTANCE, "a poll", is_polls_turn=False)

    fetcher.fetch_wanted_logs()
    waited = states(watching)
    with Session(watching.engine) as session, session.begin():
        credentials.let_go(session, "a poll")
    fetcher.fetch_wanted_logs()
    wait_until(lambda: states(watching) == ["stored"])
    fetcher.stop()

    assert waited == ["requested"], "and it holds up no thread that another log could use"
    assert watching.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]


def test_a_log_that_cannot_be_had_gives_the_token_back(watching: Watching) -> None:
    watching.simulator.fault("not_found", path="/logs")
    fetcher = a_fetcher(watching, "ours")
    ask_for_logs(watching, 1)

    fetcher.fetch_wanted_logs()
    wait_until(lambda: states(watching) in (["gone"], ["failed"]))
    fetcher.stop()

    assert watching.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]


def test_a_stopping_process_gives_the_token_back(watching: Watching) -> None:
    watching.simulator.fault("silent", path="/logs")
    fetcher = a_fetcher(watching, "ours")
    ask_for_logs(watching, 1)
    fetcher.fetch_wanted_logs()
    wait_until(lambda: states(watching) == ["fetching"])
    held = watching.rows("SELECT lease_owner FROM credentials")

    fetcher.stop()

    assert held == [{"lease_owner": "ours/logs"}]
    assert watching.rows("SELECT lease_owner FROM credentials") == [{"lease_owner": None}]
    assert states(watching) == ["requested"]


def test_after_a_loan_a_poll_that_is_due_comes_first(watching: Watching) -> None:
    name, borrower = name_of(watching), Borrower(watching.engine, "ours/logs")
    watching.make_due()
    loan = borrower.borrow(name, INSTANCE)
    assert loan is not None

    loan.give_back()

    assert borrower.borrow(name, INSTANCE) is None
    with watching.engine.begin() as connection:
        connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() + interval '1 minute'"))
    assert borrower.borrow(name, INSTANCE) is not None, "nobody is kept waiting for nothing"


def test_a_loan_that_was_given_back_is_taken_anew_for_another_request(watching: Watching) -> None:
    name, borrower = name_of(watching), Borrower(watching.engine, "ours/logs")
    with watching.engine.begin() as connection:
        connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() + interval '1 minute'"))
    loan = borrower.borrow(name, INSTANCE)
    assert loan is not None
    loan.give_back()
    with Session(watching.engine) as session, session.begin():
        assert credentials.borrow(session, name, INSTANCE, "another", is_polls_turn=False)

    is_kept_meanwhile = loan.is_kept()
    with Session(watching.engine) as session, session.begin():
        credentials.let_go(session, "another")

    assert (is_kept_meanwhile, loan.is_kept()) == (False, True)

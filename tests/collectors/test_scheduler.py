"""The scheduler as a process: starts before its database, outlives it, leaves cleanly, and never hangs for ever."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

import migrations
from shared.database import libpq_url, make_engine
from shared.embedded.server import Server
from simulator import Simulator
from tests.chaos.proxy import Proxy
from tests.scheduler_process import start_scheduler

CONFIG = """
[scheduler]
poll_floor_seconds = 1
[logging]
level = "error"
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
token_env = "SIMULATED_TOKEN"
watch = {watch}
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=3, profile="demo") as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG.format(url=simulator.url, watch=json.dumps(simulator.repositories[:2])))
    return file


@contextmanager
def running(config: Path, url: str, simulator: Simulator, *, standstill: float = 120) -> Iterator[ForkServerProcess]:
    environment = {"DATABASE_URL": libpq_url(url), "SIMULATED_TOKEN": simulator.token}
    process = start_scheduler(config, environment, standstill_seconds=standstill)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(url)) as connection:
        return connection.execute(statement.encode()).fetchall()


def polls(url: str) -> int:
    """How often any source has been claimed."""
    return int(str(ask(url, "SELECT coalesce(sum(fence), 0) FROM sources")[0][0]))


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_sigterm_gives_every_source_back_and_exits_in_time(
    config: Path, database_url: str, simulator: Simulator
) -> None:
    simulator.fault("drip", path="/actions/runs", bytes_per_second=1)
    try:
        with running(config, database_url, simulator) as scheduler:
            held = "SELECT 1 FROM sources WHERE lease_owner IS NOT NULL"
            assert eventually(lambda: len(ask(database_url, held)) == 1), "one token is asked one thing at a time"
            began = time.monotonic()
            scheduler.terminate()
            scheduler.join(20)
            took = time.monotonic() - began
    finally:
        simulator.faults.clear()

    assert (scheduler.exitcode, took < 10) == (0, True)
    assert ask(database_url, held) == []
    assert ask(database_url, "SELECT 1 FROM processes") == []


def test_a_second_signal_ends_at_once(config: Path, database_url: str, simulator: Simulator) -> None:
    simulator.fault("silent", path="/actions/runs")
    simulator.forget_requests()
    try:
        with running(config, database_url, simulator) as scheduler:
            assert eventually(lambda: any("/actions/runs" in asked.target for asked in simulator.requests("github")))
            scheduler.terminate()
            time.sleep(0.5)
            scheduler.terminate()
            scheduler.join(1)
    finally:
        simulator.faults.clear()

    assert scheduler.exitcode == 130


def test_a_scheduler_waits_for_its_database_and_goes_on_after_a_restart(config: Path, simulator: Simulator) -> None:
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        server = Server(Path(parent) / "data")
        url = server.start()
        engine = make_engine(url, application="test", pool_size=1)
        migrations.upgrade(engine)
        engine.dispose()
        server.stop()
        with running(config, url, simulator) as scheduler:
            time.sleep(1)
            assert scheduler.is_alive()
            server = Server(Path(parent) / "data")
            assert server.start() == url
            assert eventually(lambda: polls(url) >= 4)
            os.kill(server.pid or 0, signal.SIGQUIT)  # an immediate shutdown, as a crash would be
            server.stop()
            server = Server(Path(parent) / "data")
            server.start()
            before = polls(url)
            try:
                assert eventually(lambda: polls(url) >= before + 4)
            finally:
                server.stop()


def test_the_watchdog_ends_a_process_whose_database_connection_hangs(
    config: Path, database_url: str, simulator: Simulator
) -> None:
    with Proxy(database_url) as proxy, running(config, proxy.url, simulator, standstill=3) as scheduler:
        assert eventually(lambda: polls(database_url) >= 2)
        proxy.manner.is_black_hole = True
        assert eventually(lambda: not scheduler.is_alive())

    assert scheduler.exitcode == 70


def test_unmigrated_tables_are_said_in_words(config: Path, database_url: str, simulator: Simulator) -> None:
    engine = make_engine(database_url, application="test", pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    engine.dispose()

    with running(config, database_url, simulator) as scheduler:
        scheduler.join(15)

    assert scheduler.exitcode == 1


def test_what_is_recorded_is_added_to_the_figures(config: Path, database_url: str, simulator: Simulator) -> None:
    counted = "SELECT 1 FROM metric_cells WHERE scope = 0 AND grain = 2 AND builds > 0"
    with running(config, database_url, simulator):
        assert eventually(lambda: ask(database_url, counted) != [])

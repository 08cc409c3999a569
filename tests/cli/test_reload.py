"""A changed configuration reaches a running scheduler, by SIGHUP or by command; a wrong one changes nothing."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.database import libpq_url
from simulator import Simulator
from tests.cli.conftest import Run
from tests.scheduler_process import start_scheduler

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[scheduler]
poll_floor_seconds = {floor}
[logging]
level = "error"
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
token_file = "{token}"
watch = {watch}
"""


class Stack:
    """A configuration's file, the scheduler that reads it, and the tables both meet in."""

    def __init__(self, folder: Path, url: str, simulator: Simulator) -> None:
        self.file = folder / "config.toml"
        self.url = url
        self._simulator = simulator
        self._token = folder / "token"
        self._token.write_text(simulator.token)

    def write(self, *watch: str, floor: str = "1", more: str = "") -> None:
        settings = CONFIG.format(floor=floor, url=self._simulator.url, token=self._token, watch=json.dumps(watch))
        self.file.write_text(settings + more)

    @contextmanager
    def running(self) -> Iterator[ForkServerProcess]:
        process = start_scheduler(self.file, {"DATABASE_URL": libpq_url(self.url)})
        try:
            assert eventually(lambda: self.ask("SELECT FROM processes WHERE kind = 'scheduler'") != [])
            yield process
        finally:
            process.kill()
            process.join()

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(libpq_url(self.url)) as connection:
            return connection.execute(statement.encode()).fetchall()

    def active(self) -> list[str]:
        return [str(scope) for (scope,) in self.ask("SELECT scope FROM sources WHERE is_active ORDER BY scope")]

    def polled(self) -> list[str]:
        return [str(scope) for (scope,) in self.ask("SELECT scope FROM sources WHERE last_ok_at IS NOT NULL")]

    def mistakes(self) -> object:
        told = self.ask("SELECT reload_outcome -> 'mistakes' FROM processes WHERE kind = 'scheduler'")
        return told[0][0] if told else None  # before its first heartbeat there is no row


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=3, profile="demo") as simulator:
        for name in ("quiet", "silent"):
            simulator.github.estate.add("northwind", name)
        yield simulator


@pytest.fixture
def stack(tmp_path: Path, database_url: str, simulator: Simulator) -> Stack:
    return Stack(tmp_path, database_url, simulator)


def test_sighup_takes_a_changed_file_and_its_patterns_are_looked_through(stack: Stack, simulator: Simulator) -> None:
    stack.write(simulator.repositories[0])
    with stack.running() as scheduler:
        stack.write(simulator.repositories[1], "northwind/*")
        os.kill(scheduler.pid or 0, signal.SIGHUP)

        wanted = sorted(["northwind/quiet", "northwind/silent", simulator.repositories[1]])
        assert eventually(lambda: stack.active() == wanted)
        assert eventually(lambda: set(stack.polled()) >= set(wanted))


def test_sighup_with_a_wrong_file_leaves_the_old_in_force(stack: Stack, simulator: Simulator) -> None:
    stack.write(simulator.repositories[0])
    with stack.running() as scheduler:
        stack.write("northwind", floor='"often"')
        os.kill(scheduler.pid or 0, signal.SIGHUP)
        assert eventually(lambda: stack.mistakes() is not None)

        before = int(str(stack.ask("SELECT sum(fence) FROM sources")[0][0]))
        assert eventually(lambda: int(str(stack.ask("SELECT sum(fence) FROM sources")[0][0])) > before)
        assert scheduler.is_alive()

    assert stack.active() == [simulator.repositories[0]]
    mistakes = stack.mistakes()
    assert isinstance(mistakes, list)
    assert [path for path, _ in mistakes] == ["scheduler.poll_floor_seconds", "providers[0].watch"]


def test_a_terminal_that_closes_ends_the_scheduler_it_ran_on(stack: Stack, simulator: Simulator) -> None:
    stack.write(simulator.repositories[0])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cli.main", "--config", str(stack.file), "scheduler"]
    environ = os.environ | {"DATABASE_URL": libpq_url(stack.url)}
    with subprocess.Popen(
        command,
        stdin=theirs,
        cwd=ROOT,
        env=environ,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 (one system call)
    ) as process:
        os.close(theirs)
        try:
            assert eventually(lambda: stack.polled() != [])
            process.send_signal(signal.SIGHUP)
            assert eventually(lambda: stack.mistakes() == [])
            os.close(ours)
            assert process.wait(20) == 0
        finally:
            process.kill()


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_the_command_says_what_was_taken_and_what_waits_for_a_restart(
    run: Run, stack: Stack, simulator: Simulator
) -> None:
    stack.write(simulator.repositories[0])
    with stack.running() as scheduler:
        stack.write(simulator.repositories[1], more="[server]\nport = 9999\n")
        result = run("config", "reload", DATABASE_URL=libpq_url(stack.url))

    assert result.exit_code == 0, result.output
    assert f"(process {scheduler.pid}) took {stack.file}." in result.output
    assert "only a restart takes it: server." in result.output
    assert stack.active() == [simulator.repositories[1]]


def test_the_command_lists_every_mistake_with_exit_code_2_and_status_remembers(
    run: Run, stack: Stack, simulator: Simulator
) -> None:
    stack.write(simulator.repositories[0])
    database = {"DATABASE_URL": libpq_url(stack.url)}
    with stack.running():
        stack.write("northwind", more='[[receivers]]\nkind = "pigeon"\nname = "home"\n')
        wrong = run("config", "reload", **database)
        status = run("status", **database)
        stack.write(simulator.repositories[1])
        right = run("config", "reload", "--json", **database)
        healed = run("status", **database)

    assert wrong.exit_code == 2, wrong.output
    assert 'providers[0] (github.com).watch: "northwind" is no repository' in wrong.stderr
    assert "receivers[0] (home).kind: 'pigeon' is not a kind we know" in wrong.stderr
    assert "stays in force" in wrong.stderr
    assert "2 mistakes in its configuration" in status.output
    assert right.exit_code == 0, right.output
    assert json.loads(right.stdout)["schedulers"][0]["has_answered"] is True
    assert "mistakes in its configuration" not in healed.output


RULES = """
[[receivers]]
kind = "slack"
name = "ops"
webhook_url_file = "{folder}/hook"
[[routes]]
name = "night"
receivers = ["{receiver}"]
"""


def test_routes_and_receivers_are_taken_and_a_wrong_route_leaves_the_old_ones(
    run: Run, stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "hook").write_text("https://hooks.slack.com/services/T0/B0/x")
    rules = """
        SELECT 'receiver', name, settings ->> 'webhook_url_file' FROM receivers
        UNION ALL SELECT 'route', name, '' FROM routes
    """
    stack.write(simulator.repositories[0])
    with stack.running():
        stack.write(simulator.repositories[0], more=RULES.format(folder=tmp_path, receiver="ops"))
        right = run("config", "reload", DATABASE_URL=libpq_url(stack.url))
        taken = stack.ask(rules)
        stack.write(simulator.repositories[0], more=RULES.format(folder=tmp_path, receiver="opps"))
        wrong = run("config", "reload", DATABASE_URL=libpq_url(stack.url))
        kept = stack.ask(rules)

    assert right.exit_code == 0, right.output
    assert taken == [("receiver", "ops", f"{tmp_path}/hook"), ("route", "night", "")]
    assert (wrong.exit_code, kept) == (2, taken)
    assert "routes[0] (night).receivers[0]: no receiver is called opps; did you mean ops?" in wrong.stderr


def test_a_receiver_made_by_api_is_looked_at_without_a_restart(stack: Stack, simulator: Simulator) -> None:
    table = {"kind": "slack", "name": "team", "webhook_url_env": "OBSERVATORY_RECEIVER_NOT_SET"}
    stack.write(simulator.repositories[0])
    with stack.running(), psycopg.connect(libpq_url(stack.url)) as connection:
        connection.execute("INSERT INTO receivers (name, origin, settings) VALUES ('team', 'api', %s)", [Jsonb(table)])
        connection.execute("UPDATE alert_rules SET version = version + 1")
        connection.commit()

        assert eventually(lambda: stack.ask("SELECT problem IS NOT NULL FROM receivers") == [(True,)])

    (problem,) = stack.ask("SELECT problem FROM receivers")[0]
    assert "the environment variable OBSERVATORY_RECEIVER_NOT_SET is not set" in str(problem)


def test_a_file_that_is_no_toml_is_said_without_asking_anybody(run: Run, stack: Stack) -> None:
    stack.file.write_text("[server\n")

    result = run("config", "reload", DATABASE_URL=libpq_url(stack.url))

    assert result.exit_code == 2
    assert "is not valid TOML" in result.stderr


def test_without_a_scheduler_there_is_nothing_to_reload(run: Run, stack: Stack, simulator: Simulator) -> None:
    stack.write(simulator.repositories[0])

    result = run("config", "reload", DATABASE_URL=libpq_url(stack.url))

    assert result.exit_code == 3
    assert "no scheduler runs" in result.stderr

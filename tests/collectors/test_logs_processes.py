"""Logs with a real scheduler and a simulated GitHub: stored once, and answered after a kill -9 in the middle."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from shared.database import libpq_url
from simulator import Simulator
from tests.api.serving import serve
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
log_hosts = ["{logs}"]
"""

FINISHED = """
    SELECT j.build_id, j.id AS job FROM jobs j JOIN builds b ON b.id = j.build_id AND b.attempt = j.attempt
    WHERE j.status IN ('failed', 'succeeded') AND b.is_finished ORDER BY j.id LIMIT 1
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=3, profile="demo") as simulator:
        yield simulator


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.1)


def test_a_killed_scheduler_leaves_a_request_that_the_next_one_answers(
    tmp_path: Path, database_url: str, database: Engine, simulator: Simulator
) -> None:
    config = tmp_path / "config.toml"
    logs = urlsplit(str(simulator.urls()["downloads"])).netloc
    watch = json.dumps(simulator.repositories[:1])
    config.write_text(CONFIG.format(url=simulator.url, watch=watch, logs=logs))
    environment = {"DATABASE_URL": libpq_url(database_url), "SIMULATED_TOKEN": simulator.token}
    client = serve(database)
    killed = start_scheduler(config, environment)
    try:
        path = a_log(database)
        simulator.fault("silent", site="downloads", count=1)
        assert client.get(f"{path}&wait=0").status_code == 202
        eventually(lambda: asked_for(simulator))
    finally:
        killed.kill()
        killed.join()
    assert state(database) == "fetching"
    simulator.faults.clear()
    following = start_scheduler(config, environment)
    try:
        answered = eventual_answer(client, path)
        began = time.monotonic()
        again = client.get(path)
    finally:
        following.kill()
        following.join()

    assert "Runner Image" in answered
    assert again.text == answered
    assert time.monotonic() - began < 5
    assert asked_for(simulator) == 2, "once before the kill and once after it, however often it was read"
    assert not any("authorization" in each.headers for each in simulator.requests("downloads"))


def a_log(database: Engine) -> str:
    """The address of the log of a job that has finished."""

    def finished() -> object:
        with database.connect() as connection:
            return connection.execute(text(FINISHED)).one_or_none()

    eventually(finished)
    with database.connect() as connection:
        row = connection.execute(text(FINISHED)).one()
    return f"/api/builds/{row.build_id}/log?job={row.job}"


def asked_for(simulator: Simulator) -> int:
    """How often GitHub was asked for a log."""
    return sum(each.target.endswith("/logs") for each in simulator.requests("github"))


def state(database: Engine) -> object:
    with database.connect() as connection:
        return connection.scalar(text("SELECT state FROM log_requests"))


def eventual_answer(client: FlaskClient, path: str) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        answer = client.get(path)
        if answer.status_code == 200:
            return answer.text
        assert answer.status_code == 202, answer.text
    raise AssertionError("no answer")

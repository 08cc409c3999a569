"""A real scheduler that comes back after a silence tells it and its return, and readiness follows its heartbeat."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import health
from simulator import Simulator
from tests.api.serving import serve
from tests.collectors.test_scheduler import CONFIG, ask, eventually, running

EVENTS = "SELECT pos, subject_kind, from_status, to_status FROM events WHERE subject_kind <> 'build' ORDER BY pos"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=3, profile="demo") as simulator:
        yield simulator


@pytest.fixture
def client(database: Engine) -> FlaskClient:
    return serve(database)


def scheduler_check(client: FlaskClient) -> tuple[bool, str]:
    check = client.get("/readyz").get_json()["checks"]["scheduler"]
    return check["is_ok"], check["detail"]


def test_a_scheduler_that_returns_after_a_silence_tells_both(
    database: Engine, database_url: str, simulator: Simulator, client: FlaskClient, tmp_path: Path
) -> None:
    with Session(database) as session, session.begin():
        health.beat(session)
        session.execute(text("UPDATE health SET heard_at = now() - interval '10 minutes'"))
    before = scheduler_check(client)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(url=simulator.url, watch='["nobody/nothing"]'))

    with running(config, database_url, simulator) as scheduler:
        assert eventually(lambda: len(ask(database_url, EVENTS)) == 2)
        during = scheduler_check(client)
        scheduler.terminate()
        scheduler.join(20)

    after = scheduler_check(client)
    assert [row[1:] for row in ask(database_url, EVENTS)] == [
        ("scheduler", "alive", "silent"),
        ("scheduler", "silent", "alive"),
    ]
    assert (before[0], during[0], after[0]) == (False, True, False)
    assert "the last one ended 60" in before[1]
    assert "no scheduler runs, the last one ended" in after[1]

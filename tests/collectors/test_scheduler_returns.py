"""A real scheduler that comes back after a silence tells it and its return, and sends what waits whatever is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.notice import to_row
from alerts.trial import trial_notice
from shared import health
from shared.alert_trials import plan_trial
from shared.clock import utc_now
from simulator import Simulator
from tests.alerts.receivers.webhook import WebhookStand
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


def test_what_is_planned_goes_out_although_nothing_more_can_be_planned(
    database: Engine, database_url: str, simulator: Simulator, tmp_path: Path
) -> None:
    with Session(database) as session, session.begin():
        plan_trial(session, "hook", to_row(trial_notice("hook", "ada", utc_now())), utc_now())
        session.execute(text("ALTER TABLE outages RENAME TO lost"))
    config, address = tmp_path / "config.toml", tmp_path / "address"
    with WebhookStand() as stand:
        address.write_text(f"http://127.0.0.1:{stand.port}/hooks/{stand.secret}")
        hook = f'[[receivers]]\nkind = "webhook"\nname = "hook"\nurl_file = "{address}"\n'
        config.write_text(CONFIG.format(url=simulator.url, watch='["nobody/nothing"]') + hook)

        with running(config, database_url, simulator):
            assert eventually(lambda: len(stand.taken) == 1)

"""GitLab's past through whole polls: a backfill beyond the first day, and pipelines that come back to life."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared import backfills
from shared.clock import utc_now
from simulator import Simulator
from tests.collectors.test_poll_gitlab import WatchingGitLab

DAY = timedelta(days=1)


def test_a_pipeline_retried_days_after_it_ended_comes_back_with_its_second_attempt(
    database: Engine, tmp_path: Path
) -> None:
    began = utc_now() - timedelta(hours=25)
    with Simulator(seed=7, profile="varied", now=began, speed=0) as simulator:
        watching = WatchingGitLab(database, simulator, tmp_path / "token")
        watching.turn()
        early = watching.attempts()

        simulator.clock.advance(24 * 3600)
        watching.turn()

        old = {
            (row["external_id"], row["attempt"]): row["status"]
            for row in watching.ledger()
            if datetime.fromisoformat(row["created_at"]) < began - 2 * DAY
            and row["attempt"] > 1
            and datetime.fromisoformat(row["updated_at"]) > began
        }
        assert old != {}
        assert old.keys() & early.keys() == set()
        held = watching.attempts()
        assert {identity: held[identity] for identity in old} == old


def test_a_backfill_brings_what_changed_before_the_first_day(database: Engine, tmp_path: Path) -> None:
    now = utc_now()
    with Simulator(seed=7, profile="varied", now=now, speed=0) as simulator:
        watching = WatchingGitLab(database, simulator, tmp_path / "token")
        watching.turn()
        with Session(database) as session, session.begin():
            backfills.request_all(session, now - 3 * DAY, utc_now())

        for _ in range(12):
            watching.turn()

        states = watching.rows("SELECT DISTINCT state FROM backfills")
        changed = {
            (row["external_id"], row["attempt"])
            for row in watching.ledger()
            if datetime.fromisoformat(row["updated_at"]) >= now - 3 * DAY
        }
        assert states == [{"state": "done"}]
        assert changed <= watching.attempts().keys()
        assert watching.rows("SELECT pos FROM events WHERE via = 'backfill' AND NOT is_backfill") == []

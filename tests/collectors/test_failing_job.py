"""A real scheduler whose job fails each time says so to every reader, and that it works again."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from simulator import Simulator
from tests.api.serving import serve
from tests.collectors.test_scheduler import CONFIG, ask, eventually, running

TOLD_SECONDS = 60
"""Failing counts from 20 s on, the next heartbeat is 5 s later; the machine may be busy."""
TURNS = "SELECT from_status, to_status FROM events WHERE subject_kind = 'scheduler' ORDER BY pos"


@pytest.mark.timeout(240)
def test_a_job_that_fails_each_time_is_told_until_it_works_again(
    database: Engine, database_url: str, tmp_path: Path
) -> None:
    client = serve(database)
    config = tmp_path / "config.toml"
    with Simulator(seed=3, profile="demo") as simulator:
        config.write_text(CONFIG.format(url=simulator.url, watch='["nobody/nothing"]'))
        with running(config, database_url, simulator):
            assert eventually(lambda: ask(database_url, "SELECT 1 FROM processes WHERE troubles IS NULL") != [])
            with database.begin() as connection:
                connection.execute(text("ALTER TABLE outages RENAME TO lost"))
            assert eventually(lambda: len(ask(database_url, TURNS)) == 1, TOLD_SECONDS)
            failing = client.get("/readyz")
            [(error,)] = ask(database_url, "SELECT troubles -> 0 ->> 'error' FROM processes")
            with database.begin() as connection:
                connection.execute(text("ALTER TABLE lost RENAME TO outages"))
            assert eventually(lambda: len(ask(database_url, TURNS)) == 2, TOLD_SECONDS)
            working = client.get("/readyz")

    assert ask(database_url, TURNS) == [("alive", "troubled"), ("troubled", "alive")]
    assert (failing.status_code, failing.get_json()["status"]) == (200, "degraded")
    detail = failing.get_json()["checks"]["jobs"]["detail"]
    assert detail.startswith("alerts are not decided on: the job alerts has failed each time since ")
    assert str(error).startswith('ProgrammingError: relation "outages" does not exist')
    assert working.get_json()["status"] == "ready"

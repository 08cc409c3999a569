"""`backfill`: asked for, watched to its end, listed, cancelled."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import backfills, processes, sources
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings
from simulator import Simulator
from tests.cli.conftest import Run
from tests.collectors.watching import Watching
from tests.factories import NOON

PROVIDER = ProviderSettings(
    kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web", "acme/api")
)


@pytest.fixture
def watched(database: Engine) -> None:
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), NOON)
        session.execute(text("UPDATE sources SET next_poll_at = '2099-01-01T00:00Z'"))


@pytest.mark.usefixtures("watched")
def test_one_source_is_asked_for_and_made_due(run: Run, database: Engine, database_url: str) -> None:
    result = run("backfill", "acme/web", "--days", "7", "--detach", DATABASE_URL=database_url)

    assert (result.exit_code, result.output) == (0, "asked for the last 7 days of 1 source\n")
    with Session(database) as session:
        [asked] = backfills.newest(session, limit=10)
        due = session.scalars(text("SELECT scope FROM sources WHERE next_poll_at < '2099-01-01'")).all()
    assert (asked["source"], asked["state"]) == ("github.com:acme/web", "waiting")
    assert due == ["acme/web"]


@pytest.mark.usefixtures("watched")
def test_all_sources_are_asked_for_and_listed(run: Run, database_url: str) -> None:
    asked = run("backfill", "--all", "--days", "30", "--detach", DATABASE_URL=database_url)
    plain = run("backfill", "list", DATABASE_URL=database_url)
    document = json.loads(run("backfill", "list", "--json", DATABASE_URL=database_url).stdout)

    assert asked.exit_code == 0
    assert plain.output.splitlines() == [
        "backfills\tgithub.com:acme/web\twaiting\t0%\t30 d ago\tnow\t0\t",
        "backfills\tgithub.com:acme/api\twaiting\t0%\t30 d ago\tnow\t0\t",
    ]
    assert {row["state"] for row in document} == {"waiting"}
    assert all(row["share"] == 0 for row in document)


@pytest.mark.usefixtures("watched")
def test_without_a_scheduler_it_says_so_and_does_not_wait(run: Run, database_url: str) -> None:
    result = run("backfill", "acme/web", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert "no scheduler runs" in result.stderr


@pytest.mark.usefixtures("watched")
def test_a_backfill_is_cancelled_once(run: Run, database_url: str) -> None:
    run("backfill", "acme/web", "--detach", DATABASE_URL=database_url)

    first = run("backfill", "cancel", "acme/web", DATABASE_URL=database_url)
    second = run("backfill", "cancel", "acme/web", DATABASE_URL=database_url)

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "is cancelled" in first.output
    assert "has no backfill under way" in second.stderr


@pytest.mark.parametrize("arguments", [("backfill", "start"), ("backfill", "acme/web", "--all")])
def test_one_source_or_all_have_to_be_named(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Name one SOURCE, or say --all." in result.stderr


def test_a_name_nobody_knows_is_answered_with_those_there_are(run: Run, watched: None, database_url: str) -> None:
    result = run("backfill", "acme/wbe", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert "github.com:acme/web" in result.stderr


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="varied", now=utc_now(), speed=0) as simulator:
        yield simulator


def test_the_command_waits_until_the_past_is_collected(
    run: Run, database: Engine, database_url: str, simulator: Simulator, tmp_path: Path
) -> None:
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
    with Session(database) as session, session.begin():
        processes.beat(session, processes.Identity("scheduler"))
    is_over = threading.Event()

    def poll() -> None:
        while not is_over.is_set():
            watching.turn()

    scheduler = threading.Thread(target=poll)
    scheduler.start()
    try:
        result = run("backfill", simulator.repositories[0], "--days", "5", DATABASE_URL=database_url)
    finally:
        is_over.set()
        scheduler.join()

    assert result.exit_code == 0
    assert "\tdone\t100%\t5 d ago\t5 d ago\t" in result.output

"""Backfills worked on by real polls against the simulator: whole, frugal, restartable, silent."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors.backfill import collect_past
from collectors.github import GitHubCollector
from collectors.held_source import HeldSource
from shared import backfills
from shared.clock import utc_now
from shared.events import Via
from simulator import Simulator
from tests.collectors.watching import Watching

TWO_WEEKS = timedelta(days=14)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="varied", now=utc_now(), speed=0) as simulator:
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> Watching:
    return Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")


def request(watching: Watching, since: datetime) -> None:
    with Session(watching.engine) as session, session.begin():
        backfills.request(session, int(watching.source()["id"]), since, utc_now())


def backfill(watching: Watching) -> dict[str, Any]:
    return watching.rows("SELECT * FROM backfills ORDER BY id DESC")[0]


def play(watching: Watching, turns: int = 40) -> int:
    """Poll until the backfill is done; returns how many polls it took."""
    for turn in range(1, turns + 1):
        watching.turn()
        if backfill(watching)["state"] == "done":
            return turn
    raise AssertionError(f"still {backfill(watching)} after {turns} polls")


def one_request() -> Callable[[], int]:
    """What a poll has left that has one request left: asked before it is spent, twice, and after."""
    left = iter((1, 1))
    return lambda: next(left, 0)


def true_runs(watching: Watching, since: datetime) -> set[str]:
    return {
        str(entry["external_id"])
        for entry in watching.simulator.ledger()
        if entry["repository"] in watching.provider.watch and datetime.fromisoformat(str(entry["created_at"])) >= since
    }


def held_runs(watching: Watching) -> set[str]:
    return {str(row["external_id"]) for row in watching.rows("SELECT external_id FROM builds")}


def test_two_weeks_are_collected_newest_first_and_alert_nobody(watching: Watching) -> None:
    watching.turn()
    first = held_runs(watching)
    since = utc_now() - TWO_WEEKS
    request(watching, since)

    play(watching)

    truth = true_runs(watching, since)
    assert truth - first, "the first poll alone must not have them all"
    assert truth <= held_runs(watching)
    learnt = watching.rows("SELECT DISTINCT is_backfill FROM events WHERE via = 'backfill'")
    assert learnt == [{"is_backfill": True}]
    assert watching.source()["last_error"] is None


def test_a_small_budget_is_spent_a_few_requests_a_poll_and_each_leads_on(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=7, profile="varied", now=utc_now(), speed=0, tokens={"modest": 3600}) as simulator:
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=5)
        watching.turn()
        request(watching, utc_now() - TWO_WEEKS)
        reached = [utc_now()]

        while reached[-1] > utc_now() - timedelta(days=2) and len(reached) < 60:
            before = len(simulator.requests("github"))
            watching.turn()
            reached.append(backfill(watching)["reached"])
            assert len(simulator.requests("github")) - before < 10

        assert reached == sorted(reached, reverse=True)
        assert len(reached) < 60


def test_a_page_whose_rows_share_one_second_leads_on_however_little_is_left(
    database: Engine, simulator: Simulator, tmp_path: Path
) -> None:
    """Pages of a single run: all of each page lies in the second at which the next reading begins."""
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=1)
    watching.turn()
    request(watching, utc_now() - timedelta(days=3))
    watching.make_due()
    [claim] = watching.claim()
    held = HeldSource(database, claim, ())
    reached = [backfill(watching)["reached"]]

    with GitHubCollector.open_client(watching.provider) as client:
        collector = GitHubCollector(watching.provider, claim.scope, client)
        for _ in range(5):
            collect_past(database, held, claim.source_id, collector, one_request())
            reached.append(backfill(watching)["reached"])

    assert all(later < sooner for sooner, later in pairwise(reached))


def test_a_page_the_provider_spoils_is_said_and_asked_for_again(watching: Watching) -> None:
    watching.turn()
    since = utc_now() - TWO_WEEKS
    request(watching, since)
    watching.simulator.fault("html", path="created=", skip=1, count=1)

    while backfill(watching)["last_error"] is None:
        watching.turn()
    broken = backfill(watching)
    play(watching)

    assert broken["state"] == "running"
    assert "/actions/runs" in str(broken["last_error"])
    assert backfill(watching)["last_error"] is None, "what is over is no news"
    assert true_runs(watching, since) <= held_runs(watching)


def test_a_kill_between_a_page_and_the_note_of_it_costs_one_page(watching: Watching) -> None:
    watching.turn()
    since = utc_now() - TWO_WEEKS
    request(watching, since)
    watching.make_due()
    [killed] = watching.claim("killed")
    with GitHubCollector.open_client(watching.provider) as client:
        collector = GitHubCollector(watching.provider, killed.scope, client)
        first = next(iter(collector.list_builds_between(since, utc_now())))
    HeldSource(watching.engine, killed, ()).record_page(first.page, Via.BACKFILL)
    with watching.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sources SET lease_until = clock_timestamp() - interval '1 second'")

    play(watching)

    assert true_runs(watching, since) <= held_runs(watching)
    twice = watching.rows("SELECT subject_id, version FROM events GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == []


def test_a_cancelled_backfill_is_left_alone(watching: Watching) -> None:
    watching.turn()
    request(watching, utc_now() - TWO_WEEKS)
    with Session(watching.engine) as session, session.begin():
        backfills.cancel(session, int(watching.source()["id"]))

    watching.turn()

    assert watching.rows("SELECT pos FROM events WHERE via = 'backfill'") == []
    assert backfill(watching)["state"] == "cancelled"


def test_a_list_that_was_cut_is_made_whole_by_a_backfill_nobody_asked_for(database: Engine, tmp_path: Path) -> None:
    with Simulator(seed=7, profile="varied", now=utc_now(), speed=0) as simulator:
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=3)
        watching.provider = watching.provider.model_copy(update={"max_pages": 2})
        began = utc_now()

        watching.turn()
        asked = backfill(watching)
        while backfill(watching)["state"] != "done":
            watching.turn()

        assert "longer than one poll reads" in str(asked["reason"])
        assert asked["until"] < began
        assert true_runs(watching, began - timedelta(hours=23)) <= held_runs(watching)
        assert watching.rows("SELECT kind FROM quarantine WHERE kind = 'list'") == []

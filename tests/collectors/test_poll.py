"""Whole polls: the real collector against the simulator, recorded into real Postgres, held against the truth ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from shared.clock import utc_now
from simulator import Simulator
from tests.collectors.watching import Watching
from tests.factories import minutes


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=11, profile="drill", runs=60, seconds=60, speed=0) as simulator:
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> Watching:
    return Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")


def play(watching: Watching, *, step_seconds: float = 20, turns: int = 30) -> None:
    """Let the drill run to its end, polling on the way."""
    for _ in range(turns):
        watching.turn()
        watching.simulator.clock.advance(step_seconds)
    for _ in range(3):
        watching.turn()


def test_every_attempt_of_the_truth_ledger_is_recorded_as_it_truly_ended(watching: Watching) -> None:
    play(watching)

    truth = watching.truth()
    assert len(truth) > 20
    assert max(attempt for _, attempt in truth) > 1
    assert watching.attempts() == truth


def test_a_second_look_writes_nothing(watching: Watching) -> None:
    play(watching)
    before = watching.rows("SELECT count(*) AS events FROM events")
    written = "SELECT xmin::text, id FROM builds ORDER BY id"
    rows = watching.rows(written)

    watching.turn()

    assert watching.rows("SELECT count(*) AS events FROM events") == before
    assert watching.rows(written) == rows


def test_finished_attempts_get_their_jobs(watching: Watching) -> None:
    play(watching)

    stored = {
        (row["external_id"], row["number"]): row["names"]
        for row in watching.rows("""
            SELECT b.external_id, a.number, (SELECT array_agg(j.name ORDER BY j.name) FROM jobs j
                                             WHERE j.build_id = b.id AND j.attempt = a.number) AS names
            FROM attempts a JOIN builds b ON b.id = a.build_id""")
    }
    ledger: list[dict[str, Any]] = watching.simulator.ledger()
    truth = {
        (entry["external_id"], entry["attempt"]): sorted(job["name"] for job in entry["jobs"])
        for entry in ledger
        if entry["repository"] in watching.provider.watch
    }
    assert {key: names or [] for key, names in stored.items()} == truth


def test_the_first_collection_is_backfill_and_what_comes_after_is_news(watching: Watching) -> None:
    watching.simulator.clock.advance(30)
    watching.turn()
    watching.simulator.clock.advance(60)
    watching.turn()

    kinds = watching.rows("SELECT is_backfill, count(*) AS events FROM events GROUP BY 1 ORDER BY 1")
    assert [row["is_backfill"] for row in kinds] == [False, True]
    assert watching.source()["baseline_at"] is not None


def test_a_provider_that_is_down_is_said_on_the_source_and_heals(watching: Watching) -> None:
    watching.turn()
    fault = watching.simulator.fault("server_error", path="/repos/", status=503)
    watching.turn()
    broken = watching.source()
    watching.simulator.faults.remove(fault)
    watching.simulator.clock.advance(60)
    watching.turn()

    assert broken["failures"] == 1
    assert "503" in str(broken["last_error"])
    assert (watching.source()["failures"], watching.source()["last_error"]) == (0, None)
    assert set(watching.attempts()) == set(watching.truth())


def test_a_refused_credential_is_not_tried_again_at_once(watching: Watching) -> None:
    watching.simulator.fault("unauthorized", path="/repos/")
    watching.turn()
    tried = len(watching.simulator.requests("github"))
    watching.turn()

    assert len(watching.simulator.requests("github")) == tried
    assert watching.rows("SELECT is_rejected FROM credentials") == [{"is_rejected": True}]
    assert "refused this credential" in str(watching.source()["last_error"])


def test_a_rate_limit_is_waited_out_by_the_whole_credential(watching: Watching) -> None:
    watching.turn()
    watching.simulator.fault("too_many_requests", path="/actions/runs", seconds=120, count=1)
    watching.turn()
    watching.simulator.forget_requests()
    watching.turn()

    wait = watching.rows("SELECT extract(epoch FROM next_poll_at - now()) AS seconds FROM sources")[0]["seconds"]
    assert 100 < float(str(wait)) <= 121
    assert watching.simulator.requests("github") == []


def test_one_impossible_row_is_put_aside_and_the_others_are_stored(watching: Watching) -> None:
    watching.simulator.clock.advance(40)
    watching.simulator.fault("impossible_row", path="/actions/runs", variant="missing_id", count=1)

    watching.turn()

    aside = watching.rows("SELECT kind, reason FROM quarantine")
    assert aside != []
    assert watching.attempts() != {}
    assert watching.source()["last_error"] is None


def test_a_holder_that_slept_past_its_lease_writes_nothing(watching: Watching) -> None:
    watching.simulator.clock.advance(60)
    watching.make_due()
    [stale] = watching.claim("sleeper")
    with watching.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sources SET lease_until = clock_timestamp() - interval '1 second'")
    [fresh] = watching.claim("other")

    watching.poller().poll(stale)

    assert watching.attempts() == {}
    assert (fresh.fence, watching.source()["lease_owner"]) == (stale.fence + 1, "other")


def test_a_stopping_process_gives_its_source_back_at_once(watching: Watching) -> None:
    poller = watching.poller()
    poller.stop.set()
    [claim] = watching.claim()

    poller.poll(claim)

    source = watching.source()
    assert (source["lease_owner"], source["failures"], source["baseline_at"]) == (None, 0, None)
    assert watching.claim() != []
    assert source["next_poll_at"] <= utc_now()


def test_a_build_the_provider_cannot_answer_for_stops_nothing_else(watching: Watching) -> None:
    play(watching, turns=10)
    victim = next(iter(watching.attempts()))[0]
    watching.simulator.fault("server_error", path=f"/runs/{victim}", status=502)

    play(watching)

    source = watching.source()
    assert (source["failures"], source["last_error"]) == (0, None)
    assert source["baseline_at"] is not None
    assert {key: status for key, status in watching.attempts().items() if key[0] != victim} == {
        key: status for key, status in watching.truth().items() if key[0] != victim
    }


def test_an_hour_of_builds_polled_rarely_and_in_small_pages_is_recorded_as_it_was(
    database: Engine, tmp_path: Path
) -> None:
    with Simulator(seed=5, profile="drill", runs=120, seconds=3000, speed=0, now=utc_now() - minutes(60)) as simulator:
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=4)
        for _ in range(30):
            watching.turn()
            simulator.clock.advance(110)
        for _ in range(60):
            watching.turn()

        assert max(attempt for _, attempt in watching.truth()) > 1
        assert watching.attempts() == watching.truth()


def test_sources_without_a_token_get_a_baseline_and_leave_most_of_the_hours_budget(database: Engine) -> None:
    began = utc_now() - minutes(11)
    with Simulator(seed=11, profile="drill", runs=90, seconds=600, speed=0, now=began, anonymous_limit=60) as simulator:
        simulator.clock.advance(600)
        watching = Watching(database, simulator, simulator.repositories[:2], None)
        watching.turn()
        watching.turn()

        asked = simulator.requests("github")
        assert {request.status for request in asked} <= {200, 304}
        assert len(asked) < 20, "sixty requests have to last an hour"
        baselines = watching.rows("SELECT baseline_at IS NOT NULL AS has_baseline FROM sources")
        assert baselines == [{"has_baseline": True}] * 2
        assert watching.source()["interval_reason"] == "60 requests an hour shared by 2 sources"
        assert watching.source()["credential"] == "github.com:anonymous"

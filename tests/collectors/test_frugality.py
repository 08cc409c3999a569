"""What a quiet source costs, what lists of active builds find, and that nothing is "not modified" before it is kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from collectors.held_source import HeldSource
from shared.clock import utc_now
from shared.errors import LeaseLost
from shared.leases import Outcome
from simulator import Simulator
from simulator.history import State
from tests.collectors.watching import Watching
from tests.factories import minutes


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    began = utc_now() - minutes(3)
    with Simulator(seed=11, profile="drill", runs=60, seconds=60, speed=0, now=began) as simulator:
        simulator.clock.advance(150)
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> Watching:
    return Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")


def warm(watching: Watching, turns: int = 12) -> None:
    """Poll until everything is known and every list was read once."""
    for _ in range(turns):
        watching.turn()
    watching.simulator.forget_requests()


def paths(watching: Watching) -> list[str]:
    return [asked.target for asked in watching.simulator.requests("github")]


def test_a_quiet_source_costs_nothing_of_the_primary_limit(watching: Watching) -> None:
    warm(watching)

    for _ in range(9):
        watching.turn()

    asked = watching.simulator.requests("github")
    assert {each.status for each in asked} == {304}
    assert len(asked) == 9 * 3 + 2, "the list, two lists of what is active, and the sweep every fourth time"
    assert watching.source()["cursor"]["cost"] < 0.5


def test_what_changes_after_a_silence_is_seen_by_the_next_poll(watching: Watching) -> None:
    with Simulator(seed=11, profile="drill", runs=60, seconds=600, speed=0) as simulator:
        watching.simulator, watching.provider = (
            simulator,
            watching.provider.model_copy(update={"base_url": simulator.url}),
        )
        simulator.clock.advance(100)
        warm(watching)
        before = watching.attempts()
        simulator.clock.advance(60)
        watching.turn()

        assert len(watching.attempts()) > len(before)
        assert watching.attempts().keys() == watching.truth().keys()


def late_rerun() -> tuple[int, datetime, timedelta, timedelta]:
    """The slot of a run that is run again days later, its world's epoch, and when both happen, counted from there."""
    epoch = utc_now()
    found = []
    with Simulator(seed=7, profile="varied", now=epoch, speed=0) as simulator:
        repository = simulator.world.repositories[0]
        for slot in simulator.world.slots(repository, epoch):
            run = simulator.world.run_in(repository, slot)
            again = run.attempts[-1]
            running = [phase.at for phase in again.phases if phase.state is State.RUNNING]
            if again.number == 2 and running and running[0] - run.created_at > timedelta(days=1):
                found.append((running[0] - run.created_at, slot, run.created_at - epoch, running[0] - epoch))
    _, slot, created, begins = min(found)
    return slot, epoch, created, begins


def test_a_rerun_of_a_build_that_left_the_list_is_found_while_it_runs(database: Engine, tmp_path: Path) -> None:
    slot, epoch, _, running = late_rerun()
    with Simulator(seed=7, profile="varied", epoch=epoch, now=epoch + running - minutes(30), speed=0) as simulator:
        run = str(simulator.world.run_in(simulator.world.repositories[0], slot).id)
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=3)
        watching.turn()
        watching.turn()
        assert (run, 2) not in watching.attempts()

        simulator.clock.set(epoch + running + timedelta(seconds=1))
        watching.turn()
        watching.turn()

    assert watching.attempts()[run, 2] == "running"


def test_what_the_lists_of_active_builds_lost_is_found_by_the_sweep(database: Engine, tmp_path: Path) -> None:
    slot, epoch, created, running = late_rerun()
    now = utc_now()
    epoch += now - (epoch + created + timedelta(hours=20))  # the run is created so long before our now
    with Simulator(seed=7, profile="varied", epoch=epoch, now=now, speed=0) as simulator:
        run = str(simulator.world.run_in(simulator.world.repositories[0], slot).id)
        simulator.fault("not_found", path="status=")
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=5)
        watching.turn()
        assert (run, 1) in watching.attempts()

        simulator.clock.set(epoch + running + timedelta(seconds=1))
        for _ in range(100):
            watching.turn()
            if (run, 2) in watching.attempts():
                break

    assert watching.attempts()[run, 2] == "running"
    vias = watching.rows("SELECT DISTINCT via FROM events ORDER BY via")
    assert [row["via"] for row in vias] == ["poll", "sweep"]


def test_a_list_that_broke_off_is_read_again(database: Engine, simulator: Simulator, tmp_path: Path) -> None:
    watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token", page_size=5)
    broken = simulator.fault("not_found", path="page=2")
    watching.turn()
    assert watching.rows("SELECT 1 FROM http_validators") == []
    assert 0 < len(watching.attempts()) < len(watching.truth())

    simulator.faults.remove(broken)
    watching.turn()

    assert {run for run, _ in watching.attempts()} == {run for run, _ in watching.truth()}


def test_a_tag_is_kept_only_with_the_source_that_is_given_back(watching: Watching) -> None:
    [claim] = watching.claim()
    held = HeldSource(watching.engine, claim, ())
    tags = held.validators("github.com:1")
    tags.saw("https://api/runs", 'W/"1"')
    tags.settle()
    with watching.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sources SET fence = fence + 1")

    with pytest.raises(LeaseLost):
        held.release(Outcome(is_complete=True, wait_seconds=1, interval_seconds=1, cursor={}))

    assert watching.rows("SELECT 1 FROM http_validators") == []


def test_another_token_asks_for_everything_once_and_forgets_the_old_tags(
    watching: Watching, database: Engine, tmp_path: Path
) -> None:
    warm(watching)
    watching.simulator.github.settings.tokens["token-after-rotation"] = 5000
    (tmp_path / "token").write_text("token-after-rotation")

    watching.turn()
    watching.turn()

    assert {each.status for each in watching.simulator.requests("github")} == {200, 304}
    credentials = watching.rows("SELECT count(DISTINCT credential) AS credentials FROM http_validators")
    assert credentials == [{"credentials": 1}]


def test_lists_of_what_is_active_that_fail_stop_nothing_else(watching: Watching) -> None:
    watching.simulator.fault("not_found", path="status=")
    warm(watching)

    source = watching.source()
    assert (source["failures"], source["last_error"]) == (0, None)
    assert watching.attempts() == watching.truth()

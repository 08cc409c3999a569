"""An open build that the provider did not show is a ghost until it is read again, by id or in a list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import quarantine
from shared.clock import utc_now
from shared.queries import BuildFilter, list_builds
from simulator import Simulator
from tests.collectors.watching import Watching
from tests.factories import minutes


@pytest.fixture
def watching(database: Engine, tmp_path: Path) -> Iterator[Watching]:
    """Builds of the last 50 minutes, all of which are over and recorded."""
    began = utc_now() - minutes(50)
    with Simulator(seed=11, profile="drill", runs=20, seconds=2400, speed=0, now=began) as simulator:
        simulator.clock.advance(2900)
        watching = Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")
        for _ in range(3):
            watching.turn()
        yield watching


def an_open_build(watching: Watching, place: str) -> str:
    """The recorded build that was queued first or last, as if its finish had never been seen; nothing newer is told."""
    by_age = "SELECT external_id FROM builds ORDER BY queued_at"
    external_id = str(watching.rows(by_age)[0 if place == "first" else -1]["external_id"])
    with watching.engine.begin() as connection:
        connection.execute(
            text("""UPDATE builds SET is_finished = false, status = 'running', finished_at = NULL,
                           recorded_at = recorded_at - interval '1 hour' WHERE external_id = :it"""),
            {"it": external_id},
        )
    return external_id


def ghosts(watching: Watching) -> list[str]:
    with Session(watching.engine) as session:
        found = list_builds(session, BuildFilter(), limit=100).rows
    return [str(row["external_id"]) for row in found if row["stale_since"] is not None]


def let_be_asked_for_again(watching: Watching) -> None:
    with watching.engine.begin() as connection:
        connection.execute(text("UPDATE quarantine SET last_seen_at = last_seen_at - interval '10 minutes'"))


def test_a_build_that_is_readable_by_id_again_is_no_ghost(watching: Watching) -> None:
    build = an_open_build(watching, "first")
    watching.simulator.fault("not_found", path=f"/runs/{build}")
    watching.turn()
    absent = ghosts(watching)
    watching.simulator.faults.clear()
    let_be_asked_for_again(watching)
    still_absent = ghosts(watching)

    watching.turn()

    assert (absent, still_absent) == ([build], [build])
    assert ghosts(watching) == []
    assert watching.rows("SELECT status FROM builds WHERE NOT is_finished") == [{"status": "running"}], "nothing is new"


def test_a_build_that_a_list_shows_again_is_no_ghost(watching: Watching) -> None:
    build = an_open_build(watching, "last")
    with Session(watching.engine) as session, session.begin():
        quarantine.note(session, watching.source()["id"], kind="open", external_id=build, reason="not there")
    absent = ghosts(watching)
    with watching.engine.begin() as connection:  # or the list is "not modified" and shows nothing
        connection.execute(text("DELETE FROM http_validators"))
    watching.simulator.fault("not_found", path=f"/runs/{build}")

    watching.turn()

    assert absent == [build]
    assert ghosts(watching) == []


def test_other_builds_and_other_notes_stay_as_they_are(watching: Watching) -> None:
    build = an_open_build(watching, "first")
    source = watching.source()["id"]
    with Session(watching.engine) as session, session.begin():
        for kind, external_id in (("open", build), ("open", "another"), ("run", build), ("jobs", f"{build}/1")):
            quarantine.note(session, source, kind=kind, external_id=external_id, reason="not there")
    let_be_asked_for_again(watching)

    watching.turn()

    left = {(row["kind"], row["external_id"]) for row in watching.rows("SELECT kind, external_id FROM quarantine")}
    assert left == {("open", "another"), ("run", build), ("jobs", f"{build}/1")}

"""What goes wrong in a poll is counted by kind: what ends it, what does not, and what is put aside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from simulator import Simulator
from tests.collectors.watching import Watching


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=11, profile="drill", runs=20, seconds=60, speed=0) as simulator:
        simulator.clock.advance(60)
        yield simulator


@pytest.fixture
def watching(database: Engine, simulator: Simulator, tmp_path: Path) -> Watching:
    return Watching(database, simulator, simulator.repositories[:1], tmp_path / "token")


def counted(watching: Watching) -> dict[str, int]:
    return {row["kind"]: row["seen"] for row in watching.rows("SELECT kind, seen FROM collector_errors")}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("not_found", "not_found"),
        ("forbidden", "unauthorized"),
        ("unauthorized", "credential_refused"),
        ("html", "malformed_payload"),
        ("primary_limit", "rate_limited"),
    ],
)
def test_what_ends_a_poll_is_counted_by_its_kind(watching: Watching, fault: str, kind: str) -> None:
    watching.simulator.fault(fault, path="/repos/")

    watching.turn()

    assert counted(watching) == {kind: 1}
    (row,) = watching.rows("SELECT example FROM collector_errors")
    assert row["example"] == watching.source()["last_error"]
    assert watching.simulator.token not in row["example"]


def test_a_second_failure_is_counted_on_top_of_the_first(watching: Watching) -> None:
    watching.simulator.fault("not_found", path="/repos/")

    watching.turn()
    watching.turn()

    assert counted(watching) == {"not_found": 2}


def test_a_row_put_aside_is_counted_and_the_poll_is_none_the_worse(watching: Watching) -> None:
    watching.simulator.fault("impossible_row", path="/actions/runs", variant="missing_id", count=1)

    watching.turn()

    assert counted(watching) == {"quarantined_build": 1}
    assert watching.source()["failures"] == 0


def test_a_credential_that_rests_is_not_counted_again_at_every_poll(watching: Watching) -> None:
    watching.simulator.fault("unauthorized", path="/repos/")

    watching.turn()
    watching.turn()

    assert counted(watching) == {"credential_refused": 1}
    assert watching.source()["failures"] == 2


def test_a_secret_that_cannot_be_read_is_counted(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()

    watching.turn()

    assert counted(watching) == {"secret_unavailable": 1}

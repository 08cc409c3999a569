"""Leases on real rows: one holder at a time, a fence that grows, and nothing written by a late holder."""

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import credentials, leases
from shared.errors import LeaseLost
from shared.leases import Claim, Outcome
from shared.processes import Identity, beat, free_leases_of_the_dead

SOURCES = 12


@pytest.fixture
def watched(database: Engine) -> Engine:
    with database.begin() as connection:
        connection.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x')"))
        connection.execute(
            text("INSERT INTO sources (instance_id, scope) SELECT 1, 's' || n FROM generate_series(1, :n) n"),
            {"n": SOURCES},
        )
    return database


def claim(engine: Engine, owner: str, limit: int = 1) -> list[Claim]:
    with Session(engine) as session, session.begin():
        return leases.claim(session, owner, ["i"], limit)


def release(engine: Engine, held: Claim, outcome: Outcome) -> None:
    with Session(engine) as session, session.begin():
        leases.release(session, held, outcome, None)


def source(engine: Engine, held: Claim) -> dict[str, object]:
    with engine.connect() as connection:
        return dict(
            connection.execute(text("SELECT * FROM sources WHERE id = :id"), {"id": held.source_id}).mappings().one()
        )


def expire(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE sources SET lease_until = clock_timestamp() - interval '1 second'"))


def make_due(engine: Engine, scope: str, *, interval_seconds: float, late_seconds: float) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE sources SET interval_seconds = :interval,
                           next_poll_at = clock_timestamp() - make_interval(secs => :late) WHERE scope = :scope"""),
            {"interval": interval_seconds, "late": late_seconds, "scope": scope},
        )


DONE = Outcome(is_complete=True, wait_seconds=60, interval_seconds=60)


def test_many_claimers_share_the_sources_and_none_is_claimed_twice(watched: Engine) -> None:
    claimed: list[int] = []

    def take(owner: str) -> None:
        while found := claim(watched, owner, limit=2):
            claimed.extend(each.source_id for each in found)

    threads = [threading.Thread(target=take, args=(f"owner {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == list(range(1, SOURCES + 1))


@pytest.fixture
def three(watched: Engine) -> Engine:
    """Sources in haste, usual and quiet; the others rest."""
    with watched.begin() as connection:
        connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() + interval '1 hour'"))
    make_due(watched, "s1", interval_seconds=180, late_seconds=20)
    make_due(watched, "s2", interval_seconds=5, late_seconds=10)
    make_due(watched, "s3", interval_seconds=60, late_seconds=30)
    return watched


def test_of_more_than_can_be_polled_the_latest_by_its_own_interval_comes_first(three: Engine) -> None:
    assert [claim(three, "owner")[0].scope for _ in range(3)] == ["s2", "s3", "s1"]


def test_a_quiet_source_that_waited_long_comes_before_one_in_haste(three: Engine) -> None:
    make_due(three, "s1", interval_seconds=180, late_seconds=400)

    assert claim(three, "owner")[0].scope == "s1"


def test_what_somebody_asked_for_comes_first_until_it_was_polled(three: Engine) -> None:
    asked = (
        "UPDATE sources SET last_poll_at = clock_timestamp() - interval '{}', requested_at = now() WHERE scope = 's1'"
    )
    with three.begin() as connection:
        connection.execute(text(asked.format("1 minute")))
    [first] = claim(three, "owner")
    release(three, first, DONE)
    make_due(three, "s1", interval_seconds=180, late_seconds=20)

    assert first.scope == "s1"
    assert claim(three, "owner")[0].scope == "s2"


def test_an_expired_lease_goes_to_another_with_a_greater_fence(watched: Engine) -> None:
    [held] = claim(watched, "first")
    assert held.source_id not in {each.source_id for each in claim(watched, "second", SOURCES)}
    expire(watched)

    again = {each.source_id: each for each in claim(watched, "second", SOURCES)}[held.source_id]

    assert again.fence == held.fence + 1


def test_a_late_holder_can_neither_renew_nor_release(watched: Engine) -> None:
    [held] = claim(watched, "first")
    expire(watched)
    claim(watched, "second", SOURCES)

    with Session(watched) as session, pytest.raises(LeaseLost):
        leases.renew(session, held)
    with pytest.raises(LeaseLost):
        release(watched, held, DONE)
    assert source(watched, held)["lease_owner"] == "second"


def test_a_complete_poll_sets_the_baseline_once_and_clears_the_error(watched: Engine) -> None:
    [held] = claim(watched, "first")
    release(watched, held, Outcome(is_complete=False, wait_seconds=0, interval_seconds=60, error="down"))
    failed = source(watched, held)
    [held] = [each for each in claim(watched, "first", SOURCES) if each.source_id == held.source_id]
    release(watched, held, DONE)
    row = source(watched, held)

    assert (failed["failures"], failed["last_error"], failed["baseline_at"]) == (1, "down", None)
    assert (row["failures"], row["last_error"]) == (0, None)
    assert row["baseline_at"] is not None
    assert row["last_error_at"] == failed["last_error_at"]


def test_a_poll_asked_for_during_a_poll_is_due_again_at_once(watched: Engine) -> None:
    [held] = claim(watched, "first")
    with watched.begin() as connection:
        connection.execute(
            text("UPDATE sources SET requested_at = clock_timestamp() WHERE id = :id"), {"id": held.source_id}
        )

    release(watched, held, DONE)

    assert held.source_id in {each.source_id for each in claim(watched, "second", SOURCES)}


def test_leases_of_a_killed_process_of_this_machine_are_free_at_once(watched: Engine) -> None:
    alive, dead = Identity("scheduler"), Identity("scheduler")
    dead.id = f"{dead.machine}/4194305/1/dead"
    claim(watched, alive.id, 1)
    [held] = claim(watched, dead.id, 1)

    with Session(watched) as session, session.begin():
        beat(session, alive)
        freed = free_leases_of_the_dead(session, alive)

    assert freed == 1
    assert source(watched, held)["lease_owner"] is None
    with Session(watched) as session, pytest.raises(LeaseLost):
        leases.renew(session, held)


def test_a_credential_that_a_killed_process_held_is_free_at_once(watched: Engine) -> None:
    alive, dead = Identity("scheduler"), Identity("scheduler")
    dead.id = f"{dead.machine}/4194305/1/dead"
    held = "github.com:0000"
    with Session(watched) as session, session.begin():
        instance = session.scalar(text("SELECT name FROM instances ORDER BY id LIMIT 1"))
        assert credentials.hold(session, held, str(instance), dead.id)

    with Session(watched) as session, session.begin():
        free_leases_of_the_dead(session, alive)

    with Session(watched) as session, session.begin():
        assert credentials.hold(session, held, str(instance), alive.id)


def test_a_credential_that_a_living_process_holds_to_discover_is_left_alone(watched: Engine) -> None:
    alive = Identity("scheduler")
    with Session(watched) as session, session.begin():
        assert credentials.hold(session, "i:0000", "i", f"{alive.id}/discovery")

    with Session(watched) as session, session.begin():
        free_leases_of_the_dead(session, Identity("scheduler"))

    with Session(watched) as session, session.begin():
        assert not credentials.hold(session, "i:0000", "i", "another")


def test_another_machines_leases_are_left_alone(watched: Engine) -> None:
    claim(watched, "elsewhere:0:0/1/1/x", 1)

    with Session(watched) as session, session.begin():
        assert free_leases_of_the_dead(session, Identity("scheduler")) == 0

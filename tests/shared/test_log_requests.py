"""Requests for logs: one a log however many ask, one holder at a time, and nobody's late answer."""

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import log_requests
from shared.errors import LeaseLost
from shared.log_requests import Claim, State, Wanted
from tests.api.serving import a_world, many_builds
from tests.factories import a_build, a_job

HERE = "github.com"


def ask(engine: Engine, build_id: int = 1, job: str = "1000") -> Wanted:
    wanted = Wanted(build_id, 1, job)
    with Session(engine) as session, session.begin():
        log_requests.request(session, wanted)
    return wanted


def claim(engine: Engine, owner: str = "me") -> Claim | None:
    with Session(engine) as session, session.begin():
        return log_requests.claim(session, owner, HERE)


def settle(engine: Engine, held: Claim, state: State = State.STORED, again: float | None = None) -> None:
    with Session(engine) as session, session.begin():
        log_requests.settle(session, held, state, None, again)


def standing(engine: Engine, wanted: Wanted) -> log_requests.Standing:
    with Session(engine) as session:
        found = log_requests.standing(session, wanted)
    assert found is not None
    return found


@pytest.fixture
def recorded(database: Engine) -> Engine:
    world = a_world(database)
    world.record(a_build(jobs=(a_job(),)))
    world.record(*many_builds(3))
    return database


def test_asking_often_is_one_request(recorded: Engine) -> None:
    asking = [threading.Thread(target=ask, args=(recorded,)) for _ in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    with recorded.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM log_requests")) == 1
    assert claim(recorded) is not None
    assert claim(recorded) is None


def test_a_claim_tells_what_has_to_be_known_to_fetch(recorded: Engine) -> None:
    ask(recorded)

    held = claim(recorded)

    assert held is not None
    assert (held.external_id, held.provider, held.scope, held.job_external_id) == ("100", "github", "acme/web", "1000")
    assert held.was_finished
    assert held.hours_since_finish is not None
    assert not held.is_whole


def test_several_claimers_share_the_requests_and_none_twice(recorded: Engine) -> None:
    for build_id in (1, 2, 3):
        ask(recorded, build_id)
    held: list[Claim | None] = []
    claiming = [threading.Thread(target=lambda: held.append(claim(recorded))) for _ in range(6)]
    for each in claiming:
        each.start()
    for each in claiming:
        each.join()

    taken = [each.build_id for each in held if each is not None]
    rest = [each.build_id for each in iter(lambda: claim(recorded), None)]
    assert sorted(taken + rest) == [1, 2, 3]


def test_what_a_stale_holder_brings_is_refused(recorded: Engine) -> None:
    ask(recorded)
    stale = claim(recorded)
    with recorded.begin() as connection:
        connection.execute(text("UPDATE log_requests SET lease_until = clock_timestamp() - interval '1 s'"))
    fresh = claim(recorded, "another")

    assert stale is not None
    assert fresh is not None
    with pytest.raises(LeaseLost):
        settle(recorded, stale)
    with Session(recorded) as session, pytest.raises(LeaseLost):
        log_requests.renew(session, stale)
    settle(recorded, fresh)


def test_what_is_settled_is_asked_anew_when_its_time_has_come_and_not_before(recorded: Engine) -> None:
    wanted = ask(recorded)
    for again, expected in ((3600.0, State.FAILED), (0.0, State.REQUESTED)):
        held = claim(recorded)
        assert held is not None
        settle(recorded, held, State.FAILED, again)
        ask(recorded)
        assert standing(recorded, wanted).state is expected
        with recorded.begin() as connection:
            connection.execute(text("UPDATE log_requests SET state = 'requested'"))


def test_a_dead_process_leaves_its_requests_to_the_others(recorded: Engine) -> None:
    ask(recorded)
    dead = claim(recorded, "dead")
    with Session(recorded) as session, session.begin():
        assert log_requests.abandon(session, "dead") == 1

    taken = claim(recorded, "alive")

    assert dead is not None
    assert taken is not None
    assert (taken.fence, taken.tries) == (dead.fence + 2, 2)


def test_so_many_may_wait_and_no_more(recorded: Engine) -> None:
    with recorded.begin() as connection:
        statement = text("""
            INSERT INTO log_requests (build_id, attempt, job_external_id) SELECT 1, 1, n FROM generate_series(1, :n) n
        """)
        connection.execute(statement, {"n": log_requests.MOST_OPEN})

    with Session(recorded) as session, session.begin():
        assert not log_requests.request(session, Wanted(2, 1))
        assert log_requests.request(session, Wanted(1, 1, "1")), "what waits already is no further request"


def test_only_what_was_settled_long_ago_is_forgotten_and_so_much_at_a_time(recorded: Engine) -> None:
    with recorded.begin() as connection:
        statement = text("""
            INSERT INTO log_requests (build_id, attempt, job_external_id, state, settled_at)
            SELECT 1, 1, state || age, state, clock_timestamp() - make_interval(days => age)
            FROM unnest(ARRAY['requested', 'fetching', 'stored', 'gone', 'failed']) state, unnest(ARRAY[1, 8]) age
        """)
        connection.execute(statement)

    counts = []
    for _ in range(3):
        with Session(recorded) as session, session.begin():
            counts.append(log_requests.purge(session, days=7, most=2))

    assert counts == [2, 1, 0]
    with recorded.connect() as connection:
        left = set(connection.scalars(text("SELECT job_external_id FROM log_requests")))
    assert left == {"requested1", "requested8", "fetching1", "fetching8", "stored1", "gone1", "failed1"}

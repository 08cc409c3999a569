"""Stored logs: any piece of them is what the text has there, and a log that was replaced is not read on."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.log_blocks import BLOCK_BYTES, inflate, pack
from shared.stored_logs import LogReplaced, StoredLog, list_logs, purge, read_piece, store
from tests.api.serving import a_world
from tests.factories import a_build
from tests.stored_logs import a_log

TEXT = random.Random(7).randbytes(3 * BLOCK_BYTES + 17)


def kept(engine: Engine, *texts: bytes) -> list[StoredLog]:
    a_world(engine).record(a_build())
    with Session(engine) as session, session.begin():
        store(session, 1, 1, [a_log(text, part=str(place), place=place) for place, text in enumerate(texts)])
        return list_logs(session, 1, 1)


@settings(max_examples=50)
@given(st.binary(max_size=3000))
def test_blocks_hold_the_text(text: bytes) -> None:
    content, ends = pack(text)

    assert b"".join(inflate(content)) == text
    assert len(ends) == (1 if text else 0)


def test_any_piece_is_what_the_text_has_there(database: Engine) -> None:
    (log,) = kept(database, TEXT)
    dice = random.Random(3)
    pieces = [sorted(dice.choices(range(len(TEXT) + 1), k=2)) for _ in range(25)]
    pieces += [[0, 0], [0, 1], [BLOCK_BYTES - 1, BLOCK_BYTES + 1], [BLOCK_BYTES, 2 * BLOCK_BYTES], [0, len(TEXT)]]

    with Session(database) as session:
        for start, end in pieces:
            assert read_piece(session, log, start, end) == TEXT[start:end], (start, end)


def test_logs_come_in_their_order_and_one_can_be_asked_for(database: Engine) -> None:
    logs = kept(database, b"a", b"", b"c")

    assert [(log.part, log.text_bytes) for log in logs] == [("0", 1), ("1", 0), ("2", 1)]
    with Session(database) as session:
        assert [log.part for log in list_logs(session, 1, 1, "2")] == ["2"]
        assert list_logs(session, 1, 2) == []


def test_a_log_that_was_replaced_is_not_read_on(database: Engine) -> None:
    (old,) = kept(database, b"old")
    with Session(database) as session, session.begin():
        store(session, 1, 1, [a_log(b"new and longer", part="0")])

    with Session(database) as session, pytest.raises(LogReplaced):
        read_piece(session, old, 0, 3)


def aged(engine: Engine, part: str, days: int) -> None:
    with engine.begin() as connection:
        statement = text("UPDATE logs SET stored_at = stored_at - make_interval(days => :days) WHERE part = :part")
        connection.execute(statement, {"days": days, "part": part})


def asked(engine: Engine, *states: str) -> None:
    """Requests for the attempt's logs, one in each of these states."""
    with engine.begin() as connection:
        statement = text("""
            INSERT INTO log_requests (build_id, attempt, job_external_id, state)
            SELECT 1, 1, word, word FROM unnest(CAST(:states AS text[])) word
        """)
        connection.execute(statement, {"states": list(states)})


def left(engine: Engine) -> tuple[list[str], list[str]]:
    """The logs and the requests there are."""
    with engine.connect() as connection:
        logs = list(connection.scalars(text("SELECT part FROM logs ORDER BY part")))
        return logs, list(connection.scalars(text("SELECT state FROM log_requests ORDER BY state")))


def test_an_attempts_logs_go_together_and_take_the_requests_they_answered_along(database: Engine) -> None:
    kept(database, b"old", b"newer")
    asked(database, "stored", "failed")
    aged(database, "0", 8)

    with Session(database) as session, session.begin():
        assert purge(session, days=7, most=10) == 2

    assert left(database) == ([], ["failed"])


@pytest.mark.parametrize(("state", "days"), [("stored", 6), ("requested", 8), ("fetching", 8)])
def test_what_is_not_old_or_is_being_fetched_stays(database: Engine, state: str, days: int) -> None:
    kept(database, b"text")
    asked(database, state)
    aged(database, "0", days)

    with Session(database) as session, session.begin():
        assert purge(session, days=7, most=10) == 0

    assert left(database) == (["0"], [state])


def test_a_log_that_somebody_holds_is_passed_over_and_not_waited_for(database: Engine) -> None:
    kept(database, b"held", b"free")
    for part in ("0", "1"):
        aged(database, part, 8)

    with database.begin() as holder, Session(database) as session, session.begin():
        holder.execute(text("SELECT FROM logs WHERE part = '0' FOR UPDATE"))
        session.execute(text("SET LOCAL lock_timeout = '1s'"))
        assert purge(session, days=7, most=10) == 1

    assert left(database) == (["0"], [])


def test_so_many_old_attempts_go_at_a_time_the_oldest_first(database: Engine) -> None:
    world = a_world(database)
    world.record(*(a_build(external_id=str(number)) for number in range(3)))
    with Session(database) as session, session.begin():
        for build_id in (1, 2, 3):
            store(session, build_id, 1, [a_log(part=str(build_id))])
    for part, days in (("1", 8), ("2", 10), ("3", 9)):
        aged(database, part, days)

    with Session(database) as session, session.begin():
        assert purge(session, days=7, most=2) == 2

    assert left(database)[0] == ["1"]

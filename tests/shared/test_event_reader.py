"""The event log's reading side: bounds, what comes after a position, and waiting for it to grow."""

import threading
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.database import libpq_url
from shared.event_reader import Bounds, bounds, read_since
from shared.events import CHANNEL
from shared.listener import SHORTEST_PAUSE_SECONDS, Listener
from shared.recorder import record
from tests.factories import a_build


def _an_instance(session: Session) -> int:
    statement = "INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x') RETURNING id"
    return int(session.scalar(text(statement)))


def _builds(session: Session, instance_id: int, *external_ids: str) -> None:
    observations = [a_build(external_id=external_id) for external_id in external_ids]
    record(session, observations, instance_id=instance_id, source_id=None, is_backfill=False)


@pytest.fixture
def listener(database_url: str) -> Iterator[Listener]:
    listener = Listener(database_url, application="test")
    yield listener
    listener.close()


def test_an_empty_log_begins_and_ends_at_zero(session: Session) -> None:
    found = bounds(session)

    assert (found.tail, found.head) == (0, 0)
    assert found.epoch == session.scalar(text("SELECT epoch FROM stream"))


def test_a_reader_gets_what_comes_after_its_position_in_order(session: Session) -> None:
    _builds(session, _an_instance(session), "1", "2", "3", "4")

    assert [event.pos for event in read_since(session, 1, 2)] == [2, 3]
    assert [event.pos for event in read_since(session, 3, 10)] == [4]
    assert read_since(session, 4, 10) == []


def test_dropping_the_old_end_of_the_log_moves_its_tail(session: Session) -> None:
    _builds(session, _an_instance(session), "1", "2", "3", "4")

    session.execute(text("DELETE FROM events WHERE pos <= 2"))

    assert (bounds(session).tail, bounds(session).head) == (2, 4)


def test_a_reader_can_go_on_only_within_the_bounds_of_the_same_epoch() -> None:
    epoch = uuid.uuid4()
    found = Bounds(epoch, tail=10, head=20)

    assert [found.holds(epoch, since) for since in (9, 10, 20, 21)] == [False, True, True, False]
    assert not found.holds(uuid.uuid4(), 15)


def test_a_commit_wakes_the_listener_long_before_its_timeout(database: Engine, listener: Listener) -> None:
    assert listener.wait(5)  # connecting counts as a wake-up: nobody knows what happened before
    woken: list[tuple[bool, float]] = []
    waiter = threading.Thread(target=lambda: woken.append((listener.wait(20), time.monotonic())))
    waiter.start()
    with Session(database) as session:
        _builds(session, _an_instance(session), "1")
        session.commit()
        committed = time.monotonic()
    waiter.join(10)

    ((is_woken, at),) = woken
    assert is_woken
    assert at - committed < 5


def test_without_news_the_listener_returns_after_the_time(listener: Listener) -> None:
    listener.wait(5)
    begun = time.monotonic()

    assert not listener.wait(0.2)

    assert 0.15 < time.monotonic() - begun < 5


def test_a_lost_connection_is_only_a_clock_until_it_is_back(database: Engine, listener: Listener) -> None:
    listener.wait(5)
    with database.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listener'")
        )

    assert not listener.wait(0.1)
    assert not listener.is_connected

    assert listener.wait(SHORTEST_PAUSE_SECONDS + 5)
    assert listener.is_connected


def test_a_server_that_cannot_be_reached_raises_nothing(folder: object) -> None:
    listener = Listener(f"postgresql:///none?host={folder}", application="test")
    begun = time.monotonic()

    assert not listener.wait(0.1)
    assert not listener.wait(0.1)

    assert time.monotonic() - begun < 5


def test_notifications_carry_nothing(database: Engine) -> None:
    with psycopg.connect(libpq_url(database.url.render_as_string(hide_password=False)), autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}".encode())
        with Session(database) as session:
            _builds(session, _an_instance(session), "1", "2")
            session.commit()

        notices = list(connection.notifies(timeout=5, stop_after=1))

    assert [notice.payload for notice in notices] == [""]

"""The schedulers' life as one row: their silence and their return are told, each once."""

import threading
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import health
from shared.event_reader import read_since
from shared.recorder import record
from tests.factories import a_build


def heard(session: Session, seconds_ago: float) -> None:
    """The last heartbeat was so long ago."""
    session.execute(
        text("UPDATE health SET heard_at = clock_timestamp() - make_interval(secs => :ago)"), {"ago": seconds_ago}
    )


def told(session: Session) -> list[tuple[Any, ...]]:
    return [
        (event.pos, event.subject_kind, event.version, event.from_status, event.to_status)
        for event in read_since(session, 0, 100)
    ]


def test_the_first_scheduler_is_no_news_and_its_absence_before_neither(session: Session) -> None:
    assert health.look(session) == []
    assert health.beat(session) == []
    assert health.beat(session) == []
    assert told(session) == []


def test_a_restart_within_a_minute_is_no_news(session: Session) -> None:
    health.beat(session)
    heard(session, 59)

    assert health.look(session) == []
    assert health.beat(session) == []
    assert told(session) == []


def test_silence_is_told_once_and_the_return_once(session: Session) -> None:
    health.beat(session)
    heard(session, 61)

    turns = [*health.look(session), *health.look(session), *health.beat(session), *health.beat(session)]

    assert [turn.to_status for turn in turns] == ["silent", "alive"]
    assert told(session) == [(1, "scheduler", 1, "alive", "silent"), (2, "scheduler", 2, "silent", "alive")]
    silent, alive = read_since(session, 0, 2)
    assert silent.data is not None
    assert "nothing is collected" in silent.data["reason"]
    assert (alive.at - silent.at).total_seconds() > 60
    assert silent.project_id == 1


def test_a_returning_scheduler_tells_the_silence_that_nobody_saw(session: Session) -> None:
    health.beat(session)
    heard(session, 600)

    health.beat(session)
    health.look(session)

    assert [row[-1] for row in told(session)] == ["silent", "alive"]


def test_its_events_stand_in_the_one_dense_log(session: Session) -> None:
    instance = session.execute(
        text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x') RETURNING id")
    ).scalar_one()
    health.beat(session)
    record(session, [a_build("running")], instance_id=instance, source_id=None, is_backfill=False)
    heard(session, 61)
    health.look(session)
    record(session, [a_build("failed")], instance_id=instance, source_id=None, is_backfill=False)

    assert [(row[0], row[1]) for row in told(session)] == [(1, "build"), (2, "scheduler"), (3, "build")]


def test_of_many_who_notice_at_once_one_tells(database: Engine) -> None:
    with Session(database) as session, session.begin():
        health.beat(session)
        heard(session, 61)
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        with Session(database) as session, session.begin():
            health.look(session)

    watchers = [threading.Thread(target=look) for _ in range(8)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()

    with Session(database) as session:
        assert told(session) == [(1, "scheduler", 1, "alive", "silent")]

"""The schedulers' life as one row: their silence and their return are told, each once."""

import json
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


def a_scheduler(session: Session, name: str, *troubles: str, since: str = "2026-11-20T12:00:00Z") -> None:
    """A scheduler beats and says that these jobs of it fail each time."""
    told = [{"job": job, "failures": 5, "since": since, "error": "KeyError: 'branch'"} for job in troubles]
    session.execute(
        text("""
            INSERT INTO processes (id, kind, host, pid, version, troubles)
            VALUES (:id, 'scheduler', 'build1', 7, '0', CAST(:troubles AS jsonb))
            ON CONFLICT (id) DO UPDATE SET troubles = excluded.troubles
        """),
        {"id": name, "troubles": json.dumps(told)},
    )


def test_a_job_that_fails_is_told_once_and_once_that_it_works_again(session: Session) -> None:
    health.beat(session)
    a_scheduler(session, "a", "figures")

    turns = [*health.beat(session), *health.beat(session), *health.look(session)]
    a_scheduler(session, "a")
    turns += [*health.beat(session), *health.beat(session)]

    assert [turn.to_status for turn in turns] == ["troubled", "alive"]
    assert [row[-2:] for row in told(session)] == [("alive", "troubled"), ("troubled", "alive")]
    assert turns[0].reason.startswith("figures do not follow the builds: ")
    assert turns[1].reason.startswith("all jobs come through again; before, figures do not")


def test_another_job_that_fails_is_news_and_a_higher_count_is_none(session: Session) -> None:
    health.beat(session)
    a_scheduler(session, "a", "figures")
    health.beat(session)
    session.execute(text("UPDATE processes SET troubles = jsonb_set(troubles, '{0,failures}', '6')"))

    assert health.beat(session) == []
    a_scheduler(session, "b", "poll")
    [turn] = health.beat(session)

    assert told(session)[-1][-2:] == ("troubled", "troubled")
    assert "by 1 of 2 schedulers" in turn.reason


def test_troubled_schedulers_that_fall_silent_are_silent_and_return_troubled(session: Session) -> None:
    health.beat(session)
    a_scheduler(session, "a", "poll")
    health.beat(session)
    heard(session, 61)

    health.look(session)
    health.beat(session)
    health.beat(session)

    assert [row[-2:] for row in told(session)] == [
        ("alive", "troubled"),
        ("troubled", "silent"),
        ("silent", "alive"),
        ("alive", "troubled"),
    ]


def test_the_trouble_of_a_scheduler_that_is_gone_goes_with_it(session: Session) -> None:
    health.beat(session)
    a_scheduler(session, "a", "poll")
    a_scheduler(session, "b")
    health.beat(session)
    session.execute(text("UPDATE processes SET heartbeat_at = now() - interval '31 seconds' WHERE id = 'a'"))

    [turn] = health.beat(session)

    assert turn.to_status == "alive"

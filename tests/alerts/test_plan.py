"""Planning against the real log: exactly once, whoever plans, in a constant number of statements."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from alerts.message import parse_message
from alerts.plan import BATCH, catch_up, plan_deliveries
from shared.events import STREAM_LOCK
from tests.alerts.history import History, a_run, deliveries
from tests.factories import NOON, minutes

NOW = NOON + minutes(30)


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements sent inside the block."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", note)


def cursor(session: Session) -> int:
    return int(session.execute(text("SELECT pos FROM cursors WHERE name = 'alerts'")).scalar_one())


def head(session: Session) -> int:
    return int(session.execute(text("SELECT coalesce(max(pos), 0) FROM events")).scalar_one())


def test_a_break_and_its_fix_reach_each_receiver_once(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("succeeded", 2)

    plan_deliveries(session, ["ops", "dev"], NOW)
    plan_deliveries(session, ["ops", "dev"], NOW)

    assert deliveries(session, "kind", "receiver", "state", "attempt") == [
        ("broke", "dev", "pending", 1),
        ("broke", "ops", "pending", 1),
        ("fixed", "dev", "pending", 1),
        ("fixed", "ops", "pending", 1),
    ]
    assert cursor(session) == head(session)


def test_a_job_that_knows_no_branches_is_told_of_as_a_whole(session: Session, history: History) -> None:
    plain: dict[str, Any] = {"branch": None, "default_branch": None, "repository_name": None}
    history.finish("failed", 1, **plain)
    history.finish("succeeded", 2, **plain)

    plan_deliveries(session, ["ops"], NOW)

    told = [(kind, parse_message(row).title) for kind, row in deliveries(session, "kind", "message")]
    assert told == [("broke", "ci broke"), ("fixed", "ci is fixed")]


def test_the_message_is_frozen_as_the_build_stood(session: Session, history: History) -> None:
    history.finish("succeeded", 1)
    history.finish("timed_out", 2)
    history.finish("succeeded", 2, attempt=2, queued_at=NOON + minutes(2), finished_at=NOON + minutes(17))

    plan_deliveries(session, ["ops"], NOW)

    [(broke,), (fixed,)] = deliveries(session, "message")
    told = ("kind", "status", "repository", "pipeline", "branch", "number", "attempt")
    assert {name: broke[name] for name in told} == {
        "kind": "broke",
        "status": "timed_out",
        "repository": "acme/web",
        "pipeline": "ci",
        "branch": "main",
        "number": 2,
        "attempt": 1,
    }
    assert (fixed["status"], fixed["attempt"], fixed["duration_seconds"]) == ("succeeded", 2, 900.0)
    assert fixed["broken_since"] == broke["finished_at"] == "2026-11-20T12:07:00Z"


def test_a_message_knows_what_the_pipeline_usually_takes(session: Session, history: History) -> None:
    for number, length in enumerate((4, 9, 5, 6, 4), 1):
        history.finish("succeeded", number, finished_at=NOON + minutes(number + length))
    history.finish("succeeded", 1, pipeline_external_id="p/2")
    history.finish("failed", 6)
    history.finish("failed", 2, pipeline_external_id="p/2")

    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "message->'usual_seconds'") == [(300.0,), (None,)]


def test_a_batch_costs_the_same_statements_whatever_it_holds(session: Session, history: History) -> None:
    def fail_everywhere(first: int, count: int) -> None:
        runs = [a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(first, first + count)]
        history.see(*runs)

    fail_everywhere(0, 2)
    with counted(session) as few:
        plan_deliveries(session, ["ops"], NOW)
    fail_everywhere(2, 400)
    with counted(session) as many:
        plan_deliveries(session, ["ops", "dev", "qa"], NOW)
    with counted(session) as none:
        plan_deliveries(session, ["ops"], NOW)

    assert len(few) == len(many) == 11
    assert len(none) == 2
    assert len(deliveries(session, "id")) == 2 + 3 * 400


def test_a_full_batch_leaves_the_rest_for_the_next(session: Session, history: History) -> None:
    history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(BATCH + 7)])

    assert plan_deliveries(session, ["ops"], NOW) == BATCH
    assert plan_deliveries(session, ["ops"], NOW) == 7
    assert len(deliveries(session, "id")) == BATCH + 7


def test_the_first_planner_ever_starts_at_the_head_of_the_log(session: Session, history: History) -> None:
    history.finish("failed", 1)
    session.execute(text("DELETE FROM cursors"))

    plan_deliveries(session, ["ops"], NOW)
    history.finish("failed", 1, pipeline_external_id="1/11")
    plan_deliveries(session, ["ops"], NOW)

    assert [message["pipeline"] for (message,) in deliveries(session, "message")] == ["ci"]
    assert cursor(session) == head(session)


def test_on_an_empty_log_the_first_planner_misses_nothing(session: Session, history: History) -> None:
    session.execute(text("DELETE FROM cursors"))
    plan_deliveries(session, ["ops"], NOW)
    assert cursor(session) == 0

    history.finish("failed", 1)
    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "kind") == [("broke",)]


def test_five_hundred_old_failures_of_a_new_source_tell_nobody(session: Session) -> None:
    history = History(session, baseline_at=None)
    history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(500)])
    plan_deliveries(session, ["ops"], NOW)
    session.execute(text("UPDATE sources SET baseline_at = :at"), {"at": NOON + minutes(20)})

    history.see(*[a_run(30, "succeeded", pipeline_external_id=f"p/{n}") for n in range(500)])
    plan_deliveries(session, ["ops"], NOW + minutes(10))

    assert deliveries(session, "id") == []
    assert session.scalar(text("SELECT count(*) FROM verdicts WHERE status = 'succeeded'")) == 500


def test_a_backfill_tells_nobody(session: Session, history: History) -> None:
    history.finish("failed", 1, is_backfill=True)
    history.finish("succeeded", 2)

    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "id") == []


def test_a_late_verdict_of_a_superseded_attempt_tells_nobody(session: Session, history: History) -> None:
    history.see(a_run(1, "running"), a_run(1, "succeeded", attempt=2))
    history.see(a_run(1, "failed"))

    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "id") == []


def test_a_break_noticed_too_late_is_recorded_as_expired_with_the_reason(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_deliveries(session, ["ops"], NOON + minutes(6) + timedelta(hours=6, seconds=1))

    assert deliveries(session, "state", "last_error", "settled_at IS NOT NULL") == [
        ("expired", "recorded more than 6 h after the build finished", True)
    ]


def test_without_receivers_nobody_was_told_so_nobody_hears_of_the_recovery(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_deliveries(session, [], NOW)
    history.finish("succeeded", 2)

    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "id") == []


def test_events_of_other_subjects_are_passed_over(session: Session, history: History) -> None:
    history.finish("failed", 1)
    session.execute(
        text("""
            INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version, to_status, at)
            SELECT max(pos) + 1, 'transition', 'host', max(subject_id), 1, 1, 'failed', :at FROM events
        """),
        {"at": NOON},
    )

    plan_deliveries(session, ["ops"], NOW)

    assert len(deliveries(session, "id")) == 1
    assert cursor(session) == head(session)


def test_a_planner_waits_for_nobody_for_long_and_loses_nothing_by_it(database: Engine) -> None:
    with Session(database) as session, session.begin():
        History(session).finish("failed", 1)

    with database.connect() as frozen, frozen.begin():
        frozen.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": STREAM_LOCK})
        with pytest.raises(OperationalError, match="lock timeout"):
            catch_up(database, ["ops"], NOW)
    catch_up(database, ["ops"], NOW)

    with Session(database) as session:
        assert deliveries(session, "kind") == [("broke",)]


def test_planners_that_race_plan_each_event_once(database: Engine) -> None:
    with Session(database) as session, session.begin():
        history = History(session)
        session.execute(text("DELETE FROM cursors"))
    catch_up(database, ["ops"], NOW)
    with Session(database) as session, session.begin():
        history.session = session
        for number in range(1, 5):
            status = "failed" if number % 2 else "succeeded"
            history.see(*[a_run(number, status, pipeline_external_id=f"p/{n}") for n in range(200)])
    together = threading.Barrier(4)
    read: list[int] = []

    def race() -> None:
        together.wait(10)
        read.append(catch_up(database, ["ops"], NOW))

    planners = [threading.Thread(target=race) for _ in range(4)]
    for planner in planners:
        planner.start()
    for planner in planners:
        planner.join(30)

    with Session(database) as session:
        assert sum(read) == session.scalar(text("SELECT count(*) FROM events WHERE subject_kind = 'build'")) == 800
        assert session.scalar(text("SELECT count(*) FROM deliveries")) == 800
        assert session.scalar(text("SELECT count(DISTINCT event_pos) FROM deliveries")) == 800
        assert cursor(session) == head(session)

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

from alerts.plan import BATCH, catch_up, plan_events
from shared.config.routes import Told
from shared.events import STREAM_LOCK
from tests.alerts.history import History, a_route, a_run, queued, routings, rules, tellings
from tests.factories import NOON, a_job, minutes

NOW = NOON + minutes(30)
OPS = rules()
NOBODY = rules(receivers=())


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


def decisions(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT decision FROM decisions ORDER BY event_pos")))


def test_a_break_and_its_fix_are_queued_for_each_receiver_once(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("succeeded", 2)

    plan_events(session, rules(receivers=["ops", "dev"]), NOW)
    plan_events(session, rules(receivers=["ops", "dev"]), NOW)

    assert routings(session, "route", "kind", "receiver", "outcome", "reason") == [
        ("default", "broke", "dev", "queued", None),
        ("default", "broke", "ops", "queued", None),
        ("default", "fixed", "dev", "queued", None),
        ("default", "fixed", "ops", "queued", None),
    ]
    assert cursor(session) == head(session)


def test_what_is_queued_is_what_the_receiver_is_to_hear_of_its_incident(session: Session, history: History) -> None:
    history.finish("failed", 1)
    waiting = rules(a_route("choosy", on=["broke", "fixed"]), a_route("all", on=["broke", "still_failing"]))

    plan_events(session, waiting, NOW)

    columns = ("receiver", "route", "wanted_at", "wants", "news_at", "due_at", "told", "held", "is_reminder")
    assert tellings(session, *columns) == [
        ("ops", "choosy", NOW, ["broke", "fixed", "still_failing"], NOON + minutes(6), NOW, None, None, False)
    ]
    [(wanted_pos, incident_id)] = tellings(session, "wanted_pos", "incident_id")
    assert routings(session, "event_pos", "incident_id") == [(wanted_pos, incident_id)] * 2


def test_more_news_joins_what_waits_and_puts_nothing_off(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    session.execute(text("UPDATE tellings SET due_at = :at"), {"at": NOW + minutes(1)})

    history.finish("succeeded", 2)
    plan_events(session, OPS, NOW + minutes(3))

    assert tellings(session, "wanted_at", "news_at", "due_at") == [(NOW, NOON + minutes(7), NOW + minutes(1))]


def test_news_of_what_is_held_is_looked_at_at_once(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    session.execute(text("UPDATE tellings SET held = 'silenced', due_at = :at"), {"at": NOW + minutes(600)})

    history.finish("succeeded", 2)
    plan_events(session, OPS, NOW + minutes(3))

    assert tellings(session, "wanted_at", "due_at") == [(NOW, NOW + minutes(3))]


def test_what_was_told_and_settled_waits_for_the_group_again(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    session.execute(text("UPDATE tellings SET told = 'broken', wanted_at = NULL, why = 'new'"))

    history.finish("succeeded", 2)
    plan_events(session, OPS, NOW + minutes(3))

    assert tellings(session, "told", "wanted_at", "due_at", "why") == [
        ("broken", NOW + minutes(3), NOW + minutes(3), None)
    ]


def test_a_job_that_knows_no_branches_is_on_its_default_one(session: Session, history: History) -> None:
    plain: dict[str, Any] = {"branch": None, "default_branch": None, "repository_name": None}
    history.finish("failed", 1, **plain)
    history.finish("succeeded", 2, **plain)

    plan_events(session, OPS, NOW)

    assert queued(session) == ["broke", "fixed"]


def test_another_branch_is_told_only_where_a_route_wants_it(session: Session, history: History) -> None:
    history.finish("failed", 1, branch="release/7")

    plan_events(session, rules(a_route("main"), a_route("releases", branch="release/*")), NOW)

    assert routings(session, "route", "outcome") == [("releases", "queued")]
    unmatched = session.scalar(text("SELECT unmatched FROM decisions"))
    assert unmatched == {"main": "branch release/7 is none of @default"}


def test_a_pull_request_makes_no_incident_and_is_written_down_as_one(session: Session, history: History) -> None:
    history.finish("failed", 1, event="pull_request")
    history.finish("failed", 2, event="parent_pipeline")

    plan_events(session, rules(a_route(branch="*")), NOW)

    assert decisions(session) == ["pull_request", "child_pipeline"]
    assert session.scalar(text("SELECT count(*) FROM incidents")) == 0
    assert routings(session, "kind") == []


def test_only_what_says_something_is_written_down(session: Session, history: History) -> None:
    for number, status in enumerate(("succeeded", "cancelled", "failed", "failed", "succeeded", "succeeded"), 1):
        history.finish(status, number)

    plan_events(session, OPS, NOW)

    assert decisions(session) == ["broke", "still_broken", "fixed"]
    assert session.scalar(text("SELECT count(DISTINCT incident_id) FROM decisions")) == 1


def test_a_receiver_that_is_not_there_is_passed_over(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_events(session, rules(a_route(receivers=["gone", "ops", "ops"])), NOW)

    assert routings(session, "receiver") == [("ops",)]


def test_a_route_that_wants_two_failures_waits_for_the_second(session: Session, history: History) -> None:
    patient = rules(a_route(confirm=2))
    history.finish("failed", 1)
    plan_events(session, patient, NOW)
    assert tellings(session, "receiver") == []

    history.finish("failed", 2)
    plan_events(session, patient, NOW)

    assert routings(session, "kind", "outcome", "reason") == [
        ("broke", "suppressed", "1 of 2 failures"),
        ("still_failing", "queued", "2 of 2 failures"),
    ]
    assert tellings(session, "why") == [("2 of 2 failures",)]


def test_a_recovery_of_what_was_never_queued_is_not_told(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, rules(a_route(confirm=2)), NOW)
    history.finish("succeeded", 2)

    plan_events(session, rules(a_route(confirm=2)), NOW)

    assert routings(session, "kind", "outcome", "reason")[-1] == (
        "fixed",
        "suppressed",
        "its failure was not told to this receiver",
    )


def test_a_failure_is_new_where_no_build_before_failed_in_the_same_jobs(session: Session, history: History) -> None:
    choosy = rules(a_route(novel_only=True))
    lint, build = a_job("failed", name="lint", external_id="1"), a_job("failed", name="build", external_id="2")
    history.finish("failed", 1, jobs=(lint,), branch="dev")
    history.finish("failed", 2, jobs=(lint,))
    history.finish("failed", 3, jobs=(lint, build))

    plan_events(session, choosy, NOW)

    assert routings(session, "kind", "outcome", "reason") == [
        ("broke", "suppressed", "its failed job (lint) failed in build 1 as well"),
        ("still_failing", "queued", "new: no build of the last 100 failed in build, lint"),
    ]


def test_a_batch_costs_the_same_statements_whatever_it_holds(session: Session, history: History) -> None:
    choosy = rules(a_route("a"), a_route("b", confirm=2), a_route("c", novel_only=True), receivers=["ops", "dev", "qa"])

    def fail_everywhere(first: int, count: int) -> None:
        runs = [a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(first, first + count)]
        history.see(*runs)

    fail_everywhere(0, 2)
    with counted(session) as few:
        plan_events(session, choosy, NOW)
    fail_everywhere(2, 400)
    with counted(session) as many:
        plan_events(session, choosy, NOW)
    with counted(session) as none:
        plan_events(session, choosy, NOW)

    assert len(few) == len(many) == 13
    assert len(none) == 2
    assert len(tellings(session, "receiver")) == 402


def test_a_full_batch_leaves_the_rest_for_the_next(session: Session, history: History) -> None:
    history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(BATCH + 7)])

    assert plan_events(session, OPS, NOW) == BATCH
    assert plan_events(session, OPS, NOW) == 7
    assert len(queued(session)) == BATCH + 7


def test_the_first_planner_ever_starts_at_the_head_of_the_log(session: Session, history: History) -> None:
    history.finish("failed", 1)
    session.execute(text("DELETE FROM cursors"))

    plan_events(session, OPS, NOW)
    history.finish("failed", 1, pipeline_external_id="1/11")
    plan_events(session, OPS, NOW)

    assert queued(session) == ["broke"]
    assert cursor(session) == head(session)


def test_on_an_empty_log_the_first_planner_misses_nothing(session: Session, history: History) -> None:
    session.execute(text("DELETE FROM cursors"))
    plan_events(session, OPS, NOW)
    assert cursor(session) == 0

    history.finish("failed", 1)
    plan_events(session, OPS, NOW)

    assert queued(session) == ["broke"]


def test_five_hundred_old_failures_of_a_new_source_tell_nobody(session: Session) -> None:
    history = History(session, baseline_at=None)
    history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(500)])
    plan_events(session, OPS, NOW)
    session.execute(text("UPDATE sources SET baseline_at = :at"), {"at": NOON + minutes(20)})

    history.see(*[a_run(30, "succeeded", pipeline_external_id=f"p/{n}") for n in range(500)])
    plan_events(session, OPS, NOW + minutes(10))

    assert queued(session) == []
    assert session.scalar(text("SELECT count(*) FROM verdicts WHERE status = 'succeeded'")) == 500


def test_a_backfill_tells_nobody(session: Session, history: History) -> None:
    history.finish("failed", 1, is_backfill=True)
    history.finish("succeeded", 2)

    plan_events(session, OPS, NOW)

    assert queued(session) == []


def test_a_late_verdict_of_a_superseded_attempt_tells_nobody(session: Session, history: History) -> None:
    history.see(a_run(1, "running"), a_run(1, "succeeded", attempt=2))
    history.see(a_run(1, "failed"))

    plan_events(session, OPS, NOW)

    assert queued(session) == []


def test_a_break_noticed_too_late_is_not_told_and_the_reason_is_kept(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_events(session, OPS, NOON + minutes(6) + timedelta(hours=6, seconds=1))

    assert routings(session, "outcome", "reason", "settled_at IS NOT NULL") == [
        ("suppressed", "finished more than 6 h ago: it is in the digest", True)
    ]
    assert decisions(session) == ["broke_too_long_ago"]


def test_who_was_not_there_when_it_broke_does_not_hear_of_the_recovery(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, NOBODY, NOW)
    history.finish("succeeded", 2)

    plan_events(session, OPS, NOW)

    assert queued(session) == []


def test_a_route_about_recoveries_alone_tells_each(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("succeeded", 2)

    plan_events(session, rules(a_route(on=[Told.FIXED])), NOW)

    assert queued(session) == ["fixed"]
    assert tellings(session, "wants") == [(["fixed"],)]


def test_events_of_other_subjects_are_passed_over(session: Session, history: History) -> None:
    history.finish("failed", 1)
    session.execute(
        text("""
            INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version, to_status, at)
            SELECT max(pos) + 1, 'transition', 'host', max(subject_id), 1, 1, 'failed', :at FROM events
        """),
        {"at": NOON},
    )

    plan_events(session, OPS, NOW)

    assert queued(session) == ["broke"]
    assert cursor(session) == head(session)


def test_a_planner_waits_for_nobody_for_long_and_loses_nothing_by_it(database: Engine) -> None:
    with Session(database) as session, session.begin():
        History(session).finish("failed", 1)

    with database.connect() as frozen, frozen.begin():
        frozen.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": STREAM_LOCK})
        with pytest.raises(OperationalError, match="lock timeout"):
            catch_up(database, OPS, NOW)
    catch_up(database, OPS, NOW)

    with Session(database) as session:
        assert queued(session) == ["broke"]


def test_planners_that_race_plan_each_event_once(database: Engine) -> None:
    with Session(database) as session, session.begin():
        history = History(session)
        session.execute(text("DELETE FROM cursors"))
    catch_up(database, OPS, NOW)
    with Session(database) as session, session.begin():
        history.session = session
        for number in range(1, 5):
            status = "failed" if number % 2 else "succeeded"
            history.see(*[a_run(number, status, pipeline_external_id=f"p/{n}") for n in range(200)])
    together = threading.Barrier(4)
    read: list[int] = []

    def race() -> None:
        together.wait(10)
        read.append(catch_up(database, OPS, NOW))

    planners = [threading.Thread(target=race) for _ in range(4)]
    for planner in planners:
        planner.start()
    for planner in planners:
        planner.join(30)

    with Session(database) as session:
        assert sum(read) == session.scalar(text("SELECT count(*) FROM events WHERE subject_kind = 'build'")) == 800
        assert session.scalar(text("SELECT count(*) FROM routings WHERE outcome = 'queued'")) == 800
        assert session.scalar(text("SELECT count(DISTINCT event_pos) FROM decisions")) == 800
        assert cursor(session) == head(session)

"""Incidents as the planner stores them: rows, events of the log, what deliveries know of them."""

import threading
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from alerts.plan import catch_up, plan_events
from shared.events import STREAM_LOCK, append_about
from shared.observation import latest_first
from shared.status import FINISHED, Status
from shared.wire import encode
from tests.alerts.history import History, a_route, a_run, queued, routings, rules
from tests.factories import NOON, minutes

NOW = NOON + minutes(300)
OPS = rules()
NOBODY = rules(receivers=())


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


def incidents(session: Session, *columns: str) -> list[tuple[Any, ...]]:
    statement = text(f"SELECT {', '.join(columns)} FROM incidents ORDER BY id")
    return [tuple(row) for row in session.execute(statement)]


def told(session: Session, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of the log's events about incidents, in order."""
    statement = text(f"SELECT {', '.join(columns)} FROM events WHERE subject_kind = 'incident' ORDER BY pos")
    return [tuple(row) for row in session.execute(statement)]


def test_a_break_and_its_fix_are_one_incident_however_they_are_planned(session: Session, history: History) -> None:
    for status, number in (("succeeded", 1), ("failed", 2), ("failed", 3), ("succeeded", 4)):
        history.finish(status, number)
        if number == 2:
            plan_events(session, OPS, NOW)
    plan_events(session, OPS, NOW)

    assert incidents(session, "status", "version", "failures", "opened_at", "fixed_at") == [
        ("fixed", 3, 2, NOON + minutes(7), NOON + minutes(9))
    ]


def test_every_change_is_an_event_that_says_what_happened(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("failed", 2, is_backfill=True)
    history.finish("succeeded", 3)

    plan_events(session, OPS, NOW)

    [(incident_id, project_id)] = incidents(session, "id", "project_id")
    assert told(session, "subject_id", "project_id", "version", "from_status", "to_status", "at", "is_backfill") == [
        (incident_id, project_id, 1, None, "broken", NOON + minutes(6), False),
        (incident_id, project_id, 2, "broken", "broken", NOON + minutes(7), True),
        (incident_id, project_id, 3, "broken", "fixed", NOON + minutes(8), False),
    ]
    [(first,), *_] = told(session, "data")
    [(pipeline_id, build_id)] = incidents(session, "pipeline_id", "first_bad_build_id")
    assert first == {
        "pipeline_id": pipeline_id,
        "branch": "main",
        "build_id": build_id,
        "attempt": 1,
        "failures": 1,
        "cause_pos": session.scalar(text("SELECT min(pos) FROM events WHERE to_status = 'failed'")),
    }


def test_the_planner_passes_over_its_own_events(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    history.finish("succeeded", 2)
    before = told(session, "pos")

    assert plan_events(session, OPS, NOW) == 2
    assert plan_events(session, OPS, NOW) == 0
    assert len(told(session, "pos")) == len(before) + 1


def test_the_cursor_reaches_the_end_of_a_log_that_ends_with_the_planners_own_events(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    own = {"ordinal": 1, "subject_id": 1, "project_id": 1, "version": 2, "to_status": "broken", "at": NOON, "data": {}}
    [pos] = append_about(session, "incident", encode([own]).decode())

    plan_events(session, OPS, NOW)

    assert session.scalar(text("SELECT pos FROM cursors")) == pos


def test_several_incidents_of_one_branch_in_one_batch_are_stored_one_after_the_other(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    for number, status in enumerate(("succeeded", "failed", "succeeded", "failed"), 2):
        history.finish(status, number)

    plan_events(session, OPS, NOW)

    assert incidents(session, "status", "flaps") == [("fixed", 0), ("fixed", 1), ("flapping", 2)]
    [(first,), (second,), (third,)] = incidents(session, "id")
    assert first < second < third
    assert [row[0] for row in told(session, "subject_id")] == [first, first, second, second, third]


def test_a_recovery_is_queued_as_news_of_the_incident_it_ends(session: Session, history: History) -> None:
    for number, status in enumerate(("failed", "succeeded", "failed"), 1):
        history.finish(status, number)

    plan_events(session, OPS, NOW)

    [(first,), (second,)] = incidents(session, "id")
    assert routings(session, "kind", "incident_id") == [("broke", first), ("fixed", first), ("broke", second)]


def test_a_pass_that_is_taken_back_leaves_the_build_before_it_as_the_last_good_one(
    session: Session, history: History
) -> None:
    history.finish("succeeded", 1)
    for place, status in enumerate(("succeeded", "running", "failed")):
        word = Status(status)
        key = latest_first(word in FINISHED, NOON + minutes(place), word)
        history.see(a_run(2, status, merge_key=key))
        plan_events(session, OPS, NOW)

    [(last_good, first_bad)] = incidents(session, "last_good_build_id", "first_bad_build_id")
    assert last_good == session.scalar(text("SELECT id FROM builds WHERE number = 1"))
    assert first_bad == session.scalar(text("SELECT id FROM builds WHERE number = 2"))


def test_what_reads_our_lines_slowly_does_not_hold_the_event_log(database: Engine) -> None:
    with Session(database) as session, session.begin():
        History(session).finish("failed", 1)
    is_log_free = []

    def slow_reader(_logger: object, _name: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if line["event"] == "planned":
            with Session(database) as other:
                is_log_free.append(other.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": STREAM_LOCK}))
        raise structlog.DropEvent

    configured = structlog.get_config()
    structlog.configure(processors=[slow_reader])
    try:
        catch_up(database, OPS, NOW)
    finally:
        structlog.configure(**configured)

    assert is_log_free == [True]


_DIE_ONCE = """
    CREATE SEQUENCE deaths;
    CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('deaths') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
        RETURN NULL;
    END $$;
"""


@pytest.mark.parametrize("table", ["incidents", "verdicts", "decisions", "routings", "tellings", "events", "cursors"])
def test_a_planner_that_died_of_a_deadlock_plans_everything_the_next_time(database: Engine, table: str) -> None:
    with Session(database) as session, session.begin():
        finish_all(History(session), "failed", "succeeded", "failed")
        session.execute(text(_DIE_ONCE))
        session.execute(
            text(f"CREATE TRIGGER die AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION die_once()")
        )
    with pytest.raises(OperationalError, match="deadlock"):
        catch_up(database, OPS, NOW)

    catch_up(database, OPS, NOW)

    with Session(database) as session:
        assert incidents(session, "status", "version") == [("fixed", 2), ("broken", 1)]
        assert queued(session) == ["broke", "fixed", "broke"]


def finish_all(history: History, *statuses: str) -> None:
    """Builds that end so, one after the other."""
    for number, status in enumerate(statuses, 1):
        history.finish(status, number)


def test_a_branch_that_flaps_is_told_once_and_then_when_it_passes_steadily(session: Session, history: History) -> None:
    finish_all(history, *["failed", "succeeded"] * 6, "succeeded", "succeeded")

    plan_events(session, OPS, NOW)

    assert queued(session) == ["broke", "fixed", "broke", "fixed", "flapping", "fixed"]


def test_what_is_decided_about_a_flapping_branch_says_that_it_flaps(session: Session, history: History) -> None:
    finish_all(history, *["failed", "succeeded"] * 4, "succeeded", "succeeded", "succeeded")

    plan_events(session, OPS, NOW)

    in_words = list(session.scalars(text("SELECT decision FROM decisions ORDER BY event_pos")))
    assert in_words == ["broke", "fixed"] * 2 + ["broke", *["still_flapping"] * 4, "fixed"]


def test_a_route_that_knows_no_flapping_hears_of_it_as_of_any_break(session: Session, history: History) -> None:
    finish_all(history, *["failed", "succeeded"] * 4, "succeeded", "succeeded")

    plan_events(session, rules(a_route(on=["broke"])), NOW)

    assert queued(session) == ["broke", "broke", "flapping"]


def test_what_began_to_flap_before_it_was_news_is_told_when_it_goes_on(session: Session, history: History) -> None:
    finish_all(history, "failed", "succeeded", "failed", "succeeded")
    history.finish("failed", 5, is_backfill=True)
    plan_events(session, OPS, NOW)
    history.finish("succeeded", 6)
    history.finish("failed", 7)
    history.finish("failed", 8)

    plan_events(session, OPS, NOW)

    assert incidents(session, "status", "is_silent")[-1] == ("flapping", False)
    assert queued(session)[4:] == ["flapping"]


def test_the_past_that_ends_a_flapping_branch_is_not_told(session: Session, history: History) -> None:
    finish_all(history, "failed", "succeeded", "failed", "succeeded", "failed", "succeeded", "succeeded")
    history.finish("succeeded", 8, is_backfill=True)

    plan_events(session, OPS, NOW)

    assert incidents(session, "status")[-1] == ("fixed",)
    assert queued(session) == ["broke", "fixed", "broke", "fixed", "flapping"]
    assert routings(session, "reason")[-1] == ("it was learnt while the past was collected",)


def test_an_incident_is_silent_when_it_is_no_news(session: Session, history: History) -> None:
    history.finish("failed", 1, is_backfill=True)

    plan_events(session, OPS, NOW)

    assert incidents(session, "is_silent") == [(True,)]


def test_an_incident_that_is_news_is_not_silent_though_nobody_is_there_to_hear_it(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)

    plan_events(session, NOBODY, NOW)

    assert incidents(session, "is_silent") == [(False,)]


def test_each_branch_has_incidents_of_its_own(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("failed", 2, branch="dev")
    history.finish("succeeded", 3, branch="dev")

    plan_events(session, OPS, NOW)

    assert incidents(session, "branch", "status") == [("main", "broken"), ("dev", "fixed")]


def test_the_verdict_knows_the_branchs_last_incident_and_its_good_verdicts_in_a_row(
    session: Session, history: History
) -> None:
    for number, status in enumerate(("failed", "succeeded", "succeeded"), 1):
        history.finish(status, number)

    plan_events(session, OPS, NOW)

    [(incident_id,)] = incidents(session, "id")
    assert session.execute(text("SELECT passes, incident_id FROM verdicts")).one() == (2, incident_id)


def test_a_job_that_knows_no_branches_has_incidents_without_one(session: Session, history: History) -> None:
    history.finish("failed", 1, branch=None, default_branch=None, repository_name=None)

    plan_events(session, OPS, NOW)

    assert incidents(session, "branch") == [("",)]


def test_a_branch_that_an_older_version_left_broken_gets_its_incident_with_the_next_failure(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_events(session, OPS, NOW)
    session.execute(text("DELETE FROM incidents"))
    session.execute(text("UPDATE verdicts SET incident_id = NULL"))

    history.finish("failed", 2)
    history.finish("succeeded", 3)
    plan_events(session, OPS, NOW)

    assert incidents(session, "status", "failures", "is_silent") == [("fixed", 1, False)]


def test_planners_that_race_store_the_incidents_that_one_would(database: Engine) -> None:
    with Session(database) as session, session.begin():
        history = History(session)
        for number in range(1, 25):
            runs = [
                a_run(number, "failed" if number % (2 + n % 5) else "succeeded", pipeline_external_id=f"p/{n}")
                for n in range(100)
            ]
            history.see(*runs)
    race(database, planners=3)
    with Session(database) as session, session.begin():
        raced = rows_by_branch(session)
        forget_what_was_planned(session)

    catch_up(database, OPS, NOW)

    with Session(database) as session:
        assert raced == rows_by_branch(session)
        assert {row[1] for row in raced} == {"fixed", "flapping"}


def race(database: Engine, planners: int) -> None:
    together = threading.Barrier(planners)

    def plan() -> None:
        together.wait(10)
        catch_up(database, OPS, NOW)

    threads = [threading.Thread(target=plan) for _ in range(planners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def rows_by_branch(session: Session) -> list[tuple[Any, ...]]:
    """Everything of each incident but when we wrote it and under which id."""
    columns = """pipeline_id, status, version, opened_at, last_failed_at, fixed_at, failures, flaps, first_bad_build_id,
                 last_bad_build_id, last_good_build_id, fixed_build_id, is_flaky, is_silent"""
    statement = text(f"SELECT {columns} FROM incidents ORDER BY pipeline_id, id")
    return [tuple(row) for row in session.execute(statement)]


def forget_what_was_planned(session: Session) -> None:
    for table in ("routings", "decisions", "tellings", "incidents", "verdicts"):
        session.execute(text(f"DELETE FROM {table}"))
    session.execute(text("UPDATE cursors SET pos = 0"))

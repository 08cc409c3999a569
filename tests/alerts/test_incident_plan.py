"""Incidents as the planner stores them: rows, events of the log, what deliveries know of them."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from alerts.plan import catch_up, plan_deliveries
from shared.events import STREAM_LOCK, append_about
from shared.observation import Observation, latest_first
from shared.status import FINISHED, Status
from shared.wire import encode
from tests.alerts.history import History, a_run, deliveries
from tests.alerts.incident_oracle import stored_incidents, true_incidents
from tests.factories import NOON, minutes

NOW = NOON + minutes(300)


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
            plan_deliveries(session, ["ops"], NOW)
    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "status", "version", "failures", "opened_at", "fixed_at") == [
        ("fixed", 3, 2, NOON + minutes(7), NOON + minutes(9))
    ]


def test_every_change_is_an_event_that_says_what_happened(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("failed", 2, is_backfill=True)
    history.finish("succeeded", 3)

    plan_deliveries(session, ["ops"], NOW)

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
    }


def test_the_planner_passes_over_its_own_events(session: Session, history: History) -> None:
    history.finish("failed", 1)
    plan_deliveries(session, ["ops"], NOW)
    history.finish("succeeded", 2)
    before = told(session, "pos")

    assert plan_deliveries(session, ["ops"], NOW) == 2
    assert plan_deliveries(session, ["ops"], NOW) == 0
    assert len(told(session, "pos")) == len(before) + 1


def test_the_cursor_reaches_the_end_of_a_log_that_ends_with_the_planners_own_events(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_deliveries(session, ["ops"], NOW)
    own = {"ordinal": 1, "subject_id": 1, "project_id": 1, "version": 2, "to_status": "broken", "at": NOON, "data": {}}
    [pos] = append_about(session, "incident", encode([own]).decode())

    plan_deliveries(session, ["ops"], NOW)

    assert session.scalar(text("SELECT pos FROM cursors")) == pos


def test_several_incidents_of_one_branch_in_one_batch_are_stored_one_after_the_other(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_deliveries(session, ["ops"], NOW)
    for number, status in enumerate(("succeeded", "failed", "succeeded", "failed"), 2):
        history.finish(status, number)

    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "status", "flaps") == [("fixed", 0), ("fixed", 1), ("flapping", 2)]
    [(first,), (second,), (third,)] = incidents(session, "id")
    assert first < second < third
    assert [row[0] for row in told(session, "subject_id")] == [first, first, second, second, third]


def test_a_recovery_is_delivered_as_news_of_the_incident_it_ends(session: Session, history: History) -> None:
    for number, status in enumerate(("failed", "succeeded", "failed"), 1):
        history.finish(status, number)

    plan_deliveries(session, ["ops"], NOW)

    [(first,), (second,)] = incidents(session, "id")
    assert deliveries(session, "kind", "incident_id") == [("broke", first), ("fixed", first), ("broke", second)]


def test_a_pass_that_is_taken_back_leaves_the_build_before_it_as_the_last_good_one(
    session: Session, history: History
) -> None:
    history.finish("succeeded", 1)
    for place, status in enumerate(("succeeded", "running", "failed")):
        history.see(sighting(place, 2, 1, status, NOON + minutes(2), NOON + minutes(7)))
        plan_deliveries(session, ["ops"], NOW)

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
        catch_up(database, ["ops"], NOW)
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


@pytest.mark.parametrize("table", ["incidents", "verdicts", "deliveries", "events", "cursors"])
def test_a_planner_that_died_of_a_deadlock_plans_everything_the_next_time(database: Engine, table: str) -> None:
    with Session(database) as session, session.begin():
        finish_all(History(session), "failed", "succeeded", "failed")
        session.execute(text(_DIE_ONCE))
        session.execute(
            text(f"CREATE TRIGGER die AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION die_once()")
        )
    with pytest.raises(OperationalError, match="deadlock"):
        catch_up(database, ["ops"], NOW)

    catch_up(database, ["ops"], NOW)

    with Session(database) as session:
        assert incidents(session, "status", "version") == [("fixed", 2), ("broken", 1)]
        assert deliveries(session, "kind") == [("broke",), ("fixed",), ("broke",)]


def finish_all(history: History, *statuses: str) -> None:
    """Builds that end so, one after the other."""
    for number, status in enumerate(statuses, 1):
        history.finish(status, number)


def test_a_branch_that_flaps_is_told_once_and_then_when_it_passes_steadily(session: Session, history: History) -> None:
    finish_all(history, *["failed", "succeeded"] * 6, "succeeded", "succeeded")

    plan_deliveries(session, ["ops"], NOW)

    assert deliveries(session, "kind", "message->>'breaks'", "message->>'broken_since'") == [
        ("broke", "1", "2026-11-20T12:06:00Z"),
        ("fixed", "1", "2026-11-20T12:06:00Z"),
        ("broke", "2", "2026-11-20T12:08:00Z"),
        ("fixed", "2", "2026-11-20T12:08:00Z"),
        ("flapping", "3", "2026-11-20T12:10:00Z"),
        ("fixed", "3", "2026-11-20T12:10:00Z"),
    ]


def test_what_began_to_flap_before_anyone_was_told_is_told_when_it_goes_on(session: Session, history: History) -> None:
    finish_all(history, "failed", "succeeded", "failed", "succeeded", "failed")
    plan_deliveries(session, [], NOW)
    history.finish("succeeded", 6)
    history.finish("failed", 7)
    history.finish("failed", 8)

    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "status", "is_silent")[-1] == ("flapping", False)
    assert deliveries(session, "kind") == [("flapping",)]


def test_all_messages_of_an_incident_say_the_same_instant_at_which_it_began(session: Session, history: History) -> None:
    finish_all(history, "failed", "succeeded", "failed", "succeeded", "failed", "succeeded")
    plan_deliveries(session, [], NOW)
    for number, status in enumerate(("failed", "succeeded", "succeeded", "succeeded"), 7):
        history.finish(status, number)

    plan_deliveries(session, ["ops"], NOW)

    began = "2026-11-20T12:10:00Z"
    assert deliveries(session, "kind", "message->>'broken_since'") == [("flapping", began), ("fixed", began)]


def test_the_past_that_ends_a_flapping_branch_is_not_told(session: Session, history: History) -> None:
    finish_all(history, "failed", "succeeded", "failed", "succeeded", "failed", "succeeded", "succeeded")
    history.finish("succeeded", 8, is_backfill=True)

    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "status")[-1] == ("fixed",)
    assert [kind for (kind,) in deliveries(session, "kind")] == ["broke", "fixed", "broke", "fixed", "flapping"]


@pytest.mark.parametrize("is_backfill", [True, False])
def test_an_incident_is_silent_when_nobody_was_told(session: Session, history: History, is_backfill: bool) -> None:
    history.finish("failed", 1, is_backfill=is_backfill)

    plan_deliveries(session, ["ops"] if is_backfill else [], NOW)

    assert incidents(session, "is_silent") == [(True,)]


def test_a_branch_that_is_told_of_has_no_silent_incident(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "is_silent") == [(False,)]


def test_the_verdict_knows_the_branchs_last_incident_and_its_good_verdicts_in_a_row(
    session: Session, history: History
) -> None:
    for number, status in enumerate(("failed", "succeeded", "succeeded"), 1):
        history.finish(status, number)

    plan_deliveries(session, ["ops"], NOW)

    [(incident_id,)] = incidents(session, "id")
    assert session.execute(text("SELECT passes, incident_id FROM verdicts")).one() == (2, incident_id)


def test_a_job_that_knows_no_branches_has_incidents_without_one(session: Session, history: History) -> None:
    history.finish("failed", 1, branch=None, default_branch=None, repository_name=None)

    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "branch") == [("",)]


def test_a_branch_that_an_older_version_left_broken_gets_its_incident_with_the_next_failure(
    session: Session, history: History
) -> None:
    history.finish("failed", 1)
    plan_deliveries(session, ["ops"], NOW)
    session.execute(text("DELETE FROM incidents"))
    session.execute(text("UPDATE verdicts SET incident_id = NULL"))

    history.finish("failed", 2)
    history.finish("succeeded", 3)
    plan_deliveries(session, ["ops"], NOW)

    assert incidents(session, "status", "failures", "is_silent") == [("fixed", 1, False)]


VERDICTS = ["failed", "succeeded"]
SIGHTED = [*VERDICTS * 4, "timed_out", "cancelled", "running"]

Page = tuple[list[Observation], bool]


@st.composite
def attempts(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What is seen of one attempt, as (status, how many builds later it is seen): mostly one verdict, at once."""
    first = draw(st.sampled_from(SIGHTED)), draw(st.sampled_from([0] * 7 + [1, 6]))
    corrected = draw(st.sampled_from([None] * 7 + VERDICTS))
    return [first] if corrected is None else [first, (corrected, first[1] + draw(st.integers(0, 2)))]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Page], list[bool]]:
    """Pages of what was seen of one branch, which of them are a backfill's, and after which the planner plans.

    Two and two builds are of the same instant. An attempt has one finish whatever its verdicts, so that it does not
    matter when the planner reads it.
    """
    tried = st.lists(attempts(), min_size=1, max_size=2)
    builds = draw(st.lists(tried, min_size=draw(st.sampled_from([1, 10, 15])), max_size=20))
    spacing = draw(st.sampled_from([2, 5, 20]))
    seen = []
    for number, tries in enumerate(builds, 1):
        queued_at = NOON + minutes(spacing * (number // 2))
        for attempt, sightings in enumerate(tries, 1):
            finished_at = queued_at + minutes(draw(st.integers(attempt, 10)))
            seen += [(number + late, number, attempt, status, queued_at, finished_at) for status, late in sightings]
    in_order = sorted(seen, key=lambda each: each[0])
    observations = [sighting(place, *each[1:]) for place, each in enumerate(in_order)]
    size = draw(st.integers(1, 4))
    starts = range(0, len(observations), size)
    pages = [(observations[n : n + size], draw(st.integers(0, 5)) == 5) for n in starts]
    return pages, [draw(st.booleans()) for _ in pages]


def sighting(
    place: int, number: int, attempt: int, status: str, queued_at: datetime, finished_at: datetime
) -> Observation:
    is_finished = Status(status) in FINISHED
    return a_run(
        number,
        status,
        attempt=attempt,
        queued_at=queued_at,
        finished_at=finished_at if is_finished else None,
        is_finish_guessed=False,
        merge_key=latest_first(is_finished, NOON + minutes(place), Status(status)),
    )


def live_through(session: Session, pages: Sequence[Page], plans: Sequence[bool]) -> None:
    history = History(session)
    for (page, is_backfill), is_planned in zip(pages, plans, strict=True):
        history.see(*page, is_backfill=is_backfill)
        if is_planned:
            plan_deliveries(session, ["ops"], NOW)
    plan_deliveries(session, ["ops"], NOW)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_whatever_comes_in_whatever_batches_the_incidents_are_those_of_the_log(
    session: Session, lived: tuple[list[Page], list[bool]]
) -> None:
    savepoint = session.begin_nested()
    live_through(session, *lived)

    assert stored_incidents(session) == true_incidents(session)
    savepoint.rollback()


_LIVES = text("""
    SELECT i.version, i.status, array_agg(e.version ORDER BY e.pos) AS versions,
           array_agg(e.from_status ORDER BY e.pos) AS from_statuses,
           array_agg(e.to_status ORDER BY e.pos) AS to_statuses
    FROM incidents i JOIN events e ON e.subject_kind = 'incident' AND e.subject_id = i.id GROUP BY i.id
""")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_an_incidents_events_lead_from_nothing_to_how_it_stands(
    session: Session, lived: tuple[list[Page], list[bool]]
) -> None:
    savepoint = session.begin_nested()
    live_through(session, *lived)

    lives = session.execute(_LIVES).all()
    assert len(lives) == session.scalar(text("SELECT count(*) FROM incidents"))
    for life in lives:
        assert life.versions == list(range(1, life.version + 1))
        assert life.from_statuses == [None, *life.to_statuses[:-1]]
        assert life.to_statuses[-1] == life.status
    savepoint.rollback()


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

    catch_up(database, ["ops"], NOW)

    with Session(database) as session:
        assert raced == rows_by_branch(session)
        assert {row[1] for row in raced} == {"fixed", "flapping"}


def race(database: Engine, planners: int) -> None:
    together = threading.Barrier(planners)

    def plan() -> None:
        together.wait(10)
        catch_up(database, ["ops"], NOW)

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
    for table in ("deliveries", "incidents", "verdicts"):
        session.execute(text(f"DELETE FROM {table}"))
    session.execute(text("UPDATE cursors SET pos = 0"))

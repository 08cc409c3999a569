"""Time to green and red time from incidents, and what DORA makes of them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Window, recount
from shared.metrics.cells import CellScope
from shared.metrics.fold import Folder
from shared.metrics.recovery import recoveries
from shared.metrics.subject import Subject
from shared.queries import BuildFilter
from shared.rows import Row
from tests.api.serving import World, a_world
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident

FRAME = Window(NOON, NOON + timedelta(hours=10), NOON + timedelta(hours=20))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


@pytest.fixture
def world(database: Engine) -> World:
    world = a_world(database)
    world.record(a_build(), a_build(external_id="2", branch="feature"))
    return world


def found(world: World, frame: Window = FRAME, **wanted: Any) -> Row:
    with Session(world.engine) as session:
        return metrics.overview(session, BuildFilter(**wanted), frame)


def test_time_to_green_is_of_incidents_that_ended_in_the_window(world: World) -> None:
    for opened, fixed in ((-5, -1), (-2, 1), (2, 4), (3, 11)):
        an_incident(world.engine, opened_at=NOON + hours(opened), fixed_at=NOON + hours(fixed))

    recovery = found(world)["recovery"]

    # Three hours and two; red are the first hour, two more, and seven up to the window's end, when one is not over.
    about_two_hours = pytest.approx(7200, rel=0.02)
    assert recovery == {"fixed": 2, "average": 9000, "p50": about_two_hours, "red_seconds": 36_000, "open": 1}


def test_what_is_red_now_counts_up_to_now(world: World) -> None:
    an_incident(world.engine, opened_at=NOON + hours(1))

    going_on = found(world, Window(NOON, None, NOON + hours(3)))["recovery"]

    assert going_on == {"fixed": 0, "average": None, "p50": None, "red_seconds": 7200, "open": 1}


def test_other_branches_count_where_they_are_asked_for(world: World) -> None:
    an_incident(world.engine, branch="feature", opened_at=NOON, fixed_at=NOON + hours(1))

    assert [found(world, branch=branch)["recovery"]["fixed"] for branch in ((), ("main",), ("feature",))] == [0, 0, 1]  # type: ignore[index]


def test_a_fix_dated_before_its_failure_lasted_no_time(world: World) -> None:
    an_incident(world.engine, opened_at=NOON + hours(2), fixed_at=NOON + hours(1))

    assert found(world)["recovery"] == {"fixed": 1, "average": 0, "p50": 0, "red_seconds": 0, "open": 0}


def test_dora_says_why_it_has_nothing_to_say(world: World) -> None:
    dora: Any = found(world)["dora"]

    assert dora["recovery_time"]["seconds"] is None
    assert "no incident" in dora["recovery_time"]["reason"]
    assert dora["change_failure_rate"]["rate"] is None
    assert "no deployments are collected" in dora["change_failure_rate"]["reason"]


def test_change_failure_rate_is_of_builds_that_deploy(world: World) -> None:
    statuses = ("succeeded", "succeeded", "failed", "cancelled")
    world.record(
        *(
            a_build(word, external_id=f"d{n}", event="deployment", queued_at=NOON + minutes(n))
            for n, word in enumerate(statuses)
        ),
        a_build("failed", external_id="old", event="deployment", queued_at=NOON - hours(1)),
    )

    dora: Any = found(world)["dora"]

    assert dora["change_failure_rate"] == {"rate": 1 / 3, "failed": 1, "deployments": 3, "reason": None}


def test_red_time_of_a_window_that_goes_on_is_compared_over_the_same_time(world: World) -> None:
    an_incident(world.engine, opened_at=NOON - hours(30))

    trend: Any = found(world, Window(NOON, None, NOON + hours(2.5)))["trend"]

    assert trend["red_seconds"] == {"before": 9000, "change": 0}


def test_the_trend_compares_recovery_too(world: World) -> None:
    an_incident(world.engine, opened_at=NOON - hours(3), fixed_at=NOON - hours(1))
    an_incident(world.engine, opened_at=NOON + hours(3), fixed_at=NOON + hours(4))

    trend: Any = found(world)["trend"]

    assert trend["time_to_green"] == {"before": 7200, "change": -3600}
    assert trend["red_seconds"] == {"before": 7200, "change": -3600}


_MANY = """
    INSERT INTO incidents (pipeline_id, branch, project_id, status, opened_at, last_failed_at, fixed_at,
                           first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt)
    SELECT 1, 'main', 1, 'fixed', at, at, at + interval '30 minutes', 1, 1, 1, 1
    FROM generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz), interval '1 hour') AS at
"""


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_of_a_year_of_incidents_those_of_the_cut_hours_alone_are_read(world: World, plan: str) -> None:
    year = timedelta(days=365)
    with Session(world.engine) as session, session.begin():
        session.execute(text(_MANY), {"since": NOON, "until": NOON + year})
        recount.recount(session, [1])
    world.run("ANALYZE")
    frame = Window(NOON + minutes(10), NOON + year - minutes(10), NOON + year)

    with world.engine.connect() as connection:
        with Session(connection) as session:
            session.execute(text("SELECT set_config('plan_cache_mode', :plan, true)"), {"plan": plan})
            before = incidents_read(connection)
            (found,) = recoveries(session, Subject(CellScope.EVERYTHING, (0,), None), [frame])
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.rollback()
        read = incidents_read(connection) - before

    assert found["fixed"] == 365 * 24
    assert found["red_seconds"] == 365 * 24 * 1800 - 600
    assert read <= 8


def incidents_read(connection: Connection) -> int:
    """How many entries of indexes and rows of incidents were read so far."""
    statement = text("""
        SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'incidents')
             + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'incidents')
    """)
    return int(connection.execute(statement).scalar_one())


def test_a_default_branch_that_only_the_repository_knows_counts(world: World) -> None:
    world.run("UPDATE pipelines SET default_branch = NULL")
    world.run("UPDATE repositories SET default_branch = 'main'")
    an_incident(world.engine, opened_at=NOON, fixed_at=NOON + hours(1))
    before = found(world)["recovery"]
    Folder(world.engine).fold()

    assert before == found(world)["recovery"]
    assert before["fixed"] == 1  # type: ignore[index]


def test_incidents_of_a_pipeline_that_is_not_counted_yet_are_in_no_figure(world: World) -> None:
    an_incident(world.engine, opened_at=NOON + minutes(10), fixed_at=NOON + hours(2))
    Folder(world.engine).fold()
    world.run("UPDATE metric_members SET is_counted = false")
    world.run("DELETE FROM metric_cells")

    cut = Window(NOON + minutes(5), NOON + hours(3), NOON + hours(20))
    assert found(world, cut)["recovery"] == {"fixed": 0, "average": None, "p50": None, "red_seconds": 0, "open": 0}

    Folder(world.engine).fold()
    assert found(world, cut)["recovery"]["red_seconds"] == 6600  # type: ignore[index]

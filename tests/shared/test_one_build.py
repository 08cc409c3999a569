"""The builds that belong with one build are found by an index, however many builds there are."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.one_build import one_build
from tests.api.serving import a_world

MANY = 20_000

_BUILDS = """
    INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished, pipeline_name,
                        queued_at, metadata)
    SELECT 1, 1, n, 1, 'succeeded', 'success', true, 'ci', now() + make_interval(secs => n),
           CASE WHEN n % 10 = 1 THEN jsonb_build_object('parent', jsonb_build_object(
               'pipeline_external_id', '1/10', 'external_id', CAST(n / 100 * 100 AS text))) END
    FROM generate_series(0, :many - 1) n
"""


def filled(engine: Engine) -> None:
    """So many builds of one pipeline; of each hundred the first one started ten others."""
    world = a_world(engine)
    world.run("INSERT INTO pipelines (instance_id, project_id, external_id, name) VALUES (1, 1, '1/10', 'ci')")
    world.run(_BUILDS, many=MANY)
    world.run("ANALYZE")


def scans(engine: Engine) -> tuple[int, int]:
    """How often `builds` was read from end to end, and how often by its parents' index."""
    with engine.connect() as connection:
        row = connection.execute(
            text("""
                SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
                WHERE t.relname = 'builds' AND i.indexrelname = 'ix_builds_parent'
            """)
        ).one()
        return row.seq_scan, row.idx_scan


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_relatives_are_found_without_reading_every_build(database: Engine, plan: str) -> None:
    filled(database)
    before = scans(database)

    with database.connect() as connection:
        with Session(connection) as session:
            session.execute(text("SELECT set_config('plan_cache_mode', :plan, true)"), {"plan": plan})
            driver: Any = connection.connection.driver_connection
            driver.prepare_threshold = 0
            starter: Any = one_build(session, 101, most_children=5)
            started: Any = one_build(session, 102, most_children=5)
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.rollback()

    assert [build["external_id"] for build in starter["children"]] == ["191", "181", "171", "161", "151"]
    assert (started["parent"]["id"], started["parent"]["external_id"]) == (101, "100")
    assert scans(database) == (before[0], before[1] + 2)

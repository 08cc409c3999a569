"""Open builds nobody should believe: told by `stale_since`, never counted as active, and healed by the next word."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import gauges, metrics, quarantine, standing
from shared.clock import utc_now
from shared.models import Instance, Source
from shared.queries import BuildFilter, list_builds
from shared.recorder import record
from tests.factories import a_build, minutes

NOW = utc_now().replace(microsecond=0)
DAY = timedelta(days=1)


class World:
    """One source with what it holds."""

    def __init__(self, session: Session) -> None:
        self.session = session
        instance = Instance(name="github.com", provider="github", base_url="https://api.github.com")
        session.add(instance)
        session.flush()
        source = Source(instance_id=instance.id, scope="acme/web", last_ok_at=NOW)
        session.add(source)
        session.flush()
        self.instance_id, self.source_id = instance.id, source.id

    def record(self, status: str, queued_at: datetime, **told: Any) -> None:
        build = a_build(status, queued_at=queued_at, **told)
        record(self.session, [build], instance_id=self.instance_id, source_id=self.source_id, is_backfill=False)

    def stale_since(self) -> dict[object, object]:
        """Of each build, by its external id."""
        return {
            row["external_id"]: row["stale_since"] for row in list_builds(self.session, BuildFilter(), limit=10).rows
        }

    def active(self) -> tuple[object, object, int, int]:
        """As the API, the command line and Prometheus count: the builds that run, and the API's ghosts."""
        found = metrics.overview(self.session, BuildFilter(), metrics.window(NOW, None, None))["active"]
        assert isinstance(found, dict)
        shown = sum(int(str(row["builds"])) for row in gauges.active_runs(self.session))
        return found["builds"], found["stale"], standing.build_counts(self.session, NOW - DAY).running, shown


@pytest.fixture
def world(session: Session) -> World:
    return World(session)


def test_a_young_open_build_and_a_finished_old_one_are_believed(world: World) -> None:
    world.record("running", NOW - DAY)
    world.record("succeeded", NOW - 400 * DAY, external_id="101")

    assert world.stale_since() == {"100": None, "101": None}


def test_a_build_older_than_any_lives_is_a_ghost_and_runs_in_no_figure(world: World) -> None:
    world.record("running", NOW - 40 * DAY)

    assert world.stale_since() == {"100": NOW - 4 * DAY}
    assert world.active() == (0, 1, 0, 0)


def test_a_build_the_provider_no_longer_shows_is_a_ghost_until_something_new_is_learnt(world: World) -> None:
    world.record("queued", NOW - DAY)
    believed = world.active()
    world.session.execute(text("UPDATE builds SET recorded_at = recorded_at - interval '1 hour'"))
    quarantine.note(world.session, world.source_id, kind="open", external_id="100", reason="not there")
    ghost = world.stale_since()

    world.record("running", NOW - DAY, updated_at=NOW)
    world.session.execute(text("UPDATE quarantine SET last_seen_at = last_seen_at - interval '1 minute'"))

    assert believed[:2] == (1, 0)
    assert ghost["100"] is not None
    assert world.stale_since() == {"100": None}


def test_a_build_that_was_missing_came_back_and_is_missing_again_is_a_ghost_only_since_then(world: World) -> None:
    world.record("running", NOW - 9 * DAY)
    world.session.execute(text("UPDATE builds SET recorded_at = :at"), {"at": NOW - 2 * DAY})
    quarantine.note(world.session, world.source_id, kind="open", external_id="100", reason="not there")
    world.session.execute(text("UPDATE quarantine SET first_seen_at = :at"), {"at": NOW - 8 * DAY})

    assert world.stale_since() == {"100": NOW - 2 * DAY}


def test_a_source_that_was_not_reached_for_a_day_confirms_none_of_its_open_builds(world: World) -> None:
    world.record("running", NOW - 3 * DAY)
    world.session.execute(text("UPDATE sources SET last_ok_at = :at"), {"at": NOW - 2 * DAY})
    lost = world.stale_since()
    lost_count = world.active()
    world.session.execute(text("UPDATE sources SET last_ok_at = :at"), {"at": NOW - minutes(5)})

    assert lost == {"100": NOW - DAY}
    assert lost_count == (0, 1, 0, 0)
    assert world.stale_since() == {"100": None}
    assert world.active() == (1, 0, 1, 1)

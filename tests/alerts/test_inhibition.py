"""An outage end to end: it is told itself, news of what finished in it waits and is told as it stands afterwards."""

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.by_time import act
from alerts.deliver import deliver_pending
from alerts.plan import catch_up
from alerts.rules import Rules
from shared.config.settings import ReceiverSettings
from shared.errors import ReceiverGone, RetryLater
from tests.alerts.channel import Channel, Ear
from tests.alerts.history import History
from tests.factories import NOON, minutes

OPS = Rules.default(
    {"ops": ReceiverSettings(kind="slack", name="ops", group_wait=0, group_interval=0, digest_at=time(18))}
)


class World:
    """One instance, its webhooks and its polls, and a scheduler that looks when it is told to."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ear = Ear()
        with Session(engine) as session, session.begin():
            self.history = History(session)
            self.set_source(session, last_poll_at=NOON, last_ok_at=NOON)

    def set_source(self, session: Session, **columns: Any) -> None:
        names = ", ".join(f"{name} = :{name}" for name in columns)
        session.execute(text(f"UPDATE sources SET {names}"), columns)

    def goes_away(self) -> None:
        with Session(self.engine) as session, session.begin():
            self.set_source(session, failures=4, last_poll_at=NOON + minutes(4), last_error="connection refused")

    def comes_back(self, minute: float) -> None:
        with Session(self.engine) as session, session.begin():
            at = NOON + minutes(minute)
            self.set_source(session, failures=0, last_poll_at=at, last_ok_at=at, last_error=None)

    def finish(self, status: str, number: int) -> None:
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.finish(status, number)

    def looks(self, minute: float) -> None:
        now = NOON + minutes(minute)
        catch_up(self.engine, OPS, now)
        act(self.engine, OPS, now)
        deliver_pending(self.engine, {"ops": self.ear}, OPS, now)

    def why(self) -> list[tuple[Any, ...]]:
        with Session(self.engine) as session:
            found = session.execute(text("SELECT kind, outcome, reason FROM routings ORDER BY event_pos"))
            return [tuple(row) for row in found]


@pytest.fixture
def world(database: Engine) -> World:
    return World(database)


AWAY = "Nothing is collected from github.com since 2026-11-20 12:00 UTC"
BACK = "github.com is collected again"


def test_news_from_within_an_outage_waits_and_says_why(world: World) -> None:
    world.goes_away()
    world.looks(5)
    world.finish("failed", 1)
    world.looks(8)
    world.looks(9)

    assert world.ear.titles == [AWAY]
    assert world.why() == [("broke", "held", "github.com was away from 2026-11-20 12:00 UTC")]


def test_afterwards_what_is_still_broken_is_told_once(world: World) -> None:
    world.goes_away()
    world.looks(5)
    world.finish("failed", 1)
    world.looks(8)
    world.comes_back(20)
    for minute in (21, 22, 23):
        world.looks(minute)

    assert world.ear.titles == [AWAY, BACK, "acme/web ci broke on main"]


def test_what_broke_and_was_fixed_within_it_is_one_line(world: World) -> None:
    world.goes_away()
    world.looks(5)
    world.finish("failed", 1)
    world.looks(8)
    world.finish("succeeded", 9)
    world.looks(15)
    world.comes_back(20)
    for minute in (21, 22, 23):
        world.looks(minute)

    assert world.ear.titles == [AWAY, BACK, "acme/web ci failed and recovered on main"]


def test_what_finished_before_it_is_told_at_once(world: World) -> None:
    world.finish("failed", -10)
    world.goes_away()
    world.looks(5)

    assert sorted(world.ear.titles) == sorted([AWAY, "acme/web ci broke on main"])


def test_a_digest_arrives_at_its_hour_under_the_number_of_its_delivery(world: World) -> None:
    world.looks(0)
    world.finish("failed", 1)
    world.looks(8)
    evening = timedelta(hours=6) / minutes(1)
    world.looks(evening)
    world.looks(evening + 1)

    broke, digest = (each.notice for each in world.ear.heard)
    assert broke.title == "acme/web ci broke on main"
    assert digest.title.startswith("Daily digest: ")
    assert digest.id > 0


def test_a_digest_that_nobody_takes_for_hours_arrives_all_the_same(world: World) -> None:
    world.looks(0)
    world.finish("failed", 1)
    world.looks(8)
    world.ear.say(RetryLater("Slack is away", 7 * 3600.0))
    evening = timedelta(hours=6) / minutes(1)
    world.looks(evening)
    assert len(world.ear.titles) == 1

    world.looks(evening + 7 * 60 + 1)

    assert world.ear.titles[1].startswith("possible repeat: Daily digest: ")


def test_a_receiver_that_is_gone_is_told_of_at_another_until_it_is_back(database: Engine) -> None:
    ops, dev = Ear(), Ear()
    channel = Channel(database, ops)
    channel.receivers["dev"] = dev
    channel.set("dev")
    channel.route(receivers=("ops",))
    ops.say(ReceiverGone("Slack answered 404: no_service"))
    channel.finish("failed")
    channel.tick()
    channel.tick()
    assert (ops.titles, dev.titles) == ([], ["ops is switched off: Slack answered 404: no_service"])

    channel.set("ops", timezone="Europe/Berlin")
    channel.tick()
    channel.tick()

    assert ops.titles == ["acme/web ci broke on main"]
    assert dev.titles[1:] == ["ops is no longer switched off"]

"""What is told by the clock alone: repeats while something is broken, and the ends of silences, each once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts import by_time
from alerts.deliver import Delivered
from shared.errors import Rejected
from tests.alerts.channel import Channel, Ear, settings
from tests.alerts.crew import wait_for

HOUR = 3605.0
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def ops() -> Ear:
    return Ear()


@pytest.fixture
def channel(database: Engine, ops: Ear) -> Channel:
    return Channel(database, ops)


def test_what_stays_broken_is_said_again_each_interval_until_it_is_fixed(channel: Channel, ops: Ear) -> None:
    channel.route(repeat_every="4h")
    channel.finish("failed", 1)
    for _ in range(9):
        channel.tick(HOUR)
    channel.finish("succeeded", 2, queued_at=channel.now)
    for _ in range(9):
        channel.tick(HOUR)

    assert ops.titles == [
        "acme/web ci broke on main",
        *["acme/web ci is still failing on main"] * 2,
        "acme/web ci is fixed on main",
    ]


def test_a_repeat_in_quiet_hours_waits_for_their_end_and_comes_once(channel: Channel, ops: Ear) -> None:
    channel.route(repeat_every="1h", quiet_hours={"start": "13:00", "end": "18:00"})
    channel.finish("failed", 1)
    channel.tick()
    for _ in range(6):
        channel.tick(HOUR)

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is still failing on main"]


@pytest.mark.parametrize("other", [{"name": "a"}, {"name": "z"}, {"name": "a", "on": ["still_failing"]}])
def test_another_route_to_the_same_receiver_takes_nothing_from_the_repeats(
    channel: Channel, ops: Ear, other: dict[str, Any]
) -> None:
    channel.route("main", repeat_every="1h")
    channel.route(**other)
    channel.finish("failed", 1)
    channel.tick()
    channel.finish("failed", 2)
    for _ in range(4):
        channel.tick(HOUR)

    assert len(ops.titles) >= 5


def test_repeats_go_on_where_one_of_two_routes_that_wanted_them_is_gone(channel: Channel, ops: Ear) -> None:
    channel.route("a", repeat_every="1h")
    channel.route("b", repeat_every="1h")
    channel.finish("failed", 1)
    channel.tick()
    channel.routes = {"b": channel.routes["b"]}
    channel.version += 1
    for _ in range(3):
        channel.tick(HOUR)

    assert len(ops.titles) == 4


def test_a_repeat_keeps_the_quiet_hours_of_the_route_that_repeats(channel: Channel, ops: Ear) -> None:
    channel.route("once")
    channel.route("often", repeat_every="1h", quiet_hours={"start": "13:00", "end": "18:00"})
    channel.finish("failed", 1)
    channel.tick()
    for _ in range(6):
        channel.tick(HOUR)

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is still failing on main"]


def test_a_repeat_that_was_refused_is_tried_again_an_interval_later(channel: Channel, ops: Ear) -> None:
    channel.route(repeat_every="1h")
    channel.finish("failed", 1)
    channel.tick()
    ops.say(Rejected("invalid_blocks"))
    assert channel.tick(HOUR) == Delivered(dead=1)

    assert channel.tick() == Delivered()
    assert channel.tick(HOUR) == Delivered(sent=1)


def test_a_route_that_repeats_no_more_says_nothing_more(channel: Channel, ops: Ear) -> None:
    channel.route(repeat_every="1h")
    channel.finish("failed", 1)
    channel.tick()
    channel.route()

    assert channel.tick(HOUR) == Delivered()
    assert channel.rows("SELECT wanted_at, repeat_at FROM tellings") == [(None, None)]


def test_what_was_told_before_a_silence_is_told_once_more_when_it_ends(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.tick()
    channel.silence(channel.now + timedelta(hours=1))
    for _ in range(5):
        channel.tick(HOUR)

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is still failing on main"]
    assert dict(ops.heard[1].notice.facts)["Why"] == "the silence by ada ended"
    assert channel.rows("SELECT settled_at IS NOT NULL FROM silences") == [(True,)]


def test_a_message_that_is_quicker_than_the_end_of_a_silence_is_the_only_one(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.silence(channel.now + timedelta(hours=1))
    channel.tick()
    assert channel.deliver(HOUR) == Delivered(sent=1)

    assert channel.tick() == Delivered()
    assert channel.tick() == Delivered()

    assert ops.titles == ["acme/web ci broke on main"]


def test_everybody_forgets_a_silence_that_is_over(channel: Channel) -> None:
    channel.silence(channel.now + timedelta(hours=1))
    [before] = channel.rows("SELECT version FROM alert_rules")
    channel.tick(HOUR)
    channel.tick()

    assert channel.rows("SELECT version - 1 FROM alert_rules") == [before]


def test_the_end_of_a_silence_tells_nothing_while_another_one_holds(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.silence(channel.now + timedelta(hours=1))
    channel.silence(channel.now + timedelta(hours=3))
    for _ in range(2):
        assert channel.tick(HOUR) == Delivered()

    channel.tick(HOUR)
    channel.tick(HOUR)

    assert ops.titles == ["acme/web ci broke on main"]


def test_the_end_of_a_silence_over_something_else_tells_nothing(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.tick()
    channel.silence(channel.now + timedelta(hours=1), pipeline="nightly")

    assert channel.tick(2 * HOUR) == Delivered()

    assert ops.titles == ["acme/web ci broke on main"]


def test_two_schedulers_do_it_once(channel: Channel, ops: Ear) -> None:
    channel.route(repeat_every="1h")
    channel.finish("failed", 1)
    channel.tick()
    channel.now += timedelta(hours=1, seconds=10)
    for _ in range(2):
        by_time.act(channel.engine, channel.rules, channel.now)

    assert channel.deliver() == Delivered(sent=1)
    by_time.act(channel.engine, channel.rules, channel.now)
    assert channel.deliver() == Delivered()


def test_a_planner_and_what_the_clock_does_never_wait_for_each_other_crosswise(channel: Channel) -> None:
    channel.settings["a"], channel.receivers["a"] = settings("a"), Ear()
    channel.route(receivers=("a", "ops"), repeat_every="1h")
    channel.finish("failed", 1)
    channel.tick()
    channel.silence(channel.now + timedelta(seconds=2))
    channel.change("UPDATE tellings SET repeat_at = NULL WHERE receiver = 'a'")
    channel.now += timedelta(hours=1, seconds=10)

    with ThreadPoolExecutor(1) as pool, Session(channel.engine) as planner, planner.begin():
        planner.execute(text("UPDATE tellings SET news_at = news_at WHERE receiver = 'a'"))
        acting = pool.submit(by_time.act, channel.engine, channel.rules, channel.now)
        wait_for(lambda: channel.rows(WAITS) != [(0,)], 10)
        planner.execute(text("UPDATE tellings SET news_at = news_at WHERE receiver = 'ops'"))
        planner.commit()
        acting.result()

    assert channel.rows("SELECT receiver FROM tellings WHERE is_reminder ORDER BY 1") == [("a",), ("ops",)]

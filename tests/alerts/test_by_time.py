"""What is told by the clock alone: repeats while something is broken, and the ends of silences, each once."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from alerts import by_time
from alerts.deliver import Delivered
from tests.alerts.channel import Channel, Ear

HOUR = 3605.0


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


def test_what_was_told_before_a_silence_is_told_once_more_when_it_ends(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.tick()
    channel.silence(channel.now + timedelta(hours=1))
    for _ in range(5):
        channel.tick(HOUR)

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is still failing on main"]
    assert dict(ops.heard[1].notice.facts)["Why"] == "the silence by ada ended"
    assert channel.rows("SELECT settled_at IS NOT NULL FROM silences") == [(True,)]


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

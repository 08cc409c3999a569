"""The back-test says of a random history what the real planner and composer did with it, message by message."""

import random
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from alerts.backtest import Question, Received, back_test
from shared import alert_rules
from shared.config.settings import Config
from tests.alerts.channel import Channel, Ear
from tests.factories import NOON, minutes

TICK = 20
"""Seconds between two looks of the scheduler; the interval ends just before one of them, as it does in the run."""

STEPS = 150

RULES: list[dict[str, Any]] = [
    {},
    {"confirm": 2, "branch": ["*"]},
    {"on": ["broke", "still_failing", "fixed"], "branch": "@default"},
    {"on": ["flapping", "fixed"]},
    {"repeat_every": 400, "branch": ["main", "topic"]},
    {"quiet_hours": {"start": "12:20", "end": "12:41"}},
]


@pytest.mark.parametrize("route", RULES, ids=lambda route: ",".join(route) or "default")
def test_it_agrees_with_what_was_sent(database: Engine, route: dict[str, Any]) -> None:
    ear = Ear()
    channel = Channel(database, ear)
    channel.set(group_wait=30, group_interval=299.5)
    channel.route(**route)
    let_happen(channel, random.Random(str(route)))

    received = ask(database, channel)

    assert [each.title for each in received.sent] == ear.titles
    assert len(ear.titles) > 1
    expected = [max(1, sum(len(part.lines) + part.more for part in each.notice.sections)) for each in ear.heard]
    assert [len(each.incidents) for each in received.sent] == expected


def let_happen(channel: Channel, chance: random.Random) -> None:
    """Builds of three pipelines on two branches finish between the looks of a scheduler."""
    for number in range(STEPS):
        if chance.random() < 0.3:
            name, branch = chance.choice("abc"), chance.choice(["main", "main", "topic"])
            channel.record(
                chance.choice(["failed", "failed", "succeeded"]),
                number,
                queued_at=channel.now - minutes(5),
                branch=branch,
                pipeline_external_id=name,
                pipeline_name=name,
            )
        # The planner reads at once; half a tick later is the scheduler's look.
        channel.plan()
        was_now = "recorded_at > now() - interval '1 hour'"
        channel.change(f"UPDATE events SET recorded_at = '{channel.now.isoformat()}' WHERE {was_now}")
        channel.tick(TICK / 2)
        channel.now += minutes(TICK / 2 / 60)


def ask(database: Engine, channel: Channel) -> Received:
    config = Config(routes=tuple(channel.routes.values()), receivers=tuple(channel.settings.values()))
    with Session(database) as session:
        alert_rules.sync_rules(session, config)
        question = Question(since=NOON, until=channel.now, most_sent=1_000)
        (received,) = back_test(session, question, channel.now).receivers
        return received

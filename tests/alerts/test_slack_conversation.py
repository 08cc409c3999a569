"""Slack's conversations from build to wire: one message a storm, replies below it, and what faults do to them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from alerts.deliver import Delivered
from simulator.slack import Message
from tests.alerts.channel import Channel
from tests.alerts.receivers.slack_bot import SlackBotStand, refused

RED, GREEN = "#c62828", "#2e7d32"


@pytest.fixture
def slack() -> Iterator[SlackBotStand]:
    with SlackBotStand() as slack:
        yield slack


@pytest.fixture
def channel(database: Engine, slack: SlackBotStand) -> Channel:
    return Channel(database, slack.receiver())


def finish(channel: Channel, status: str, number: int, *pipelines: str) -> None:
    for pipeline in pipelines:
        channel.finish(status, number, pipeline_external_id=pipeline, pipeline_name=pipeline)


def title(message: Message) -> str:
    return message.text.partition("\n")[0]


def colour(message: Message) -> str:
    attachments: Any = message.payload["attachments"]
    return str(attachments[0]["color"])


def test_a_storm_is_one_message_that_turns_green_when_the_last_of_it_is_fixed(
    channel: Channel, slack: SlackBotStand
) -> None:
    finish(channel, "failed", 1, "one", "two")
    channel.deliver()
    finish(channel, "succeeded", 2, "one")
    channel.deliver()
    [storm, first_fix] = slack.slack.messages
    assert (title(storm), colour(storm)) == ("1 pipeline broke, 1 is fixed", RED)
    finish(channel, "succeeded", 2, "two")

    channel.deliver()

    storm, first_fix, second_fix = slack.slack.messages
    assert (title(storm), colour(storm)) == ("2 pipelines are fixed", GREEN)
    assert [title(each) for each in (first_fix, second_fix)] == [
        "acme/web one is fixed on main",
        "acme/web two is fixed on main",
    ]
    assert [each.thread for each in (storm, first_fix, second_fix)] == [None, storm.ts, storm.ts]
    assert [each.is_broadcast for each in (first_fix, second_fix)] == [False, False]


def test_a_lone_incident_is_its_own_conversation(channel: Channel, slack: SlackBotStand) -> None:
    finish(channel, "failed", 1, "ci")
    channel.deliver()
    finish(channel, "succeeded", 2, "ci")

    channel.deliver()

    incident, fix = slack.slack.messages
    assert (title(incident), colour(incident)) == ("acme/web ci is fixed on main", GREEN)
    assert title(fix) == "acme/web ci is fixed on main"
    assert fix.thread == incident.ts


def test_a_reply_that_was_cut_off_after_it_was_taken_comes_again_with_its_label(
    channel: Channel, slack: SlackBotStand
) -> None:
    finish(channel, "failed", 1, "one")
    channel.deliver()
    finish(channel, "succeeded", 2, "one")
    slack.say(refused("edit_window_closed"))
    slack.take_and_reset()

    assert channel.deliver() == Delivered(postponed=1)
    assert channel.deliver(60) == Delivered(sent=1)

    first, *replies = slack.slack.messages
    assert [(title(each), each.thread) for each in replies] == [
        ("acme/web one is fixed on main", first.ts),
        ("possible repeat: acme/web one is fixed on main", first.ts),
    ]
    assert colour(first) == GREEN


def test_a_conversation_whose_first_message_was_deleted_goes_on_below_the_new_one(
    channel: Channel, slack: SlackBotStand
) -> None:
    finish(channel, "failed", 1, "one", "two")
    channel.deliver()
    slack.slack.delete(slack.slack.messages[0].ts)
    finish(channel, "succeeded", 2, "one")
    channel.deliver()
    finish(channel, "succeeded", 2, "two")

    channel.deliver()

    anew, reply = slack.slack.messages
    assert anew.thread is None
    assert (title(reply), reply.thread) == ("acme/web two is fixed on main", anew.ts)
    assert colour(anew) == GREEN


def test_what_was_said_while_slack_was_limited_is_said_once_afterwards(channel: Channel, slack: SlackBotStand) -> None:
    finish(channel, "failed", 1, "one")
    slack.say(refused("ratelimited", 429))
    assert channel.deliver() == Delivered(postponed=1)
    finish(channel, "succeeded", 2, "one")

    assert channel.deliver(60) == Delivered(sent=1)

    assert [title(each).removeprefix("possible repeat: ") for each in slack.slack.messages] == [
        "acme/web one failed and recovered on main"
    ]


def test_a_bot_that_was_thrown_out_is_switched_off_and_nothing_is_lost(channel: Channel, slack: SlackBotStand) -> None:
    finish(channel, "failed", 1, "one")
    slack.say(refused("not_in_channel"))
    channel.deliver()
    [(reason,)] = channel.rows("SELECT off_reason FROM receiver_states WHERE off_since IS NOT NULL")
    assert reason.startswith("Slack answered 200 not_in_channel; invite the bot to the channel")

    channel.set(group_wait=1)
    channel.deliver(60)

    assert [title(each) for each in slack.slack.messages] == ["acme/web one broke on main"]

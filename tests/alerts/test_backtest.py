"""The back-test: what rules would have told of the log, against messages counted by hand and by the real planner."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.backtest import Answer, Question, Received, back_test
from alerts.backtest_read import read_rules
from alerts.plan import plan_events
from alerts.simulation import NO_ROUTE
from shared import alert_rules
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import Config, ReceiverSettings
from shared.silences import NewSilence
from shared.silences import add as add_silence
from tests.alerts.history import History
from tests.factories import NOON, minutes

OPS = ReceiverSettings(kind="slack", name="ops")
MAIL = ReceiverSettings(kind="smtp", name="mail", group_wait=0, group_interval=0)
HOUR = minutes(60)


def a_route(**more: Any) -> RouteSettings:
    return RouteSettings(**{"name": "all", "receivers": ["ops"]} | more)


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


def put_in_force(session: Session, *rules: RouteSettings | ReceiverSettings) -> None:
    routes = tuple(each for each in rules if isinstance(each, RouteSettings))
    receivers = tuple(each for each in rules if isinstance(each, ReceiverSettings))
    alert_rules.sync_rules(session, Config(routes=routes, receivers=receivers))


def happened_when_it_says(session: Session, later: timedelta = timedelta(seconds=5)) -> None:
    """Have the log written a few seconds after each thing happened, instead of now."""
    session.execute(text("UPDATE events SET recorded_at = at + :later"), {"later": later})


def ask(session: Session, since: datetime = NOON - HOUR, until: datetime = NOON + 6 * HOUR, **more: Any) -> Answer:
    happened_when_it_says(session)
    return back_test(session, Question(since=since, until=until, **more), NOON + 24 * HOUR)


def of(answer: Answer, receiver: str) -> Received:
    return next(each for each in answer.receivers if each.receiver == receiver)


def told(received: Received) -> list[tuple[float, str]]:
    """When each message would have come, in minutes after noon, and its title."""
    return [((sent.at - NOON) / minutes(1), sent.title) for sent in received.sent]


def reasons(received: Received) -> dict[str, int]:
    return {each.reason: each.count for each in received.hidden}


def test_what_broke_and_was_fixed_is_told_after_the_groups_wait_and_interval(
    session: Session, history: History
) -> None:
    put_in_force(session, OPS)
    history.finish("failed", 1)
    history.finish("succeeded", 3)
    history.finish("failed", 60)

    received = of(ask(session), "ops")

    # Finished five minutes after they were queued, learnt of five seconds later, told twenty seconds after that.
    assert told(received) == [
        (6 + 25 / 60, "acme/web ci broke on main"),
        (11 + 25 / 60, "acme/web ci is fixed on main"),
        (65 + 25 / 60, "acme/web ci broke on main"),
    ]
    assert (received.messages, received.incidents, received.difference) == (3, 2, None)
    assert received.kinds == {"broke": 2, "fixed": 1}


def test_a_storm_is_one_message(session: Session, history: History) -> None:
    put_in_force(session, OPS)
    for number in range(30):
        history.finish("failed", 1, external_id=str(number), pipeline_external_id=str(number))

    received = of(ask(session), "ops")

    assert [sent.title for sent in received.sent] == ["30 pipelines broke"]
    assert (len(received.sent[0].lines), received.sent[0].more, received.incidents) == (20, 10, 30)


def test_what_recovered_before_it_was_told_is_one_message(session: Session, history: History) -> None:
    put_in_force(session, ReceiverSettings(kind="slack", name="ops", group_wait=600))
    history.finish("failed", 1)
    history.finish("succeeded", 3)

    assert [title for _, title in told(of(ask(session), "ops"))] == ["acme/web ci failed and recovered on main"]


def test_what_is_hidden_is_counted_by_its_reason(session: Session, history: History) -> None:
    put_in_force(session, OPS, MAIL, a_route(confirm=2), a_route(name="web", receivers=["mail"], pipeline="deploy"))
    history.finish("failed", 1)
    history.finish("failed", 2)
    history.finish("failed", 3)
    history.finish("failed", 4, branch="topic")

    answer = ask(session)

    assert [title for _, title in told(of(answer, "ops"))] == ["acme/web ci broke on main"]
    assert reasons(of(answer, "ops")) == {
        "1 of 2 failures": 1,
        "this route does not tell what still fails": 1,
        NO_ROUTE: 1,
    }
    assert (of(answer, "mail").messages, reasons(of(answer, "mail"))) == (0, {NO_ROUTE: 4})


def test_other_rules_are_compared_with_those_in_force(session: Session, history: History) -> None:
    put_in_force(session, OPS)
    history.finish("failed", 1)
    history.finish("failed", 20, branch="topic", external_id="20")

    received = of(ask(session, routes=(a_route(branch="topic"),)), "ops")

    assert [title for _, title in told(received)] == ["acme/web ci broke on topic"]
    assert received.difference is not None
    assert (received.difference.messages_in_force, received.difference.incidents_in_force) == (1, 1)
    assert (received.difference.newly_told, received.difference.no_longer_told) == (1, 1)
    assert "topic" in received.difference.newly_told_examples[0]
    assert "main" in received.difference.no_longer_told_examples[0]


def test_a_receiver_that_is_not_there_yet_can_be_tried(session: Session, history: History) -> None:
    put_in_force(session, OPS)
    history.finish("failed", 1)

    answer = ask(session, routes=(a_route(receivers=["ops", "mail"]),), receivers=(MAIL,))

    assert [title for _, title in told(of(answer, "mail"))] == ["acme/web ci broke on main"]
    assert session.scalar(text("SELECT count(*) FROM receivers")) == 1


def test_quiet_hours_hold_a_message_until_they_end(session: Session, history: History) -> None:
    put_in_force(session, OPS, a_route(quiet_hours={"start": "12:00", "end": "14:00"}))
    history.finish("failed", 1)

    received = of(ask(session), "ops")

    assert told(received) == [(120, "acme/web ci broke on main")]
    assert [(each.reason, each.count) for each in received.held] == [("quiet hours", 1)]


def test_what_stays_broken_is_repeated_as_the_route_says(session: Session, history: History) -> None:
    put_in_force(session, MAIL, a_route(receivers=["mail"], repeat_every="2h"))
    history.finish("failed", 1)

    received = of(ask(session), "mail")

    assert [title for _, title in told(received)] == [
        "acme/web ci broke on main",
        *["acme/web ci is still failing on main"] * 2,
    ]


@pytest.mark.parametrize(("is_with_silences", "messages"), [(True, 0), (False, 1)])
def test_silences_count_only_when_they_are_asked_for(
    session: Session, history: History, is_with_silences: bool, messages: int
) -> None:
    put_in_force(session, OPS)
    span = {"starts_at": NOON, "ends_at": NOON + 24 * HOUR}
    add_silence(session, NewSilence(matchers=Matchers(pipeline=("ci",)), reason="new runner", author="ada", **span))
    history.finish("failed", 1)

    received = of(ask(session, is_with_silences=is_with_silences), "ops")

    assert received.messages == messages
    assert [each.reason for each in received.held] == ["silenced by ada: new runner"][: 1 - messages]


def test_what_was_broken_before_the_span_is_not_told_as_broken_again(session: Session, history: History) -> None:
    put_in_force(session, OPS)
    history.finish("failed", 1)
    plan_events(session, read_rules(session, NOON), NOON + minutes(7))
    history.finish("failed", 120)
    history.finish("succeeded", 130)
    history.finish("succeeded", 140, branch="topic", external_id="140")

    received = of(ask(session, since=NOON + HOUR), "ops")

    assert [title for _, title in told(received)] == ["acme/web ci is fixed on main"]


def test_the_raw_feed_is_counted_message_by_message(session: Session, history: History) -> None:
    put_in_force(session, OPS, a_route(every_transition=True, branch="*", status=["failed", "succeeded"]))
    history.finish("failed", 1)
    history.finish("succeeded", 2, branch="topic", external_id="2")
    history.finish("succeeded", 3, is_backfill=True)

    received = of(ask(session), "ops")

    assert [title for _, title in told(received)] == ["acme/web ci failed on main", "acme/web ci succeeded on topic"]
    assert (received.messages, received.feed, received.incidents) == (2, 2, 0)


def test_only_the_span_is_looked_at(session: Session, history: History) -> None:
    put_in_force(session, MAIL)
    for number in (1, 61, 121):
        history.finish("failed", number, external_id=str(number), pipeline_external_id=str(number))

    answer = ask(session, since=NOON + minutes(30), until=NOON + minutes(90))

    assert [at for at, _ in told(of(answer, "mail"))] == pytest.approx([66 + 5 / 60])
    assert (answer.events, answer.is_complete, answer.until) == (2, True, NOON + minutes(90))


def test_it_writes_nothing(session: Session, history: History) -> None:
    put_in_force(session, OPS)
    history.finish("failed", 1)
    happened_when_it_says(session)
    tables = ("incidents", "verdicts", "decisions", "routings", "tellings", "deliveries", "events", "receivers")
    before = counted(session, tables)

    back_test(session, Question(since=NOON - HOUR, until=NOON + HOUR), NOON)

    assert counted(session, tables) == before


def counted(session: Session, tables: Iterable[str]) -> dict[str, int]:
    return {table: session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}

"""The raw feed: one message for each change of a build's status, to those who asked for all of them."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.notice import parse_notice
from alerts.plan import plan_events
from alerts.rules import Rules, Silence
from shared.config.routes import Matchers
from tests.alerts.history import History, a_route, a_run, deliveries, queued, routings, rules
from tests.alerts.test_plan import counted
from tests.factories import NOON, minutes

NOW = NOON + minutes(30)


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


def a_feed(**settings: object) -> Rules:
    return rules(a_route("feed", **{"every_transition": True, "branch": "*"} | settings))


def titles(session: Session) -> list[str]:
    return [parse_notice(row).title for (row,) in deliveries(session, "message")]


def test_each_change_of_a_build_is_a_message(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("cancelled", 2, branch="dev", event="pull_request")

    plan_events(session, a_feed(), NOW)

    assert titles(session) == [
        "acme/web ci is running on main",
        "acme/web ci failed on main",
        "acme/web ci is running on dev",
        "acme/web ci was cancelled on dev",
    ]
    assert deliveries(session, "kind", "state", "key = 'event:' || event_pos", "attempt", "incident_id")[0] == (
        "transition",
        "pending",
        True,
        1,
        None,
    )


def test_each_message_is_known_to_what_the_routes_decided(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_events(session, a_feed(), NOW)

    planned = deliveries(session, "event_pos", "id")
    assert routings(session, "event_pos", "delivery_id") == planned
    assert routings(session, "kind", "outcome") == [("transition", "queued")] * 2


def test_a_feed_may_be_narrowed_to_some_changes(session: Session, history: History) -> None:
    history.finish("failed", 1)
    history.finish("timed_out", 2, branch="dev")

    plan_events(session, a_feed(status=["failed", "timed_out"], branch="@default"), NOW)

    assert titles(session) == ["acme/web ci failed on main"]
    unmatched = session.scalars(text("SELECT unmatched FROM decisions ORDER BY event_pos")).all()
    assert unmatched == [None, {"feed": "branch dev is none of @default"}]


def test_a_pull_request_from_a_branch_called_main_is_of_no_default_branch(session: Session, history: History) -> None:
    history.finish("failed", 1, event="pull_request")

    plan_events(session, a_feed(branch="@default"), NOW)

    assert titles(session) == []


def test_routes_about_incidents_go_on_beside_it(session: Session, history: History) -> None:
    history.finish("failed", 1)
    both = rules(
        a_route("main"), a_route("feed", every_transition=True, receivers=["ops", "dev"]), receivers=["ops", "dev"]
    )

    plan_events(session, both, NOW)

    assert queued(session) == ["transition"] * 4 + ["broke"]
    assert len(titles(session)) == 4


def test_two_feeds_to_one_receiver_are_one_message(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_events(session, rules(a_route("a", every_transition=True), a_route("b", every_transition=True)), NOW)

    assert len(titles(session)) == 2
    assert len(queued(session)) == 4


def test_the_past_is_not_fed(session: Session, history: History) -> None:
    history.finish("failed", 1, is_backfill=True)
    history.see(a_run(2, "running"), a_run(2, "succeeded", attempt=2))
    history.see(a_run(2, "failed"))

    plan_events(session, a_feed(), NOW)

    told = routings(session, "outcome", "reason")
    assert told[:2] == [("suppressed", "it was learnt while the past was collected")] * 2
    assert told[-1] == ("suppressed", "it is about an attempt that is no longer the build's latest")
    assert titles(session) == ["acme/web ci succeeded on main"]


def test_what_was_there_before_we_watched_is_not_fed(session: Session) -> None:
    History(session, baseline_at=None).finish("failed", 1)

    plan_events(session, a_feed(), NOW)

    assert titles(session) == []


def test_what_is_learnt_of_too_late_is_not_fed(session: Session, history: History) -> None:
    history.finish("failed", 1)

    plan_events(session, a_feed(status="failed"), NOW + timedelta(hours=7))

    assert routings(session, "reason") == [("finished more than 6 h ago: it is in the digest",)]


def test_a_silence_holds_for_the_feed_as_well(session: Session, history: History) -> None:
    history.finish("failed", 1)
    silence = Silence(
        id=1,
        matchers=Matchers(repository=("acme/*",)),
        reason="we move",
        author="ada",
        starts_at=NOON,
        ends_at=NOW + minutes(1),
    )
    silent = a_feed()

    plan_events(session, Rules(routes=silent.routes, receivers=silent.receivers, silences=(silence,)), NOW)

    assert routings(session, "outcome", "reason") == [("suppressed", "silenced by ada: we move")] * 2
    assert titles(session) == []


def test_a_message_is_frozen_as_the_build_stood(session: Session, history: History) -> None:
    for number, length in enumerate((4, 9, 5), 1):
        history.finish("succeeded", number, finished_at=NOON + minutes(number + length))
    history.finish("timed_out", 4)

    plan_events(session, a_feed(status="timed_out"), NOW)

    [(row,)] = deliveries(session, "message")
    [message] = parse_notice(row).messages
    assert (message.number, message.branch, message.status, message.usual_seconds) == (4, "main", "timed_out", 300.0)


def test_a_feed_costs_the_same_statements_whatever_it_holds(session: Session, history: History) -> None:
    history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(2)])
    with counted(session) as few:
        plan_events(session, a_feed(), NOW)
    history.see(*[a_run(2, "failed", pipeline_external_id=f"p/{n}") for n in range(100)])
    with counted(session) as many:
        plan_events(session, a_feed(), NOW)

    assert len(few) == len(many) == 13
    assert len(titles(session)) == 102

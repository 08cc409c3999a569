"""What is told of outages: begin and end once each, to those who want it, never to what is off itself."""

import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.notice import Notice, NoticeKind, Tone, parse_notice
from alerts.operations import listeners, plan
from alerts.outages import watch
from alerts.rules import Rules
from shared.config.settings import ReceiverSettings
from tests.alerts.operating import Installation, an_outage
from tests.factories import NOON, minutes


def a_receiver(name: str, **overrides: Any) -> ReceiverSettings:
    return ReceiverSettings(**{"kind": "slack", "name": name} | overrides)


def rules(*receivers: ReceiverSettings) -> Rules:
    return Rules.default({each.name: each for each in receivers})


OPS = rules(a_receiver("ops"))
BOTH = rules(a_receiver("dev"), a_receiver("ops"))


def messages(session: Session, receiver: str = "ops") -> list[Notice]:
    statement = "SELECT message FROM deliveries WHERE receiver = :receiver AND state <> 'expired' ORDER BY id"
    return [parse_notice(row) for row in session.scalars(text(statement), {"receiver": receiver})]


def titles(session: Session, receiver: str = "ops") -> list[str]:
    return [notice.title for notice in messages(session, receiver)]


def settled(session: Session, state: str) -> None:
    """What was planned so far was sent, or refused."""
    session.execute(text("UPDATE deliveries SET state = :state, tries = 1"), {"state": state})


def over(session: Session, at: datetime) -> None:
    session.execute(text("UPDATE outages SET ended_at = :at"), {"at": at})


def off(session: Session, receiver: str) -> None:
    statement = text("INSERT INTO receiver_states (receiver, off_since) VALUES (:name, :at)")
    session.execute(statement, {"name": receiver, "at": NOON})


def test_a_provider_that_is_away_and_back_is_told_once_each(session: Session) -> None:
    github = Installation(session)
    web = github.broken_source("acme/web")
    github.broken_source("acme/api")
    watch(session, OPS, NOON)
    plan(session, OPS, NOON)
    plan(session, OPS, NOON)
    settled(session, "sent")

    github.comes_back(web, NOON + minutes(5))
    watch(session, OPS, NOON + minutes(6))
    plan(session, OPS, NOON + minutes(6))
    settled(session, "sent")
    plan(session, OPS, NOON + minutes(7))

    assert titles(session) == [
        "Nothing is collected from github.com since 2026-11-20 11:50 UTC",
        "github.com is collected again",
    ]
    began, ended = messages(session)
    assert began.kind is NoticeKind.OPERATIONS
    assert (began.tone, ended.tone) == (Tone.BAD, Tone.GOOD)
    assert dict(began.facts)["Reason"] == "github.com could not be reached: connection refused"
    assert dict(began.facts)["Sources"] == "2 affected"
    assert dict(ended.facts)["Lasted"] == "2026-11-20 11:50\u201312:05 UTC, 15 min"
    assert began.links == (("Sources of github.com", "/api/sources?instance=github.com"),)
    assert began.thread == ended.thread


def test_it_is_a_delivery_like_any_other_with_a_key_of_its_own(session: Session) -> None:
    outage = an_outage(session, "collector", "scheduler", NOON)

    plan(session, OPS, NOON)

    rows = session.execute(text("SELECT receiver, kind, key, state, next_try_at, created_at FROM deliveries")).all()
    assert [tuple(row) for row in rows] == [("ops", "operations", f"outage:{outage}:began", "pending", NOON, NOON)]


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        ("provider", "jenkins", ("Nothing is collected from jenkins since ", "jenkins is collected again")),
        ("credential", "jenkins", ("jenkins refuses our credential since ", "jenkins takes our credential again")),
        ("collector", "scheduler", ("No scheduler runs since ", "A scheduler runs again")),
        ("receiver", "mail", ("mail is switched off: it broke", "mail is no longer switched off")),
    ],
)
def test_every_kind_has_its_words(session: Session, kind: str, subject: str, words: tuple[str, str]) -> None:
    off(session, "mail")
    known = rules(a_receiver("ops"), a_receiver("mail"))
    an_outage(session, kind, subject, NOON)
    plan(session, known, NOON + minutes(1))
    settled(session, "sent")
    over(session, NOON + minutes(5))
    plan(session, known, NOON + minutes(6))

    began, ended = titles(session)

    assert began.startswith(words[0])
    assert ended == words[1]


def test_what_was_over_before_it_was_told_is_one_message(session: Session) -> None:
    an_outage(session, "provider", "github.com", NOON)
    plan(session, OPS, NOON)
    over(session, NOON + minutes(38))

    plan(session, OPS, NOON + minutes(39))
    plan(session, OPS, NOON + minutes(40))

    assert titles(session) == ["Nothing was collected from github.com 2026-11-20 12:00\u201312:38 UTC"]


def test_a_short_one_that_nobody_was_told_of_stays_untold(session: Session) -> None:
    an_outage(session, "provider", "github.com", NOON)
    plan(session, OPS, NOON)
    over(session, NOON + minutes(1.9))

    plan(session, OPS, NOON + minutes(2))

    assert titles(session) == []


def test_the_end_of_a_short_one_is_told_where_its_begin_may_have_been(session: Session) -> None:
    an_outage(session, "provider", "github.com", NOON)
    plan(session, OPS, NOON)
    settled(session, "sending")
    over(session, NOON + minutes(1))

    plan(session, OPS, NOON + minutes(2))

    assert titles(session)[1:] == ["github.com is collected again"]


def test_the_silence_of_our_schedulers_is_told_when_one_is_back(session: Session) -> None:
    an_outage(session, "collector", "scheduler", NOON, ended_at=NOON + minutes(30))

    plan(session, OPS, NOON + minutes(31))

    assert titles(session) == ["No scheduler ran 2026-11-20 12:00\u201312:30 UTC"]


def test_what_was_over_hours_ago_is_no_news(session: Session) -> None:
    an_outage(session, "collector", "scheduler", NOON, ended_at=NOON + minutes(30))

    plan(session, OPS, NOON + minutes(30 + 6 * 60))

    assert titles(session) == []


def test_a_receiver_that_is_off_is_told_of_elsewhere_and_never_to_itself(session: Session) -> None:
    off(session, "ops")
    an_outage(session, "receiver", "ops", NOON, reason="Slack answered 404: no_service")

    plan(session, BOTH, NOON)

    assert titles(session, "dev") == ["ops is switched off: Slack answered 404: no_service"]
    assert dict(messages(session, "dev")[0].facts)["Reason"] == "Slack answered 404: no_service"
    assert titles(session, "ops") == []


def test_nor_when_it_is_back_but_the_others_are_told(session: Session) -> None:
    off(session, "ops")
    an_outage(session, "receiver", "ops", NOON)
    plan(session, BOTH, NOON)
    settled(session, "sent")

    session.execute(text("UPDATE receiver_states SET off_since = NULL"))
    over(session, NOON + minutes(9))
    plan(session, BOTH, NOON + minutes(10))

    assert titles(session, "dev")[1:] == ["ops is no longer switched off"]
    assert titles(session, "ops") == []


def test_of_a_receiver_that_nobody_configures_any_more_nothing_is_told(session: Session) -> None:
    an_outage(session, "receiver", "mail", NOON, ended_at=NOON + minutes(9))

    plan(session, OPS, NOON + minutes(10))

    assert titles(session) == []


def test_the_only_receiver_hears_afterwards_that_it_was_off(session: Session) -> None:
    off(session, "ops")
    an_outage(session, "receiver", "ops", NOON)
    plan(session, OPS, NOON)
    assert titles(session) == []

    session.execute(text("UPDATE receiver_states SET off_since = NULL"))
    over(session, NOON + minutes(9))
    plan(session, OPS, NOON + minutes(10))

    assert titles(session) == ["ops was switched off 2026-11-20 12:00\u201312:09 UTC"]


def test_a_receiver_that_is_new_hears_what_lasts_and_not_what_others_were_told(session: Session) -> None:
    an_outage(session, "provider", "jenkins", NOON)
    an_outage(session, "provider", "github.com", NOON, ended_at=NOON + minutes(10))
    plan(session, OPS, NOON + minutes(11))
    settled(session, "sent")

    plan(session, BOTH, NOON + minutes(12))

    assert titles(session, "dev") == ["Nothing is collected from jenkins since 2026-11-20 12:00 UTC"]


def test_who_wants_it_hears_it_and_else_who_does_not_refuse() -> None:
    wants, silent, refuses = (a_receiver(str(each), operations=each) for each in (True, None, False))
    everyone = {each.name: each for each in (wants, silent, refuses)}

    assert listeners(everyone, frozenset()).keys() == {"True"}
    assert listeners(everyone, frozenset({"True"})).keys() == {"None"}
    assert listeners({"False": refuses}, frozenset()).keys() == set()


def test_times_are_written_in_the_receivers_zone(session: Session) -> None:
    an_outage(session, "provider", "github.com", NOON)

    plan(session, rules(a_receiver("ops", timezone="Europe/Berlin")), NOON)

    assert titles(session) == ["Nothing is collected from github.com since 2026-11-20 13:00 CET"]


def test_hostile_names_and_reasons_stay_on_their_line(session: Session) -> None:
    an_outage(session, "provider", "a\nb\u202e&x=1", NOON, reason="no\r\nanswer" + "x" * 9_000)

    plan(session, OPS, NOON)

    (notice,) = messages(session)
    assert notice.title == "Nothing is collected from a b &x=1 since 2026-11-20 12:00 UTC"
    assert len(dict(notice.facts)["Reason"]) == 300
    assert notice.links[0][1] == "/api/sources?instance=a%0Ab%E2%80%AE%26x%3D1"


def test_two_schedulers_at_the_same_moment_plan_it_once(database: Engine) -> None:
    with Session(database) as session, session.begin():
        Installation(session).broken_source("acme/web")
    start = threading.Barrier(2)

    def scheduler() -> None:
        with Session(database) as session, session.begin():
            start.wait()
            watch(session, OPS, NOON)
            plan(session, OPS, NOON)

    schedulers = [threading.Thread(target=scheduler) for _ in range(2)]
    for each in schedulers:
        each.start()
    for each in schedulers:
        each.join()

    with Session(database) as session:
        assert len(titles(session)) == 1

"""Outages seen in what collecting knows: begun and ended once, told apart from one source's trouble and a limit."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.outages import Outage, OutageKind, muted_by, open_outages, watch
from alerts.rules import Rules
from shared import health
from shared.clock import utc_now
from tests.alerts.operating import Installation, an_outage
from tests.factories import NOON, minutes

NOBODY = Rules.default({})


@pytest.fixture
def github(session: Session) -> Installation:
    return Installation(session)


def rows(session: Session) -> list[tuple[Any, ...]]:
    found = session.execute(text("SELECT kind, subject, began_at, ended_at FROM outages ORDER BY id"))
    return [tuple(row) for row in found]


def test_an_instance_whose_every_source_fails_is_away_since_the_last_good_poll(
    session: Session, github: Installation
) -> None:
    github.broken_source("acme/web", last_ok_at=NOON - minutes(12))
    github.broken_source("acme/api", last_ok_at=NOON - minutes(10))

    watch(session, NOBODY, NOON)
    watch(session, NOBODY, NOON + minutes(1))

    assert rows(session) == [("provider", "github.com", NOON - minutes(10), None)]
    (outage,) = open_outages(session)
    assert outage.reason == "github.com could not be reached: connection refused"
    assert outage.instance == "github.com"


def test_one_source_that_comes_through_ends_it_at_that_instant(session: Session, github: Installation) -> None:
    web = github.broken_source("acme/web")
    github.broken_source("acme/api")
    watch(session, NOBODY, NOON)

    github.comes_back(web, NOON + minutes(3))
    watch(session, NOBODY, NOON + minutes(4))
    watch(session, NOBODY, NOON + minutes(5))

    assert rows(session) == [("provider", "github.com", NOON - minutes(10), NOON + minutes(3))]
    assert open_outages(session) == ()


@pytest.mark.parametrize(
    "blip",
    [
        {"failures": 2},
        {"failures": 3, "last_ok_at": NOON - minutes(1.5)},
        {"failures": 9, "last_poll_at": NOON - minutes(61)},
        {"failures": 9, "is_active": False},
        {"failures": 9, "interval_reason": "github.com limits its requests; asked again after 12:30:00 UTC"},
    ],
)
def test_a_blip_a_rest_and_a_limit_are_no_outage(session: Session, github: Installation, blip: dict[str, Any]) -> None:
    github.broken_source("acme/web", **blip)

    watch(session, NOBODY, NOON)

    assert rows(session) == []


def test_one_source_that_fails_among_others_is_its_own_trouble(session: Session, github: Installation) -> None:
    github.broken_source("acme/web")
    github.source("acme/api", last_poll_at=NOON - minutes(50), last_ok_at=NOON - minutes(50))

    watch(session, NOBODY, NOON)

    assert rows(session) == []


def test_a_repository_that_is_not_there_was_answered_so_its_provider_is_there(
    session: Session, github: Installation
) -> None:
    gone = github.broken_source("acme/gone")
    github.failed_with(gone, "not_found", "404")

    watch(session, NOBODY, NOON)

    assert rows(session) == []


def test_other_instances_are_no_concern_of_one_that_is_away(session: Session, github: Installation) -> None:
    github.broken_source("acme/web")
    jenkins = Installation(session, "jenkins")
    jenkins.source("folder")

    watch(session, NOBODY, NOON)

    assert [row[:2] for row in rows(session)] == [("provider", "github.com")]


def test_an_instance_that_was_never_reached_is_away_since_it_is_watched(session: Session, github: Installation) -> None:
    github.broken_source("acme/web", last_ok_at=None, created_at=NOON - minutes(30))

    watch(session, NOBODY, NOON)

    assert rows(session) == [("provider", "github.com", NOON - minutes(30), None)]


def test_nor_does_an_outage_last_once_a_repository_was_said_not_to_be_there(
    session: Session, github: Installation
) -> None:
    web = github.broken_source("acme/web")
    watch(session, NOBODY, NOON)

    github.failed_with(web, "not_found", "404")
    watch(session, NOBODY, NOON + minutes(1))
    watch(session, NOBODY, NOON + minutes(2))

    assert rows(session) == [("provider", "github.com", NOON - minutes(10), NOON + minutes(1))]


def test_a_refused_credential_counts_at_once_and_instead_of_its_provider(
    session: Session, github: Installation
) -> None:
    web = github.broken_source("acme/web")
    watch(session, NOBODY, NOON)
    github.refuses(NOON + minutes(1))
    github.failed_with(web, "credential_refused", "github.com answered 401: Bad credentials")

    watch(session, NOBODY, NOON + minutes(2))
    watch(session, NOBODY, NOON + minutes(3))

    assert rows(session) == [
        ("provider", "github.com", NOON - minutes(10), NOON + minutes(2)),
        ("credential", "github.com", NOON + minutes(1), None),
    ]
    assert open_outages(session)[0].reason == "github.com answered 401: Bad credentials"


def test_a_poll_that_began_after_the_refusal_and_came_through_ends_it(session: Session, github: Installation) -> None:
    web = github.source("acme/web", last_poll_at=NOON - minutes(5), last_ok_at=NOON - minutes(4))
    github.refuses(NOON - minutes(4.5))
    watch(session, NOBODY, NOON)
    assert [row[0] for row in rows(session)] == ["credential"]

    session.execute(
        text("UPDATE sources SET last_poll_at = :began, last_ok_at = :ended WHERE id = :id"),
        {"began": NOON + minutes(10), "ended": NOON + minutes(11), "id": web},
    )
    watch(session, NOBODY, NOON + minutes(12))

    assert rows(session) == [("credential", "github.com", NOON - minutes(4.5), NOON + minutes(12))]


def test_a_new_credential_makes_the_refusal_of_the_old_one_history(session: Session, github: Installation) -> None:
    github.broken_source("acme/web", failures=1)
    github.refuses(NOON - minutes(5), "old")
    watch(session, NOBODY, NOON)

    session.execute(
        text("INSERT INTO credentials (fingerprint, instance_id, remaining, updated_at) VALUES ('new', :id, 9, :at)"),
        {"id": github.id, "at": NOON + minutes(1)},
    )
    watch(session, NOBODY, NOON + minutes(2))

    assert [row[0] for row in rows(session) if row[3] is None] == []


def test_an_instance_that_is_no_longer_watched_is_not_away(session: Session, github: Installation) -> None:
    github.broken_source("acme/web")
    watch(session, NOBODY, NOON)

    session.execute(text("UPDATE sources SET is_active = false"))
    watch(session, NOBODY, NOON + minutes(1))

    assert open_outages(session) == ()


def test_a_silence_of_the_schedulers_is_an_outage_with_the_instants_of_the_log(session: Session) -> None:
    health.beat(session)
    session.execute(text("UPDATE health SET heard_at = clock_timestamp() - interval '600 seconds'"))
    health.look(session)

    watch(session, NOBODY, utc_now())
    (during,) = open_outages(session)
    health.beat(session)
    watch(session, NOBODY, utc_now())
    watch(session, NOBODY, utc_now())

    ((kind, subject, began_at, ended_at),) = rows(session)
    assert (kind, subject, began_at) == ("collector", "scheduler", during.began_at)
    assert 590 < (ended_at - began_at).total_seconds() < 660
    assert "no scheduler has been heard of since" in during.reason


def test_a_silence_of_yesterday_is_the_past(session: Session) -> None:
    health.beat(session)
    session.execute(text("UPDATE health SET heard_at = clock_timestamp() - interval '600 seconds'"))
    health.beat(session)

    watch(session, NOBODY, utc_now() + minutes(24 * 60))

    assert rows(session) == []


def test_a_receiver_that_nobody_configures_any_more_is_not_off(session: Session) -> None:
    an_outage(session, "receiver", "ops", NOON)

    watch(session, NOBODY, NOON + minutes(1))

    assert rows(session) == [("receiver", "ops", NOON, NOON + minutes(1))]


def an_open_one(kind: OutageKind, instance: str | None = "github.com", **overrides: Any) -> Outage:
    fields: dict[str, Any] = {"id": 1, "kind": kind, "instance": instance, "began_at": NOON} | overrides
    return Outage(**fields)


@pytest.mark.parametrize("kind", [OutageKind.PROVIDER, OutageKind.CREDENTIAL])
def test_what_finished_during_an_outage_of_its_instance_is_muted(kind: OutageKind) -> None:
    away = an_open_one(kind)

    assert muted_by([away], "github.com", NOON) is away
    assert muted_by([away], "github.com", NOON + minutes(30)) is away
    assert muted_by([away], "github.com", NOON - minutes(1)) is None
    assert muted_by([away], "gitlab.com", NOON + minutes(1)) is None


def test_without_schedulers_everything_is_muted_and_a_receiver_mutes_nothing() -> None:
    ours = an_open_one(OutageKind.COLLECTOR, None)
    receiver = an_open_one(OutageKind.RECEIVER, None)

    assert muted_by([receiver, ours], "jenkins", NOON + minutes(1)) is ours
    assert muted_by([receiver], "jenkins", NOON + minutes(1)) is None


def test_an_outage_that_is_over_mutes_nothing_and_of_two_the_first_does() -> None:
    over = an_open_one(OutageKind.PROVIDER, ended_at=NOON + minutes(5))
    first, second = (
        an_open_one(OutageKind.CREDENTIAL),
        an_open_one(OutageKind.COLLECTOR, None, began_at=NOON + minutes(1)),
    )

    assert muted_by([over], "github.com", NOON + minutes(1)) is None
    assert muted_by([second, first], "github.com", NOON + minutes(2)) is first


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OutageKind.PROVIDER, "github.com was away from 2026-11-20 12:00 UTC"),
        (OutageKind.CREDENTIAL, "github.com refused us from 2026-11-20 12:00 UTC"),
        (OutageKind.COLLECTOR, "no scheduler ran from 2026-11-20 12:00 UTC"),
    ],
)
def test_it_says_in_words_what_news_waited_for(kind: OutageKind, words: str) -> None:
    assert an_open_one(kind).words() == words

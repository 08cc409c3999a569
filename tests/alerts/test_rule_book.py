"""The rules in force come from the tables: the file's and the API's, read anew when one changed and not before."""

from collections.abc import Mapping
from dataclasses import replace

import structlog
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.receivers.slack import SlackSettings
from alerts.rule_book import RuleBook
from alerts.rules import DEFAULT_ROUTE
from shared import alert_rules, silences
from shared.alert_rules import Table, put, remove, sync_rules
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import Config
from shared.silences import NewSilence
from tests.factories import NOON, minutes

HOOK = "https://hooks.slack.com/services/T0/B0/of-the-file"
OTHER_HOOK = "https://hooks.slack.com/services/T0/B0/of-the-api"
VARIABLE = "OBSERVATORY_RECEIVER_TEAM"

OPS = SlackSettings(kind="slack", name="ops", webhook_url=SecretStr(HOOK), group_wait=0)
CONFIG = Config(receivers=(OPS,), receiver_secrets={"ops": {"webhook_url_env": "SLACK"}})
TEAM = {"kind": "slack", "name": "team", "webhook_url_env": VARIABLE, "group_interval": 60}


def a_route(name: str, *receivers: str) -> RouteSettings:
    return RouteSettings(name=name, receivers=receivers or ("ops",))


def a_book(session: Session, config: Config = CONFIG, environ: Mapping[str, str] | None = None) -> RuleBook:
    sync_rules(session, config)
    return RuleBook(config, environ or {})


def problems(session: Session) -> dict[str, str | None]:
    return {rule.name: rule.problem for rule in alert_rules.in_force(session, Table.RECEIVERS)}


def test_without_a_route_every_receiver_is_told(session: Session) -> None:
    book = a_book(session)

    rules = book.read(session)

    assert rules.routes[DEFAULT_ROUTE].receivers == ("ops",)
    assert rules.receivers == {"ops": OPS}
    assert list(book.receivers()) == ["ops"]


def test_routes_are_asked_in_the_order_of_the_file_and_then_by_name(session: Session) -> None:
    config = replace(CONFIG, routes=(a_route("zeta"), a_route("alpha")))
    book = a_book(session, config)
    put(session, Table.ROUTES, "gamma", alert_rules.written(a_route("gamma")), "ada")
    put(session, Table.ROUTES, "beta", alert_rules.written(a_route("beta")), "ada")

    assert list(book.read(session).routes) == ["zeta", "alpha", "beta", "gamma"]


def test_where_both_name_one_the_file_wins_until_it_names_it_no_more(session: Session) -> None:
    put(session, Table.ROUTES, "night", {"name": "night", "receivers": ["ops"], "confirm": 5}, "ada")
    config = replace(CONFIG, routes=(a_route("night"),))

    assert a_book(session, config).read(session).routes["night"].confirm == 1

    assert a_book(session, CONFIG).read(session).routes["night"].confirm == 5


def test_nothing_is_read_again_while_nothing_changed(session: Session) -> None:
    book = a_book(session)

    rules, receiver = book.read(session), book.receivers()["ops"]
    sync_rules(session, CONFIG)

    assert book.read(session) is rules
    silences.add(session, a_silence())
    assert [silence.reason for silence in book.read(session).silences] == ["the registry moves"]
    assert book.receivers()["ops"] is receiver


def test_a_receiver_made_by_api_is_opened_with_the_secret_of_its_variable(session: Session) -> None:
    put(session, Table.RECEIVERS, "team", TEAM, "ada")
    book = a_book(session, environ={VARIABLE: OTHER_HOOK})

    rules = book.read(session)

    assert rules.receivers["team"].group_interval == 60
    assert list(book.receivers()) == ["ops", "team"]
    assert problems(session) == {"ops": None, "team": None}


def test_one_whose_variable_is_not_set_keeps_its_news_and_says_so(session: Session) -> None:
    put(session, Table.RECEIVERS, "team", TEAM, "ada")
    book = a_book(session)

    rules = book.read(session)

    assert rules.receivers["team"].group_interval == 60
    assert list(book.receivers()) == ["ops"]
    assert f"the environment variable {VARIABLE} is not set" in str(problems(session)["team"])


def test_a_receiver_that_is_gone_or_changed_is_opened_no_more_or_anew(session: Session) -> None:
    put(session, Table.RECEIVERS, "team", TEAM, "ada")
    book = a_book(session, environ={VARIABLE: OTHER_HOOK})
    book.read(session)
    before = book.receivers()["team"]

    put(session, Table.RECEIVERS, "team", TEAM | {"group_interval": 90}, "ada")
    book.read(session)
    after = book.receivers()["team"]
    remove(session, Table.RECEIVERS, "team")
    book.read(session)

    assert after is not before
    assert list(book.receivers()) == ["ops"]


def test_a_secret_of_ours_is_not_sent_anywhere_even_if_a_row_names_it(session: Session) -> None:
    put(session, Table.RECEIVERS, "team", TEAM | {"webhook_url_env": "DATABASE_URL"}, "mallory")
    book = a_book(session, environ={"DATABASE_URL": "https://evil.example.com"})

    book.read(session)

    assert list(book.receivers()) == ["ops"]
    assert "must name a variable that begins with OBSERVATORY_RECEIVER_" in str(problems(session)["team"])


def test_a_row_that_means_nothing_any_more_is_told_once_and_the_others_stand(session: Session) -> None:
    config = replace(CONFIG, routes=(a_route("good"),))
    book = a_book(session, config)
    put(session, Table.ROUTES, "odd", {"name": "odd", "receivers": [], "moon": "full"}, "ada")

    with structlog.testing.capture_logs() as said:
        first = book.read(session)
        session.execute(text("UPDATE alert_rules SET version = version + 1"))
        book.read(session)

    assert list(first.routes) == ["good"]
    assert [line["name"] for line in said if line["log_level"] == "error"] == ["odd"]


def test_a_receiver_that_only_another_schedulers_file_has_is_left_to_that_one(session: Session) -> None:
    sync_rules(session, CONFIG)
    book = RuleBook(Config(), {})

    rules = book.read(session)

    assert rules.receivers["ops"].group_wait == 0
    assert book.receivers() == {}
    assert problems(session) == {"ops": None}


def a_silence() -> NewSilence:
    return NewSilence(
        matchers=Matchers(pipeline=("ci",)),
        reason="the registry moves",
        author="ada",
        starts_at=NOON,
        ends_at=NOON + minutes(120),
    )

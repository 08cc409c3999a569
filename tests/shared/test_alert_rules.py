"""The tables follow the file without a word of a secret; each change is counted, a repeat writes nothing."""

import threading
from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.receivers.slack import SlackSettings
from shared import alert_rules
from shared.alert_rules import Origin, Table, in_force, put, remove, sync_rules, version
from shared.config.routes import RouteSettings
from shared.config.settings import Config

SECRET = "https://hooks.slack.com/services/T0/B0/of-the-file"
OPS = SlackSettings(kind="slack", name="ops", webhook_url=SecretStr(SECRET), group_wait=5)
NIGHT = RouteSettings(name="night", receivers=("ops",), confirm=2)
RAW = RouteSettings(name="raw", receivers=("ops",), every_transition=True)
CONFIG = Config(receivers=(OPS,), routes=(NIGHT, RAW), receiver_secrets={"ops": {"webhook_url_env": "SLACK"}})


def names(session: Session, table: Table = Table.ROUTES) -> list[str]:
    return [rule.name for rule in in_force(session, table)]


def places(session: Session) -> list[str]:
    """What identifies the stored rows: a row that was written again has another ctid."""
    statement = "SELECT ctid::text FROM routes UNION ALL SELECT ctid::text FROM receivers ORDER BY 1"
    return list(session.scalars(text(statement)))


def test_the_tables_hold_what_the_file_says_and_no_secret(session: Session) -> None:
    assert sync_rules(session, CONFIG)

    (ops,) = in_force(session, Table.RECEIVERS)
    assert ops.settings == {"kind": "slack", "name": "ops", "group_wait": 5, "webhook_url_env": "SLACK"}
    assert [rule.settings for rule in in_force(session, Table.ROUTES)] == [
        {"name": "night", "receivers": ["ops"], "confirm": 2},
        {"name": "raw", "receivers": ["ops"], "every_transition": True},
    ]
    assert SECRET not in str(session.execute(text("SELECT * FROM receivers")).all())


def test_a_repeat_writes_nothing_and_counts_nothing(session: Session) -> None:
    sync_rules(session, CONFIG)
    before = (places(session), version(session))

    assert not sync_rules(session, CONFIG)

    assert (places(session), version(session)) == before


def test_what_the_file_names_no_more_is_gone_and_what_changed_is_counted(session: Session) -> None:
    sync_rules(session, CONFIG)
    before = version(session)

    sync_rules(session, replace(CONFIG, routes=(RAW,)))
    sync_rules(session, replace(CONFIG, routes=(RAW, NIGHT)))

    assert names(session) == ["raw", "night"]
    assert version(session) == before + 2


def test_what_the_api_made_stays_beside_the_file_and_behind_it(session: Session) -> None:
    put(session, Table.ROUTES, "night", {"name": "night", "receivers": ["ops"], "confirm": 9}, "ada")
    put(session, Table.ROUTES, "day", {"name": "day", "receivers": ["ops"]}, "ada")

    sync_rules(session, CONFIG)

    found = {rule.name: (rule.origin, rule.settings.get("confirm")) for rule in in_force(session, Table.ROUTES)}
    assert found == {"night": (Origin.FILE, 2), "raw": (Origin.FILE, None), "day": (Origin.API, None)}
    sync_rules(session, Config())
    assert names(session) == ["day", "night"]


def test_a_rule_is_new_once_and_gone_once(session: Session) -> None:
    settings = {"name": "day", "receivers": ["ops"]}
    before = version(session)

    told = [
        put(session, Table.ROUTES, "day", settings, "ada"),
        put(session, Table.ROUTES, "day", settings, "ada"),
        put(session, Table.ROUTES, "day", settings | {"confirm": 2}, "bob"),
        remove(session, Table.ROUTES, "day"),
        remove(session, Table.ROUTES, "day"),
    ]

    assert told == [True, False, False, True, False]
    assert version(session) == before + 3


def test_a_file_rule_is_not_removed_by_the_api(session: Session) -> None:
    sync_rules(session, CONFIG)

    assert not remove(session, Table.ROUTES, "night")

    assert names(session) == ["night", "raw"]


def test_schedulers_that_start_together_bring_the_same_in_once(database: Engine) -> None:
    together = threading.Barrier(4)

    def start() -> None:
        with Session(database) as session, session.begin():
            together.wait(10)
            sync_rules(session, CONFIG)

    schedulers = [threading.Thread(target=start) for _ in range(4)]
    for scheduler in schedulers:
        scheduler.start()
    for scheduler in schedulers:
        scheduler.join(20)

    with Session(database) as session:
        assert (names(session), version(session)) == (["night", "raw"], 1)


def test_why_a_receiver_does_not_open_is_noted_and_taken_back(session: Session) -> None:
    sync_rules(session, CONFIG)
    (ops,) = in_force(session, Table.RECEIVERS)

    alert_rules.note_problem(session, ops, "the environment variable SLACK is not set")
    noted = in_force(session, Table.RECEIVERS)[0].problem
    alert_rules.note_problem(session, ops, None)

    assert noted == "the environment variable SLACK is not set"
    assert in_force(session, Table.RECEIVERS)[0].problem is None

"""`why-alerted` and `alerts`: who was told and why, what was sent, a real test message, other rules tried."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import alert_rules
from shared.clock import utc_now
from shared.config.settings import Config, ReceiverSettings
from tests.alerts.receivers.slack import SlackStand
from tests.alerts.stand import Said
from tests.api.serving import World, a_world
from tests.cli.conftest import Run
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident
from tests.told import a_decision, a_delivery, a_routing, a_telling


@pytest.fixture
def world(database: Engine) -> World:
    """Build 1 ran and failed, events 1 and 2, which opened incident 1."""
    world = a_world(database)
    world.record(a_build("running"))
    world.record(a_build("failed"))
    an_incident(database)
    return world


def lines(output: str) -> list[list[str]]:
    return [line.split("\t") for line in output.splitlines()]


def test_why_alerted_shows_each_route_with_its_reason(run: Run, world: World, database_url: str) -> None:
    now = utc_now()
    a_decision(world.engine, 2, "broke", incident_id=1, unmatched={"web": "project acme is none of shop"})
    a_routing(world.engine, 2, "told", incident_id=1, delivery_id=12, settled_at=now - minutes(180))
    a_routing(world.engine, 2, "held", receiver="mail", incident_id=1, reason="silenced by ada: a new runner")
    a_telling(world.engine, 1, receiver="mail", wanted_at=now, due_at=now + minutes(61))

    result = run("why-alerted", "2", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    event, *routes = lines(result.stdout)
    assert event[1:4] == ["2", "build 1", "running → failed"]
    assert event[5:] == ["1", "The branch worked before and is broken since this build."]
    assert routes == [
        ["routes", "held", "mail", "ops", "broke", "-", "silenced by ada: a new runner; looked at again in 1 h"],
        ["routes", "told", "slack", "ops", "broke", "12", "told 3 h ago"],
        ["routes", "unmatched", "-", "web", "-", "-", "project acme is none of shop"],
    ]


def test_a_builds_last_verdict_is_found_by_its_id(run: Run, world: World, database_url: str) -> None:
    a_decision(world.engine, 2, "broke", incident_id=1)
    world.record(a_build("running", attempt=2))

    document = json.loads(run("why-alerted", "--build", "1", "--json", DATABASE_URL=database_url).stdout)

    assert (document["pos"], document["decision"], document["routes"]) == (2, "broke", [])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("99",), 1, "the log has no event 99"),
        (("--build", "99"), 1, "there is no build 99"),
        ((), 2, "one of both"),
        (("2", "--build", "1"), 2, "one of both"),
    ],
)
def test_what_is_not_there_is_said(
    run: Run, world: World, database_url: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = run("why-alerted", *arguments, DATABASE_URL=database_url)

    assert result.exit_code == code
    assert words in result.stderr


def test_messages_are_listed_newest_first(run: Run, world: World, database_url: str) -> None:
    a_delivery(world.engine)
    a_delivery(world.engine, receiver="mail", state="dead", last_error="550 no such mailbox")

    shown = lines(run("alerts", "deliveries", DATABASE_URL=database_url).stdout)
    dead = json.loads(run("alerts", "deliveries", "--state", "dead", "--json", DATABASE_URL=database_url).stdout)

    assert [row[1:5] for row in shown] == [["2", "dead", "mail", "news"], ["1", "sent", "slack", "news"]]
    assert shown[0][-1] == "Test message to ops; 550 no such mailbox"
    assert [row["id"] for row in dead["deliveries"]] == [2]


def a_file(folder: Path, url: str, *more: str) -> Path:
    path = folder / "config.toml"
    receiver = ["[[receivers]]", 'kind = "slack"', 'name = "ops"', 'webhook_url_env = "HOOK"']
    path.write_text("\n".join([*receiver, *more]))
    return path


def test_a_test_message_is_really_sent(run: Run, world: World, database_url: str, tmp_path: Path) -> None:
    world.run("INSERT INTO receiver_states (receiver, off_since, off_reason) VALUES ('ops', now(), 'gone')")
    with SlackStand() as slack:
        a_file(tmp_path, slack.url)

        result = run("alerts", "test", "ops", DATABASE_URL=database_url, HOOK=slack.url)

        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines() == [
            "ops took the message.",
            "ops was switched off; it is on again, and what waits for it is sent.",
        ]
        assert "Test message to ops" in slack.titles[0]
    assert world.ask("SELECT off_since FROM receiver_states") is None


def test_what_a_receiver_answers_is_said(run: Run, world: World, database_url: str, tmp_path: Path) -> None:
    with SlackStand() as slack:
        a_file(tmp_path, slack.url)
        slack.say(Said(404, "no_service"))

        result = run("alerts", "test", "ops", DATABASE_URL=database_url, HOOK=slack.url)

    assert result.exit_code == 1
    assert "ops takes no messages any more" in result.stderr


def test_an_unknown_receiver_is_named_with_the_known_ones(
    run: Run, world: World, database_url: str, tmp_path: Path
) -> None:
    a_file(tmp_path, "x")

    result = run("alerts", "test", "opps", DATABASE_URL=database_url, HOOK="http://127.0.0.1:9/x")

    assert result.exit_code == 2
    assert "no receiver is called opps; did you mean ops?" in result.stderr


@pytest.fixture
def yesterday(world: World) -> World:
    """The build failed yesterday, while a receiver called ops was in force."""
    with Session(world.engine) as session, session.begin():
        alert_rules.sync_rules(session, Config(receivers=(ReceiverSettings(kind="slack", name="ops"),)))
    at = utc_now() - timedelta(days=1)
    for statement in (
        "UPDATE events SET at = :at, recorded_at = :at",
        "UPDATE attempts SET finished_at = :at",
        "UPDATE sources SET baseline_at = :baseline",
        "DELETE FROM incidents",
    ):
        given: dict[str, Any] = {"at": at, "baseline": NOON - minutes(9_999)}
        world.run(statement, **{name: value for name, value in given.items() if f":{name}" in statement})
    return world


def test_rules_in_force_are_tried_on_what_happened(run: Run, yesterday: World, database_url: str) -> None:
    result = run("alerts", "backtest", "--since", "2d", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    receivers, messages = lines(result.stdout)
    assert receivers == ["receivers", "ops", "1", "0.5", "1", "0"]
    assert (messages[1], messages[3:]) == ("ops", ["1", "acme/web ci broke on main"])


def test_another_files_rules_are_compared_with_them(
    run: Run, yesterday: World, database_url: str, tmp_path: Path
) -> None:
    path = a_file(tmp_path, "x", "[[routes]]", 'name = "all"', 'receivers = ["ops"]', "confirm = 2")
    new = path.rename(tmp_path / "new.toml")

    arguments = ("alerts", "backtest", "--since", "2d", "--config", str(new))
    result = run(*arguments, DATABASE_URL=database_url, HOOK="http://127.0.0.1:9/x")

    assert result.exit_code == 0, result.output
    receivers, reason, change = lines(result.stdout)
    assert receivers == ["receivers", "ops", "0", "0.0", "0", "1", "1 messages"]
    assert reason == ["reasons", "ops", "hidden", "1", "1 of 2 failures"]
    assert change[:3] == ["changes", "ops", "no longer told"]
    assert change[3].startswith("acme/web ci on main")


def test_as_json_it_is_the_answer_of_the_api(run: Run, yesterday: World, database_url: str) -> None:
    document = json.loads(run("alerts", "backtest", "--since", "36h", "--json", DATABASE_URL=database_url).stdout)

    assert (document["events"], document["is_complete"]) == (2, True)
    assert [each["receiver"] for each in document["receivers"]] == ["ops"]


def test_a_span_that_is_none_is_refused(run: Run, database_url: str) -> None:
    result = run("alerts", "backtest", "--since", "soon", DATABASE_URL=database_url)

    assert result.exit_code == 2
    assert "must be a duration" in result.stderr


def test_nothing_is_left_behind(run: Run, yesterday: World, database_url: str) -> None:
    run("alerts", "backtest", "--since", "2d", DATABASE_URL=database_url)

    with yesterday.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM deliveries")) == 0

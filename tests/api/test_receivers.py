"""Receivers by API: the keys of the file, of secrets only variables meant for it, and how each stands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy.orm import Session

from alerts.receivers.slack import SlackSettings
from alerts.rule_book import RuleBook
from api.rule_shapes import ReceiverSchema
from shared.alert_rules import sync_rules
from shared.config.settings import Config
from shared.keys import Scope
from tests.api.serving import World, serve
from tests.told import a_delivery

VARIABLE = "OBSERVATORY_RECEIVER_TEAM"
TEAM = {"kind": "slack", "webhook_url_env": VARIABLE, "group_interval": "10m"}
OPS = SlackSettings(kind="slack", name="ops", webhook_url=SecretStr("https://hooks.slack.com/services/T0/B0/secret"))
FILE = Config(receivers=(OPS,), receiver_secrets={"ops": {"webhook_url_env": "SLACK_WEBHOOK_URL"}})


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    with Session(world.engine) as session, session.begin():
        sync_rules(session, FILE)
    return {"Authorization": f"Bearer {world.key(Scope.CONFIG, name='ada')}"}


def read_by_scheduler(world: World, **environ: str) -> None:
    with Session(world.engine) as session, session.begin():
        RuleBook(FILE, environ).read(session)


def mistakes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def test_the_files_receivers_are_shown_without_their_secrets(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/api/receivers")

    (receiver,) = answer.get_json()["receivers"]
    assert "services/T0" not in answer.text
    assert receiver["webhook_url_env"] == "SLACK_WEBHOOK_URL"
    assert (receiver["origin"], receiver["group_wait"], receiver["digest"]) == ("file", 20, "daily")


def test_a_receiver_is_made_shown_replaced_and_taken_away(client: FlaskClient, headers: dict[str, str]) -> None:
    made = client.put("/api/receivers/team", json=TEAM, headers=headers)
    shown = client.get("/api/receivers/team").get_json()
    replaced = client.put("/api/receivers/team", json=TEAM | {"digest": "never"}, headers=headers)
    gone = client.delete("/api/receivers/team", headers=headers)

    assert (made.status_code, made.headers["Location"]) == (201, "/api/receivers/team")
    assert made.get_json()["group_interval"] == 600
    assert (shown["webhook_url_env"], shown["author"], shown["origin"]) == (VARIABLE, "ada", "api")
    assert ReceiverSchema(unknown="include").validate(shown) == {}
    assert (replaced.status_code, replaced.get_json()["digest"]) == (200, "never")
    assert gone.status_code == 204
    assert client.get("/api/receivers/team").status_code == 404


def test_whether_it_can_be_opened_is_the_schedulers_word(
    world: World, client: FlaskClient, headers: dict[str, str]
) -> None:
    client.put("/api/receivers/team", json=TEAM, headers=headers)

    read_by_scheduler(world)
    without = client.get("/api/receivers/team").get_json()
    read_by_scheduler(world, **{VARIABLE: "https://hooks.slack.com/services/T0/B0/x"})
    with_it = client.get("/api/receivers/team").get_json()

    assert (without["is_openable"], without["problem"]) == (
        False,
        f"the environment variable {VARIABLE} is not set; set it, or {VARIABLE}_FILE to a file's path",
    )
    assert (with_it["is_openable"], with_it["problem"]) == (True, None)


def test_how_it_stands_is_told(world: World, client: FlaskClient, headers: dict[str, str]) -> None:
    world.run(
        "INSERT INTO receiver_states (receiver, off_since, off_reason, last_sent_at) "
        "VALUES ('ops', '2026-11-20 12:00Z', 'Slack answered 404 no_service', '2026-11-19 12:00Z')"
    )

    receiver = client.get("/api/receivers/ops").get_json()

    assert receiver["off_reason"] == "Slack answered 404 no_service"
    assert (receiver["off_since"], receiver["last_sent_at"]) == ("2026-11-20T12:00:00Z", "2026-11-19T12:00:00Z")


SECRET = "https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx"
INSTEAD = (
    "a secret is never sent here, and no file is read for a receiver made by API; put it into a variable of the "
    'scheduler whose name begins with OBSERVATORY_RECEIVER_, and name that as "webhook_url_env"'
)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (
            {"kind": "slack", "webhook_url_env": "DATABASE_URL"},
            {"webhook_url_env": "must name a variable that begins with OBSERVATORY_RECEIVER_"},
        ),
        ({"kind": "slack", "webhook_url": SECRET}, {"webhook_url": INSTEAD}),
        ({"kind": "slack", "webhook_url_file": "/etc/shadow"}, {"webhook_url_file": INSTEAD}),
        (
            TEAM | {"group_wait": "soon"},
            {"group_wait": 'must be a duration such as "30s", "5m" or "1h30m", not "soon"'},
        ),
        (TEAM | {"colour": "red"}, {"colour": "unknown key; known: "}),
        (TEAM | {"timezone": "Berlin"}, {"timezone": '"Berlin" is no time zone; did you mean'}),
        (
            {"kind": "smtp", "host": "mail", "sender": "a@example.com", "to": ["b@example.com"], "ca_file": "/etc/x"},
            {"ca_file": "a receiver made by API reads no file; make one in the configuration file"},
        ),
        ({"kind": "pigeon"}, {"kind": "is not a kind we know; it can be "}),
        ({}, {"kind": "is missing; it can be "}),
    ],
)
def test_what_cannot_be_meant_or_must_not_be_is_refused(
    client: FlaskClient, headers: dict[str, str], body: dict[str, Any], wrong: dict[str, str]
) -> None:
    answer = client.put("/api/receivers/team", json=body, headers=headers)

    found = mistakes(answer)
    assert found.keys() == wrong.keys()
    assert all(words in found[place] for place, words in wrong.items()), found
    assert SECRET not in answer.text
    assert client.get("/api/receivers/team").status_code == 404


def test_what_stands_in_the_file_is_changed_there(client: FlaskClient, headers: dict[str, str]) -> None:
    put, delete = (
        client.put("/api/receivers/ops", json=TEAM, headers=headers),
        client.delete("/api/receivers/ops", headers=headers),
    )

    assert (put.status_code, delete.status_code) == (409, 409)
    assert put.get_json()["detail"] == "The receiver ops stands in the configuration file; change it there."


def test_one_that_a_route_leads_to_stays(client: FlaskClient, headers: dict[str, str]) -> None:
    client.put("/api/receivers/team", json=TEAM, headers=headers)
    client.put("/api/routes/night", json={"receivers": ["team"]}, headers=headers)

    kept = client.delete("/api/receivers/team", headers=headers)

    assert kept.status_code == 409
    assert kept.get_json()["detail"] == "The receiver team is led to by night; change or delete that first."


def test_only_a_key_for_it_changes_receivers(world: World, client: FlaskClient) -> None:
    reader = {"Authorization": f"Bearer {world.key(Scope.READ)}"}

    assert client.put("/api/receivers/team", json=TEAM, headers=reader).status_code == 403
    assert client.delete("/api/receivers/team", headers=reader).status_code == 403


def test_whoever_mends_a_receiver_has_what_waits_for_it_tried_now(
    world: World, client: FlaskClient, headers: dict[str, str]
) -> None:
    client.put("/api/receivers/team", json=TEAM, headers=headers)
    later = datetime.now(UTC) + timedelta(hours=1)
    tried = a_delivery(world.engine, receiver="team", state="pending", tries=8, next_try_at=later)
    a_delivery(world.engine, receiver="team", state="pending", tries=0, next_try_at=later)

    client.put("/api/receivers/team", json=TEAM | {"digest": "never"}, headers=headers)

    due = "SELECT array_agg(id) FROM deliveries WHERE next_try_at <= clock_timestamp()"
    assert world.ask(due) == [tried]


def test_how_people_are_reached_is_nobodys_who_has_no_key_even_where_reading_is_free(world: World) -> None:
    with Session(world.engine) as session, session.begin():
        sync_rules(session, FILE)
    anyone, reader = serve(world.engine, host="0.0.0.0", public_read=True), world.key(Scope.READ, name="reader")

    refused = [anyone.get(path) for path in ("/api/receivers", "/api/receivers/ops")]
    shown = anyone.get("/api/receivers/ops", headers={"Authorization": f"Bearer {reader}"})

    assert [answer.status_code for answer in refused] == [401, 401]
    assert "a key with the scope read" in refused[0].get_json()["detail"]
    assert shown.get_json()["webhook_url_env"] == "SLACK_WEBHOOK_URL"

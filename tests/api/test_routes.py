"""Routes by API: the keys of the file, its words for mistakes, and its precedence."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.rule_shapes import OneRouteSchema
from shared import alert_rules
from shared.alert_rules import Table, sync_rules
from shared.config.routes import RouteSettings
from shared.config.settings import Config, ReceiverSettings
from shared.keys import Scope
from tests.api.serving import World

OPS = ReceiverSettings(kind="slack", name="ops")


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    has_file(world.engine)
    return {"Authorization": f"Bearer {world.key(Scope.CONFIG, name='ada')}"}


def has_file(engine: Engine, *routes: RouteSettings) -> None:
    with Session(engine) as session, session.begin():
        sync_rules(session, Config(receivers=(OPS,), routes=routes))


def version(world: World) -> int:
    return int(world.ask("SELECT version FROM alert_rules"))


def mistakes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def test_without_a_route_the_one_that_stands_in_is_shown(client: FlaskClient, headers: dict[str, str]) -> None:
    (route,) = client.get("/api/routes").get_json()["routes"]

    assert (route["name"], route["receivers"], route["origin"]) == ("default", ["ops"], "default")
    assert (route["branch"], route["on"]) == (["@default"], ["broke", "flapping", "fixed"])


def test_a_route_is_made_shown_replaced_and_taken_away(client: FlaskClient, headers: dict[str, str]) -> None:
    made = client.put("/api/routes/night", json={"receivers": "ops", "repeat_every": "4h"}, headers=headers)
    shown = client.get("/api/routes/night")
    replaced = client.put("/api/routes/night", json={"name": "night", "receivers": ["ops"]}, headers=headers)
    gone = client.delete("/api/routes/night", headers=headers)

    assert (made.status_code, made.headers["Location"]) == (201, "/api/routes/night")
    assert made.get_json()["repeat_every"] == 14_400
    assert OneRouteSchema().validate(shown.get_json()) == {}
    assert (shown.get_json()["origin"], shown.get_json()["author"]) == ("api", "ada")
    assert (replaced.status_code, replaced.get_json()["repeat_every"]) == (200, None)
    assert gone.status_code == 204
    assert client.get("/api/routes/night").status_code == 404
    assert client.delete("/api/routes/night", headers=headers).status_code == 404


def test_what_is_shown_can_be_put_again(client: FlaskClient, headers: dict[str, str]) -> None:
    quiet = {"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin", "days": ["fri"]}
    client.put("/api/routes/night", json={"receivers": ["ops"], "quiet_hours": quiet}, headers=headers)
    client.put("/api/routes/raw", json={"receivers": ["ops"], "every_transition": True}, headers=headers)

    for shown in client.get("/api/routes").get_json()["routes"]:
        body = {key: shown[key] for key in RouteSettings.model_fields}
        assert client.put(f"/api/routes/{shown['name']}", json=body, headers=headers).get_json() == shown | {
            "changed_at": client.get(f"/api/routes/{shown['name']}").get_json()["changed_at"]
        }


def test_a_repeat_changes_nothing(world: World, client: FlaskClient, headers: dict[str, str]) -> None:
    body = {"receivers": ["ops"], "confirm": 2}
    first = client.put("/api/routes/night", json=body, headers=headers)
    before = version(world)

    second = client.put("/api/routes/night", json=body, headers=headers)

    assert (second.status_code, second.get_json()) == (200, first.get_json())
    assert version(world) == before


def test_every_mistake_is_told_with_what_would_be_right_and_the_old_stays(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    client.put("/api/routes/night", json={"receivers": ["ops"]}, headers=headers)

    refused = client.put(
        "/api/routes/night",
        json={"receivers": ["ops"], "on": ["brok"], "confrim": 2, "quiet_hours": {"start": 22, "end": "7:00"}},
        headers=headers,
    )

    assert mistakes(refused) == {
        "on[0]": "must be one of 'broke', 'still_failing', 'flapping' or 'fixed', not \"brok\"",
        "confrim": "unknown key; did you mean confirm?",
        "quiet_hours.start": 'must be a time of day in quotes such as "22:00"',
    }
    assert client.get("/api/routes/night").get_json()["confirm"] == 1


@pytest.mark.parametrize(
    ("name", "body", "wrong"),
    [
        ("night", {"receivers": ["opps"]}, {"receivers[0]": "no receiver is called opps; did you mean ops?"}),
        ("night", {}, {"receivers": "is missing; it is the names of the receivers it leads to"}),
        (
            "night",
            {"receivers": ["ops"], "pipeline": "a\0b"},
            {"pipeline": "must not hold the character NUL"},
        ),
        (
            "night",
            {"receivers": ["ops"], "name": "day"},
            {"name": 'must be "night" as in the address, or left out'},
        ),
        (
            "a b",
            {"receivers": ["ops"]},
            {"name": 'must begin with a letter or digit and hold only those and ". _ -", not "a b"'},
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    client: FlaskClient, headers: dict[str, str], name: str, body: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert mistakes(client.put(f"/api/routes/{name}", json=body, headers=headers)) == wrong
    assert [route["name"] for route in client.get("/api/routes").get_json()["routes"]] == ["default"]


def test_a_route_for_a_project_or_an_installation_that_is_not_there_is_refused(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    body = {"receivers": "ops", "project": ["defalt", "web-*"], "instance": "nowhere"}

    told = mistakes(client.put("/api/routes/web", json=body, headers=headers))

    assert told["project[0]"] == "no project is called defalt; did you mean default?"
    assert told["instance[0]"].startswith("no provider is called nowhere")
    assert "project[1]" not in told
    assert client.get("/api/routes/web").status_code == 404


def test_what_stands_in_the_file_is_changed_there(world: World, client: FlaskClient, headers: dict[str, str]) -> None:
    has_file(world.engine, RouteSettings(name="night", receivers=("ops",), confirm=3))

    for answer in (
        client.put("/api/routes/night", json={"receivers": ["ops"]}, headers=headers),
        client.delete("/api/routes/night", headers=headers),
    ):
        assert answer.status_code == 409
        assert answer.get_json()["detail"] == "The route night stands in the configuration file; change it there."
    assert client.get("/api/routes/night").get_json()["confirm"] == 3


def test_a_key_that_may_only_read_changes_nothing(world: World, client: FlaskClient) -> None:
    has_file(world.engine)
    reader = {"Authorization": f"Bearer {world.key(Scope.READ, Scope.SILENCE)}"}

    assert client.put("/api/routes/night", json={"receivers": ["ops"]}, headers=reader).status_code == 403
    assert client.put("/api/routes/night", json={"receivers": ["ops"]}).status_code == 401
    assert client.delete("/api/routes/default", headers=reader).status_code == 403


def test_a_row_of_another_version_is_shown_as_it_stands(world: World, client: FlaskClient) -> None:
    with Session(world.engine) as session, session.begin():
        alert_rules.put(session, Table.ROUTES, "odd", {"name": "odd", "receivers": [], "moon": "full"}, "ada")

    (route,) = client.get("/api/routes").get_json()["routes"]

    assert (route["receivers"], route["confirm"]) == ([], 1)

"""`POST /api/alerts/backtest`: worked out by a process of its own, one at a time, wrong rules refused in words."""

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from api import backtest_shapes as shapes
from shared import alert_rules
from shared.config.settings import Config, ReceiverSettings
from shared.keys import Scope
from tests.api.serving import World
from tests.factories import NOON, a_build, minutes

SPAN = {"since": "2026-11-20T11:00:00Z", "until": "2026-11-20T18:00:00Z"}


@pytest.fixture
def authorized(world: World) -> dict[str, str]:
    """Someone who may change the configuration; a receiver; and a pipeline that broke on two branches."""
    with Session(world.engine) as session, session.begin():
        alert_rules.sync_rules(session, Config(receivers=(ReceiverSettings(kind="slack", name="ops"),)))
    for branch in ("main", "topic"):
        world.record(a_build("running", external_id=branch, branch=branch))
        world.record(a_build("failed", external_id=branch, branch=branch))
    world.run("UPDATE events SET recorded_at = at")
    world.run("UPDATE sources SET baseline_at = :at", at=NOON - minutes(60))
    return {"Authorization": f"Bearer {world.key(Scope.READ, Scope.CONFIG)}"}


def ask(client: FlaskClient, headers: dict[str, str], **body: Any) -> Any:
    return client.post("/api/alerts/backtest", json=SPAN | body, headers=headers)


def test_rules_are_tried_beside_those_in_force(client: FlaskClient, authorized: dict[str, str]) -> None:
    route = {"name": "topics", "receivers": "ops", "branch": "topic"}

    answer = ask(client, authorized, routes=[route])

    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert shapes.BacktestSchema().validate(found) == {}
    (ops,) = found["receivers"]
    assert [sent["title"] for sent in ops["sent"]] == ["acme/web ci broke on topic"]
    assert (ops["difference"]["newly_told"], ops["difference"]["no_longer_told"]) == (1, 1)
    assert (found["is_complete"], found["events"]) == (True, 4)


def test_messages_are_counted_though_not_shown(client: FlaskClient, authorized: dict[str, str]) -> None:
    (ops,) = ask(client, authorized, most_sent=0).get_json()["receivers"]

    assert (ops["messages"], ops["sent"], ops["difference"]) == (1, [], None)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"routes": [{"name": "a"}]}, "routes[0].receivers", "is missing"),
        ({"routes": [{"name": "a", "receivers": "ops", "confim": 2}]}, "routes[0].confim", "did you mean confirm?"),
        ({"routes": [{"name": "a", "receivers": ["opps"]}]}, "routes[0].receivers", "did you mean ops?"),
        ({"receivers": [{"name": "a", "kind": "x", "group_wait": "soon"}]}, "receivers[0].group_wait", "duration"),
        ({"until": "2026-11-20T11:00:00Z"}, "until", "must be later than since"),
        ({"since": "2026-01-01T00:00:00Z"}, "since", "at most 92 days"),
        ({"since": "0001-01-01T00:00:00Z", "until": "0001-01-02T00:00:00Z"}, "since", "must not lie before 2000"),
        ({"routes": "all"}, "routes", "Not a valid list"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(
    client: FlaskClient, authorized: dict[str, str], body: dict[str, Any], field: str, words: str
) -> None:
    answer = ask(client, authorized, **body)

    assert answer.status_code == 422, answer.text
    (mistake,) = answer.get_json()["errors"]
    assert mistake["field"] == field
    assert words in mistake["message"]


def test_while_one_is_worked_out_another_has_to_wait(
    world: World, client: FlaskClient, authorized: dict[str, str]
) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('observatory back-test'))"))
        refused = ask(client, authorized)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(client, authorized).status_code == 200


def test_two_at_once_in_one_server_are_one_and_a_refusal(client: FlaskClient, authorized: dict[str, str]) -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(ask(client, authorized).status_code)) for _ in range(2)]

    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(codes) == [200, 429]


def test_reading_alone_is_not_enough(world: World, client: FlaskClient) -> None:
    reader = {"Authorization": f"Bearer {world.key(Scope.READ)}"}

    assert ask(client, reader).status_code == 403

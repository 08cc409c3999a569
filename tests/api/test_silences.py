"""Silences by API: made with a reason and an end, listed by how they stand, ended early."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.silence_shapes import OneSilenceSchema, SilencesSchema
from shared.clock import utc_now
from shared.keys import Scope
from tests.api.serving import World

BODY = {"matchers": {"pipeline": "ci", "branch": ["main"]}, "reason": "the registry moves", "duration_seconds": "2h"}


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.key(Scope.SILENCE, name='ada')}"}


def mistakes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def in_hours(count: float) -> str:
    return (utc_now() + timedelta(hours=count)).isoformat()


def test_a_silence_is_made_and_shown(client: FlaskClient, headers: dict[str, str]) -> None:
    made = client.post("/api/silences", json=BODY, headers=headers)
    shown = client.get(made.headers["Location"]).get_json()

    assert made.status_code == 201
    assert OneSilenceSchema().validate(shown) == {}
    assert shown["matchers"] == {"pipeline": ["ci"], "branch": ["main"]}
    assert (shown["reason"], shown["author"], shown["state"]) == ("the registry moves", "ada", "active")
    assert instant(shown["ends_at"]) - instant(shown["starts_at"]) == timedelta(hours=2)


def test_silences_are_listed_by_how_they_stand(client: FlaskClient, headers: dict[str, str]) -> None:
    now = client.post("/api/silences", json=BODY, headers=headers).get_json()["id"]
    later = client.post("/api/silences", json=BODY | {"starts_at": in_hours(5)}, headers=headers).get_json()["id"]
    over = client.post("/api/silences", json=BODY, headers=headers).get_json()["id"]
    client.delete(f"/api/silences/{over}", headers=headers)

    found = {
        state: [silence["id"] for silence in client.get(f"/api/silences?state={state}").get_json()["silences"]]
        for state in ("active", "pending", "over", "active,over", "")
        if state
    }

    assert found == {"active": [now], "pending": [later], "over": [over], "active,over": [now, over]}


def test_a_list_is_paged(client: FlaskClient, headers: dict[str, str]) -> None:
    made = [client.post("/api/silences", json=BODY, headers=headers).get_json()["id"] for _ in range(3)]

    first = client.get("/api/silences?limit=2").get_json()
    second = client.get(f"/api/silences?limit=2&cursor={first['next_cursor']}").get_json()

    assert SilencesSchema().validate(first) == {}
    assert [silence["id"] for page in (first, second) for silence in page["silences"]] == made[::-1]


def test_an_end_or_a_reason_is_changed(world: World, client: FlaskClient, headers: dict[str, str]) -> None:
    address = client.post("/api/silences", json=BODY, headers=headers).headers["Location"]

    longer = client.put(address, json={"duration_seconds": "5h"}, headers=headers).get_json()
    reasoned = client.put(address, json={"reason": "and the cache"}, headers=headers).get_json()

    assert instant(longer["ends_at"]) > utc_now() + timedelta(hours=4.9)
    assert (reasoned["reason"], reasoned["ends_at"]) == ("and the cache", longer["ends_at"])


def test_one_that_began_is_over_when_it_is_ended_and_stays_to_be_read(
    world: World, client: FlaskClient, headers: dict[str, str]
) -> None:
    address = client.post("/api/silences", json=BODY, headers=headers).headers["Location"]

    assert client.delete(address, headers=headers).status_code == 204

    assert client.get(address).get_json()["state"] == "over"
    assert client.delete(address, headers=headers).status_code == 409
    assert client.put(address, json={"reason": "x"}, headers=headers).status_code == 409


def test_one_that_has_not_begun_leaves_nothing_behind(client: FlaskClient, headers: dict[str, str]) -> None:
    body = BODY | {"starts_at": in_hours(1)}
    address = client.post("/api/silences", json=body, headers=headers).headers["Location"]

    assert client.delete(address, headers=headers).status_code == 204

    assert client.get(address).status_code == 404


def test_every_change_is_counted_so_that_it_is_taken_at_once(
    world: World, client: FlaskClient, headers: dict[str, str]
) -> None:
    versions = [world.ask("SELECT version FROM alert_rules")]
    address = client.post("/api/silences", json=BODY, headers=headers).headers["Location"]
    versions.append(world.ask("SELECT version FROM alert_rules"))
    client.put(address, json={"reason": "x"}, headers=headers)
    versions.append(world.ask("SELECT version FROM alert_rules"))
    client.delete(address, headers=headers)
    versions.append(world.ask("SELECT version FROM alert_rules"))

    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"matchers": {}}, "matchers", "must have at least one of provider, instance, project"),
        ({"matchers": {"pipelin": "ci"}}, "matchers.pipelin", "unknown key; did you mean pipeline?"),
        ({"matchers": "ci"}, "matchers", 'must be a table, not "ci"'),
        ({"reason": ""}, "reason", "must be at least one character long"),
        ({"reason": " \t"}, "reason", "must be at least one character long"),
        ({"reason": None}, "reason", "Field may not be null."),
        ({"duration_seconds": "91d"}, "duration_seconds", "must be at most 90d, not"),
        ({"duration_seconds": "a while"}, "duration_seconds", "must be a duration such as"),
        ({"duration_seconds": None}, "ends_at", 'is missing; give it, or duration_seconds such as "2h"'),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "", "ends_at and duration_seconds are both given"),
        ({"duration_seconds": None, "ends_at": "2020-01-01T00:00:00Z"}, "ends_at", "must be later than now"),
        ({"duration_seconds": None, "ends_at": "2099-01-01T00:00:00Z"}, "ends_at", "must be at most 90 days later"),
        ({"duration_seconds": None, "ends_at": "tomorrow"}, "ends_at", "must be an instant with its zone"),
        ({"starts_at": "9999-12-31T23:59:00Z"}, "starts_at", "is too far away"),
        ({"author": "eve"}, "author", "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    client: FlaskClient, headers: dict[str, str], change: dict[str, Any], place: str, words: str
) -> None:
    found = mistakes(client.post("/api/silences", json=BODY | change, headers=headers))

    assert list(found) == [place]
    assert words in found[place]
    assert client.get("/api/silences").get_json()["silences"] == []


def test_a_change_has_to_change_something(client: FlaskClient, headers: dict[str, str]) -> None:
    address = client.post("/api/silences", json=BODY, headers=headers).headers["Location"]

    assert mistakes(client.put(address, json={}, headers=headers)) == {
        "": "give ends_at, duration_seconds or reason: what is to change"
    }
    assert list(mistakes(client.put(address, json={"ends_at": "2020-01-01T00:00:00Z"}, headers=headers))) == ["ends_at"]


def test_only_a_key_for_it_silences(world: World, client: FlaskClient) -> None:
    reader = {"Authorization": f"Bearer {world.key(Scope.READ, Scope.CONFIG)}"}

    assert client.post("/api/silences", json=BODY, headers=reader).status_code == 403
    assert client.post("/api/silences", json=BODY).status_code == 401
    assert client.put("/api/silences/1", json={"reason": "x"}, headers=reader).status_code == 403
    assert client.delete("/api/silences/1", headers=reader).status_code == 403

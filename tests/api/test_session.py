"""A browser's session: a cookie scripts cannot read, that ends when it is ended and when its key is."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from shared.clock import utc_now
from shared.keys import Scope
from tests.api.serving import World, serve


def sign_in(client: FlaskClient, key: str) -> str:
    """The cookie header of a new session."""
    answer = client.post("/api/session", json={"key": key})
    assert answer.status_code == 201, answer.text
    return answer.headers["Set-Cookie"]


def caller(client: FlaskClient, **headers: str) -> dict[str, Any]:
    """What the server says of who asks."""
    answer = client.get("/api/session", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.get_json()
    assert isinstance(said, dict)
    return said


def test_a_key_becomes_a_cookie_that_may_what_the_key_may(world: World) -> None:
    key = world.key(Scope.READ, Scope.COLLECT)
    client = serve(world.engine, host="0.0.0.0")

    cookie = sign_in(client, key)

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert key not in cookie
    assert client.get("/api/builds").status_code == 200
    assert client.post("/api/collect/trigger").status_code == 202


def test_a_key_that_does_not_allow_what_the_session_is_for_takes_nobodys_place(world: World) -> None:
    reader = world.key(Scope.READ, name="reader")
    client = serve(world.engine, host="0.0.0.0")
    sign_in(client, world.key(Scope.READ, Scope.SILENCE, name="before"))

    refused = client.post("/api/session", json={"key": reader, "scope": "collect"})

    assert (refused.status_code, "Set-Cookie" in refused.headers) == (403, False)
    assert refused.get_json()["detail"] == "The key reader may read; this needs collect."
    assert caller(client)["name"] == "before"
    assert client.post("/api/session", json={"key": reader, "scope": "read"}).status_code == 201
    assert caller(client)["name"] == "reader"


def test_over_https_the_cookie_is_never_sent_in_the_clear(world: World) -> None:
    key = world.key(Scope.READ)

    assert "Secure" in sign_in(serve(world.engine, base_url="https://localhost"), key)
    assert "Secure" not in sign_in(serve(world.engine), key)


def test_an_ended_session_cannot_be_played_again(world: World) -> None:
    client = serve(world.engine, host="0.0.0.0", public_read=False) if world.key(Scope.READ) else None
    assert client is not None
    key = world.key(Scope.READ)
    cookie = sign_in(client, key).split(";")[0]

    assert client.delete("/api/session").status_code == 204
    client.delete_cookie("observatory_session")

    assert client.get("/api/builds", headers={"Cookie": cookie}).status_code == 401


def test_revoking_the_key_ends_its_sessions_at_once(world: World) -> None:
    key = world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0")
    sign_in(client, key)

    with world.engine.begin() as connection:
        connection.execute(text("UPDATE keys SET revoked_at = now() WHERE parent_id IS NULL"))

    assert client.get("/api/builds").status_code == 401


def test_a_session_is_not_a_key_and_opens_no_other_session(world: World) -> None:
    client = serve(world.engine)
    value = sign_in(client, world.key(Scope.READ)).split("=", 1)[1].split(";")[0]

    assert client.get("/api/builds", headers={"Authorization": f"Bearer {value}"}).status_code == 401
    assert client.post("/api/session", json={"key": value}).status_code == 401


def test_a_wrong_key_opens_no_session_and_a_stale_cookie_does_not_close_free_reading(world: World) -> None:
    client = serve(world.engine)

    assert client.post("/api/session", json={"key": "bo_live_nonsense"}).status_code == 401
    assert client.post("/api/session", json={}).status_code == 422
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/builds", headers={"Cookie": "observatory_session=old"}).status_code == 200


@pytest.mark.parametrize(
    ("server", "scopes", "is_reading_free"),
    [
        ({}, ["logs", "read"], True),
        ({"host": "0.0.0.0", "public_read": True}, ["read"], False),
        ({"host": "0.0.0.0"}, [], False),
    ],
)
def test_who_has_not_signed_in_is_told_so_and_what_is_free(
    world: World, server: dict[str, Any], scopes: list[str], is_reading_free: bool
) -> None:
    world.key(Scope.READ)

    said = caller(serve(world.engine, **server))

    assert said == {
        "is_signed_in": False, "name": None, "scopes": scopes, "expires_at": None, "is_reading_free": is_reading_free,
    }  # fmt: skip


def test_who_has_signed_in_is_told_as_whom_and_until_when(world: World) -> None:
    key = world.key(Scope.READ, Scope.COLLECT, name="ada")
    client = serve(world.engine, host="0.0.0.0")
    sign_in(client, key)

    said = caller(client)

    assert (said["is_signed_in"], said["name"], said["scopes"]) == (True, "ada", ["collect", "read"])
    left = datetime.fromisoformat(said["expires_at"]) - utc_now()
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)


@pytest.mark.parametrize("change", ["expires_at = now()", "revoked_at = now()"])
def test_a_session_that_is_over_is_none(world: World, change: str) -> None:
    key = world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0")
    sign_in(client, key)

    world.run(f"UPDATE keys SET {change} WHERE parent_id IS NOT NULL")

    assert caller(client)["is_signed_in"] is False


def test_a_key_in_the_header_is_who_asks_whatever_cookie_comes_along(world: World) -> None:
    client = serve(world.engine)
    sign_in(client, world.key(Scope.READ, name="ada"))

    said = caller(client, Authorization=f"Bearer {world.key(Scope.COLLECT, name='robot')}")

    assert (said["name"], said["scopes"], said["expires_at"]) == ("robot", ["collect", "logs", "read"], None)
    assert client.get("/api/session", headers={"Authorization": "Bearer bo_live_nonsense"}).status_code == 401

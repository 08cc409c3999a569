"""A browser's session: a cookie scripts cannot read, that ends when it is ended and when its key is."""

from flask.testing import FlaskClient
from sqlalchemy import text

from shared.keys import Scope
from tests.api.serving import World, serve


def sign_in(client: FlaskClient, key: str) -> str:
    """The cookie header of a new session."""
    answer = client.post("/api/session", json={"key": key})
    assert answer.status_code == 201, answer.text
    return answer.headers["Set-Cookie"]


def test_a_key_becomes_a_cookie_that_may_what_the_key_may(world: World) -> None:
    key = world.key(Scope.READ, Scope.COLLECT)
    client = serve(world.engine, host="0.0.0.0")

    cookie = sign_in(client, key)

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert key not in cookie
    assert client.get("/api/builds").status_code == 200
    assert client.post("/api/collect/trigger").status_code == 202


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

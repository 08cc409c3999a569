"""Who may: loopback and elsewhere, keys and scopes, hosts and origins; deny by default."""

import pytest
from flask import Flask
from sqlalchemy import Engine

from api.app import create_app
from api.auth import require_permissions
from api.dashboard import AT_THE_TOP, VIEWS
from shared.clock import utc_now
from shared.config.settings import Config, ServerSettings
from shared.database import make_engine
from shared.errors import CannotStart
from shared.keys import Scope, authenticate, revoke_key
from tests.api.serving import World, serve

READS = ("/api/builds", "/api/sources", "/api/metrics/overview", "/metrics", "/api/openapi.json", "/api/builds/1")
OPEN = ("/livez", "/readyz", "/api/docs", "/static/docs.css", "/", "/waterfall")
TRIGGER = "/api/collect/trigger"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_on_loopback_reading_is_free_and_acting_needs_a_key(world: World) -> None:
    client = serve(world.engine)

    assert {client.get(path).status_code for path in READS} <= {200, 404}
    answer = client.post(TRIGGER)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "scope collect" in answer.get_json()["detail"]


def test_elsewhere_everything_needs_a_key_except_what_is_open_to_all(world: World) -> None:
    key = world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0")

    assert {client.get(path).status_code for path in READS} == {401}
    with client.get("/static/docs.css") as style:
        assert style.status_code == 200
    assert {client.get(path).status_code for path in OPEN if not path.startswith("/static")} == {200, 503}
    assert {client.get(path, headers=bearer(key)).status_code for path in READS} == {200, 404}


def test_a_published_address_counts_as_elsewhere_even_behind_a_proxy_on_loopback(world: World) -> None:
    world.key(Scope.READ)

    for server in ({"base_url": "https://builds.example.com"}, {"trusted_proxies": 1}):
        assert serve(world.engine, **server).get("/api/builds").status_code == 401


def test_alive_is_answered_to_any_key_and_without_a_database() -> None:
    client = serve(make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test"))

    assert client.get("/livez", headers=bearer("bo_live_nonsense")).status_code == 200


def test_public_read_opens_reading_and_nothing_else(world: World) -> None:
    client = serve(world.engine, host="0.0.0.0", public_read=True)

    assert {client.get(path).status_code for path in READS} <= {200, 404}
    assert client.post(TRIGGER).status_code == 401


def test_a_key_may_what_its_scopes_say(world: World) -> None:
    reader, collector = world.key(Scope.READ, name="reader"), world.key(Scope.COLLECT, name="collector")
    client = serve(world.engine, host="0.0.0.0")

    refused = client.post(TRIGGER, headers=bearer(reader))
    assert refused.status_code == 403
    assert refused.get_json()["detail"] == "The key reader may read; this needs collect."
    assert client.get("/api/builds", headers=bearer(collector)).status_code == 403
    assert client.post(TRIGGER, headers=bearer(collector)).status_code == 202


def test_with_a_key_nobody_may_less_than_without(world: World) -> None:
    collector = bearer(world.key(Scope.COLLECT, name="collector"))
    local, open_to_all = serve(world.engine), serve(world.engine, host="0.0.0.0", public_read=True)

    assert {local.get(path, headers=collector).status_code for path in READS} <= {200, 404}
    assert {open_to_all.get(path, headers=collector).status_code for path in READS} <= {200, 404}
    assert local.post(TRIGGER, headers=collector).status_code == 202
    # It reads as everybody does: what public_read does not open stays closed.
    assert open_to_all.get("/api/receivers", headers=collector).status_code == 403


def test_a_key_may_come_as_the_password_of_those_who_can_send_nothing_else(world: World) -> None:
    key = world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0")

    assert client.get("/cc.xml", auth=("anyone", key)).status_code == 200
    assert client.get("/cc.xml", auth=(key, "")).status_code == 401
    assert client.get("/cc.xml", auth=("anyone", key[:-1])).status_code == 401
    assert "Basic" not in client.get("/cc.xml").headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nonsense",
        "Bearer ",
        "Basic Zm9vOmJhcg==",
        "Basic ",
        "Basic é",
        "Basic /////w==",
        "Bearer bo_live_\x7f",
        "x",
    ],
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(world: World, header: str) -> None:
    answer = serve(world.engine).get("/api/builds", headers={"Authorization": header})

    assert answer.status_code == 401


def test_a_revoked_key_is_refused_by_the_next_request(world: World) -> None:
    printed = world.key(Scope.READ)
    client = serve(world.engine, host="0.0.0.0")
    assert client.get("/api/builds", headers=bearer(printed)).status_code == 200

    from sqlalchemy.orm import Session  # noqa: PLC0415

    with Session(world.engine) as session, session.begin():
        key = authenticate(session, printed, utc_now())
        assert key is not None
        revoke_key(session, key.id, utc_now())

    assert client.get("/api/builds", headers=bearer(printed)).status_code == 401


def test_elsewhere_without_any_key_the_process_refuses_to_start_and_says_the_cure(world: World) -> None:
    with pytest.raises(CannotStart) as refusal:
        serve(world.engine, host="0.0.0.0")

    assert "observatory key create" in refusal.value.cure
    assert "public_read" in refusal.value.cure


def test_elsewhere_without_a_database_the_process_refuses_to_start() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")

    with pytest.raises(CannotStart) as refusal:
        create_app(Config(server=ServerSettings(host="0.0.0.0")), engine)

    assert "database" in refusal.value.problem


def test_a_route_that_names_no_permission_keeps_the_application_from_starting() -> None:
    app = Flask("forgetful", static_folder=None)
    app.add_url_rule("/secret", "secret", lambda: "everything")

    with pytest.raises(CannotStart, match="/secret"):
        require_permissions(app)


def test_a_route_added_later_without_a_permission_is_closed(world: World) -> None:
    app = create_app(Config(), world.engine)
    app.add_url_rule("/secret", "secret", lambda: "everything")

    assert app.test_client().get("/secret").status_code == 401


def test_every_route_asks_for_what_it_should(database: Engine) -> None:
    app = create_app(Config(), database)

    asked: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        permission = app.view_functions[rule.endpoint].__dict__["permission"]
        asked.setdefault(str(permission), set()).add(rule.rule)

    assert asked["collect"] == {"/api/collect/trigger"}
    carry_their_own_proof = {rule for rule in asked["public"] if rule.startswith("/webhook")}
    assert len(carry_their_own_proof) == 3
    of_the_dashboard = {*VIEWS, *(f"/{name}" for name in AT_THE_TOP), "/app/<path:name>", "/static/<path:filename>"}
    assert asked["public"] - carry_their_own_proof - of_the_dashboard == {
        "/livez",
        "/readyz",
        "/api/client-errors",
        "/api/docs",
        "/api/session",
    }
    assert {rule for rule in asked["read"] if not rule.startswith("/api/")} == {
        "/metrics",
        "/cc.xml",
        "/cctray.xml",
        "/badge/pipeline/<id:pipeline_id>.svg",
        "/badge/pipeline/<id:pipeline_id>.json",
    }
    assert asked["badge"] == {
        "/badge/<string:installation>/<path:name>.svg",
        "/badge/<string:installation>/<path:name>.json",
    }


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "builds.example.com"])
def test_we_answer_to_our_own_names(world: World, host: str) -> None:
    client = serve(world.engine, allowed_hosts=("builds.example.com",))

    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "localhost:x", "10.0.0.1"]
)
def test_we_answer_to_no_other_name(world: World, host: str) -> None:
    answer = serve(world.engine).get("/api/builds", headers={"Host": host})

    assert answer.status_code in {400, 421}
    assert answer.content_type == "application/problem+json"


def test_listening_everywhere_we_answer_to_any_address_but_to_no_foreign_name(world: World) -> None:
    client = serve(world.engine, host="0.0.0.0", public_read=True)

    assert client.get("/livez", headers={"Host": "192.168.1.7:8080"}).status_code == 200
    assert client.get("/livez", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Origin": "http://localhost"}, 202),
        ({"Origin": "https://board.example.com"}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_foreign_page_may_change_nothing_even_with_a_key(world: World, headers: dict[str, str], status: int) -> None:
    key = world.key(Scope.COLLECT)
    client = serve(world.engine, allowed_origins=("https://board.example.com",))

    assert client.post(TRIGGER, headers=headers | bearer(key)).status_code == status

"""`/api/reconciliation`: a page of sources with their figures, in the documented shape."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.reconciliation_shapes import ReconciliationSchema
from shared.config.settings import Config
from shared.database import make_engine
from tests.api.serving import World, a_world
from tests.api.webhooks import PROVIDERS
from tests.conftest import Databases
from tests.factories import a_build


@pytest.fixture(scope="module")
def world(databases: Databases) -> Iterator[World]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    world = a_world(engine)
    world.record(a_build(external_id="1"), a_build(external_id="2"))
    yield world
    engine.dispose()
    databases.drop(url)


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return create_app(Config(providers=PROVIDERS), world.engine).test_client()


def test_the_answer_has_the_documented_shape(client: FlaskClient) -> None:
    answer = client.get("/api/reconciliation")

    assert answer.status_code == 200
    assert ReconciliationSchema().validate(answer.get_json()) == {}
    [source] = answer.get_json()["sources"]
    assert source["total"]["changes"]["poll"] == 2


def test_installations_say_whether_their_webhooks_have_a_secret(client: FlaskClient) -> None:
    instances = client.get("/api/reconciliation?provider=github").get_json()["instances"]

    assert {each["instance"]: each["is_configured"] for each in instances} == {"github.com": True, "silent": False}


def test_a_window_that_is_too_long_is_refused_in_words(client: FlaskClient) -> None:
    answer = client.get("/api/reconciliation?since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z")

    assert answer.status_code == 422
    assert "31 days" in answer.get_json()["detail"]


def test_an_unchanged_answer_is_not_sent_twice(client: FlaskClient) -> None:
    asked = "/api/reconciliation?since=2026-11-01T00:00:00Z&until=2026-11-20T00:00:00Z"
    first = client.get(asked)

    assert client.get(asked, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304

"""`GET /api/errors`: counted by source and kind, paged, narrowed; and the same as figures for Prometheus."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shared.collector_errors import ErrorKind, note
from tests.api.serving import World, a_world
from tests.api.test_exposition import samples


def err(world: World, kind: ErrorKind, example: str = "502 from the provider", times: int = 1) -> None:
    for _ in range(times):
        with Session(world.engine) as session, session.begin():
            note(session, world.source_id, kind, example)


def test_an_error_shows_its_source_its_count_and_its_latest_example(world: World, client: FlaskClient) -> None:
    err(world, ErrorKind.UNAVAILABLE, times=3)

    (error,) = client.get("/api/errors").get_json()["errors"]

    assert (error["instance"], error["scope"], error["source_id"]) == ("github.com", "acme/web", world.source_id)
    assert (error["kind"], error["count"], error["example"]) == ("unavailable", 3, "502 from the provider")
    assert error["first_seen_at"] < error["last_seen_at"]
    assert "place" not in error


def test_the_newest_comes_first_and_pages_bring_each_once(world: World, client: FlaskClient) -> None:
    for kind in (ErrorKind.NOT_FOUND, ErrorKind.UNAVAILABLE, ErrorKind.OTHER):
        err(world, kind)
    kinds, address = [], "/api/errors?limit=1"

    while True:
        answer = client.get(address)
        kinds += [error["kind"] for error in answer.get_json()["errors"]]
        if answer.get_json()["next_cursor"] is None:
            break
        address = answer.headers["Link"].removeprefix("<").partition(">")[0]

    assert kinds == ["other", "unavailable", "not_found"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("provider=github", 1),
        ("provider=gitlab", 0),
        ("instance=jenkins", 1),
        ("since=2026-01-01T00:00:00Z", 2),
        ("since=2999-01-01T00:00:00Z", 0),
    ],
)
def test_errors_are_narrowed(world: World, client: FlaskClient, query: str, count: int) -> None:
    err(world, ErrorKind.OTHER)
    err(a_world(world.engine, name="jenkins", provider="jenkins", scope="folder"), ErrorKind.OTHER)

    assert len(client.get(f"/api/errors?{query}").get_json()["errors"]) == count


@pytest.mark.parametrize("query", ["since=yesterday", "cursor=x", "repository=a", "limit=0"])
def test_what_cannot_be_meant_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/errors?{query}").status_code == 422


def test_prometheus_counts_errors_and_polls_by_installation(world: World, client: FlaskClient) -> None:
    err(world, ErrorKind.UNAVAILABLE, times=2)
    world.run("INSERT INTO sources (instance_id, scope, fence) VALUES (:i, 'acme/api', 5)", i=world.instance_id)
    world.run("INSERT INTO collector_errors (source_id, kind, example) SELECT max(id), 'unavailable', 'x' FROM sources")

    found = samples(client.get("/metrics").text)

    labels = (("instance", "github.com"), ("kind", "unavailable"))
    assert found["observatory_collector_errors_total", labels] == 3
    assert found["observatory_collector_polls_total", (("instance", "github.com"),)] == 5

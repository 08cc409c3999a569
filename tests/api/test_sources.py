"""Sources with their freshness, and polling now by hand."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.keys import Scope
from tests.api.serving import World, a_world, serve
from tests.factories import a_build


class Clicker:
    """Someone with a key who asks for polls."""

    def __init__(self, world: World) -> None:
        self.client: FlaskClient = serve(world.engine)
        self.headers = {"Authorization": f"Bearer {world.key(Scope.COLLECT)}"}

    def click(self, **body: Any) -> TestResponse:
        return self.client.post("/api/collect/trigger", json=body, headers=self.headers)


@pytest.fixture
def clicker(world: World) -> Clicker:
    return Clicker(world)


def test_a_source_shows_when_it_was_reached_what_is_left_and_what_went_wrong(world: World, client: FlaskClient) -> None:
    world.run(
        "UPDATE sources SET failures = 3, last_error = '502 from the provider', last_error_at = now(), "
        "last_ok_at = now() - interval '10 minutes'"
    )
    world.run("INSERT INTO credentials (fingerprint, instance_id, request_limit, remaining) VALUES ('abc', 1, 60, 11)")

    (source,) = client.get("/api/sources").get_json()["sources"]

    assert (source["scope"], source["interval_seconds"], source["failures"]) == ("acme/web", 60, 3)
    assert (source["budget"]["remaining"], source["is_stale"], source["is_polling"]) == (11, True, False)
    assert "3 polls in a row failed: 502 from the provider" in source["stale_reason"]
    assert source["last_contact_at"].endswith("Z")


def test_asking_for_a_poll_answers_with_the_sources_now_due(world: World, clicker: Clicker) -> None:
    answer = clicker.click(source_id=world.source_id)

    assert answer.status_code == 202
    assert answer.get_json()["sources"] == [world.source_id]
    assert answer.get_json()["requested_at"].endswith("Z")


def test_asking_without_a_body_means_every_source(world: World, clicker: Clicker) -> None:
    other = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")

    answer = clicker.client.post("/api/collect/trigger", headers=clicker.headers)

    assert answer.get_json()["sources"] == [world.source_id, other.source_id]


def test_asking_again_within_the_minute_says_when_to_come_back(world: World, clicker: Clicker) -> None:
    clicker.click(source_id=world.source_id)

    again = clicker.click(source_id=world.source_id)

    assert again.status_code == 429
    assert 1 <= int(again.headers["Retry-After"]) <= 60


def test_of_several_sources_only_the_rested_ones_are_polled_again(world: World, clicker: Clicker) -> None:
    other = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    clicker.click(provider="jenkins")

    answer = clicker.click()

    assert (answer.status_code, answer.get_json()["sources"]) == (202, [world.source_id])
    assert other.source_id not in answer.get_json()["sources"]


@pytest.mark.parametrize("target", ["source_id", "pipeline_id", "build_id"])
def test_asking_for_what_is_not_there_is_not_found(world: World, clicker: Clicker, target: str) -> None:
    world.record(a_build())

    assert clicker.click(**{target: 1}).status_code in {202, 429}
    missing = clicker.click(**{target: 999})

    assert missing.status_code == 404
    assert "999" in missing.get_json()["detail"]


def test_asking_for_a_provider_nobody_polls_names_those_that_are(clicker: Clicker) -> None:
    answer = clicker.click(provider="gitlab")

    assert answer.status_code == 422
    assert "must be one that is polled: github" in answer.get_json()["detail"]


def test_asking_for_things_that_exclude_each_other_finds_nothing(world: World, clicker: Clicker) -> None:
    assert clicker.click(source_id=world.source_id, provider="gitlab").status_code == 404

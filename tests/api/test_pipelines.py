"""Pipelines with their health, and the names everything goes by."""

from typing import Any

from flask.testing import FlaskClient

from tests.api.serving import World, a_world, many_builds
from tests.factories import NOON, a_build, minutes


def items(client: FlaskClient, path: str, key: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()[key]
    return found


def test_a_pipeline_shows_its_last_build_and_the_verdict_of_its_default_branch(
    world: World, client: FlaskClient
) -> None:
    world.record(
        a_build("succeeded", external_id="1", queued_at=NOON),
        a_build("failed", external_id="2", queued_at=NOON + minutes(10)),
        a_build("cancelled", external_id="3", queued_at=NOON + minutes(20)),
        a_build("succeeded", external_id="4", queued_at=NOON + minutes(30), branch="feature"),
        a_build("running", external_id="5", queued_at=NOON + minutes(40)),
    )

    pipeline = client.get("/api/pipelines/1").get_json()

    assert (pipeline["last_build"]["external_id"], pipeline["last_build"]["status"]) == ("5", "running")
    assert pipeline["health"] == {
        "verdict": "failed",
        "is_broken": True,
        "recent_builds": 5,
        "succeeded": 2,
        "failed": 1,
        "timed_out": 0,
        "success_rate": 2 / 3,
    }


def test_health_looks_at_the_newest_twenty_builds(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(10, raw_status="x"))
    world.record(*(a_build("failed", external_id=f"f{at}", queued_at=NOON + minutes(100 + at)) for at in range(20)))

    health = client.get("/api/pipelines/1").get_json()["health"]

    assert (health["recent_builds"], health["failed"], health["success_rate"]) == (20, 20, 0)


def test_a_pipeline_without_a_verdict_is_neither_broken_nor_whole(world: World, client: FlaskClient) -> None:
    world.record(a_build("running"))

    health = client.get("/api/pipelines/1").get_json()["health"]

    assert (health["verdict"], health["is_broken"], health["success_rate"]) == (None, None, None)


def test_a_pipeline_whose_builds_are_gone_is_still_listed(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    world.run("TRUNCATE builds CASCADE")

    (pipeline,) = items(client, "/api/pipelines", "pipelines")

    assert (pipeline["last_build"], pipeline["health"]["recent_builds"]) == (None, 0)


def test_lists_are_narrowed_to_what_is_asked_for(world: World, client: FlaskClient) -> None:
    world.record(a_build(), a_build(external_id="2", branch="feature"))
    jenkins = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    jenkins.record(
        a_build(provider="jenkins", repository_external_id="2", repository_name="acme/api", pipeline_name="nightly")
    )

    def names(path: str, key: str) -> list[object]:
        return [item["name"] for item in items(client, path, key)]

    assert names("/api/pipelines", "pipelines") == ["ci", "nightly"]
    assert names("/api/pipelines?provider=jenkins", "pipelines") == ["nightly"]
    assert names("/api/pipelines?repository=acme/web", "pipelines") == ["ci"]
    assert names("/api/repositories", "repositories") == ["acme/web", "acme/api"]
    assert names("/api/repositories?instance=jenkins&project=default", "repositories") == ["acme/api"]
    assert names("/api/repositories?project=nobody", "repositories") == []
    assert names("/api/branches?repo=acme/web", "branches") == ["feature", "main"]
    assert names("/api/branches?provider=jenkins", "branches") == ["main"]
    assert [project["key"] for project in items(client, "/api/projects", "projects")] == ["default"]


def test_branches_are_paged_by_name(world: World, client: FlaskClient) -> None:
    world.record(*(a_build(external_id=f"{at}", branch=f"b{at}") for at in range(5)))

    first = client.get("/api/branches?limit=3")
    rest = client.get(first.headers["Link"].split(">")[0][1:])

    assert [branch["name"] for branch in first.get_json()["branches"]] == ["b0", "b1", "b2"]
    assert [branch["name"] for branch in rest.get_json()["branches"]] == ["b3", "b4"]


def test_an_unknown_pipeline_is_not_found(world: World, client: FlaskClient) -> None:
    world.record(a_build())

    assert client.get("/api/pipelines/2").status_code == 404
    assert client.get("/api/metrics/pipeline/2").status_code == 404
    assert client.get("/api/metrics/pipeline/1").get_json()["pipeline"]["name"] == "ci"

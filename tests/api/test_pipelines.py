"""Pipelines with their health, and the names everything goes by."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.shapes import DurationsSchema
from shared.clock import utc_now
from shared.metrics.fold import fold
from tests.api.serving import World, a_world, many_builds, serve, statements
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


def test_a_pipeline_shows_how_its_newest_builds_ended(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1", queued_at=NOON),
        a_build("failed", external_id="2", queued_at=NOON + minutes(10), attempt=1),
        a_build("running", external_id="3", queued_at=NOON + minutes(20)),
    )
    world.record(a_build("succeeded", external_id="2", queued_at=NOON + minutes(10), attempt=2))
    fold(world.engine)

    recent = client.get("/api/pipelines/1").get_json()["recent"]

    assert [(build["status"], build["is_flaky"], build["queued_at"]) for build in recent] == [
        ("succeeded", True, "2026-11-20T12:10:00Z"),
        ("failed", False, "2026-11-20T12:00:00Z"),
    ]


def test_the_strip_is_of_the_newest_twenty_builds(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(25))

    (pipeline,) = items(client, "/api/pipelines", "pipelines")

    assert len(pipeline["recent"]) == 20
    assert pipeline["recent"][0]["id"] == pipeline["last_build"]["id"]


def test_a_pipeline_usually_takes_as_long_as_half_of_its_newest_builds_that_succeeded(
    world: World, client: FlaskClient
) -> None:
    times = {"1": ("succeeded", 60), "2": ("succeeded", 100), "3": ("succeeded", 900), "4": ("failed", 5000)}
    world.record(
        *(
            a_build(
                status,
                external_id=name,
                queued_at=NOON + minutes(int(name)),
                duration_seconds=seconds,
                is_finish_guessed=False,
            )
            for name, (status, seconds) in times.items()
        )
    )

    assert client.get("/api/pipelines/1").get_json()["usual_seconds"] == 100


def test_a_pipeline_that_nothing_finished_in_has_no_strip(world: World, client: FlaskClient) -> None:
    world.record(a_build("running"))

    pipeline = client.get("/api/pipelines/1").get_json()

    assert (pipeline["recent"], pipeline["usual_seconds"]) == ([], None)


def test_usual_durations_are_of_builds_of_the_last_month_that_succeeded(world: World, client: FlaskClient) -> None:
    now = utc_now()
    told: dict[str, Any] = {"is_finish_guessed": False}
    slow = told | {"pipeline_external_id": "1/11", "pipeline_name": "slow"}
    world.record(
        *(
            a_build(external_id=f"{at}", queued_at=now - timedelta(hours=2 + at), duration_seconds=60 + at, **told)
            for at in range(20)
        ),
        a_build("failed", external_id="f", queued_at=now - timedelta(hours=3), duration_seconds=9_000, **told),
        a_build(external_id="old", queued_at=now - timedelta(days=40), duration_seconds=9_000, **told),
        a_build(external_id="s", queued_at=now - timedelta(days=9), duration_seconds=1_000, **slow),
        a_build("running", external_id="r", pipeline_external_id="1/12", pipeline_name="new"),
    )
    fold(world.engine)

    answer = client.get("/api/pipelines/durations?pipeline_id=2,1,3,99")

    assert answer.status_code == 200, answer.text
    assert DurationsSchema().validate(answer.get_json()) == {}
    slowest, usual, new = answer.get_json()["pipelines"]
    assert (usual["pipeline_id"], usual["builds"]) == (1, 20)
    assert usual["p50_seconds"] == pytest.approx(69, rel=0.02)
    assert usual["p95_seconds"] == pytest.approx(78, rel=0.02)
    assert (slowest["pipeline_id"], slowest["p50_seconds"]) == (2, pytest.approx(1_000, rel=0.02))
    assert new == {"pipeline_id": 3, "builds": 0, "p50_seconds": None, "p95_seconds": None}


@pytest.mark.parametrize("query", ["", "?pipeline_id=", "?pipeline_id=x", f"?pipeline_id={','.join(['1'] * 201)}"])
def test_usual_durations_want_to_know_of_which_pipelines(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/pipelines/durations{query}").status_code == 422


@pytest.mark.parametrize("pipelines", [1, 200])
def test_usual_durations_cost_the_same_statements_for_a_whole_page(world: World, pipelines: int) -> None:
    world.record(*(a_build(external_id=f"{at}", pipeline_external_id=f"1/{at}") for at in range(pipelines)))
    client = serve(world.engine)

    with statements(world.engine) as sent:
        client.get(f"/api/pipelines/durations?pipeline_id={','.join(str(at) for at in range(1, pipelines + 1))}")

    assert len(sent) == 4


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

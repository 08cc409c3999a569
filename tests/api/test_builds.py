"""`/api/builds`: what it answers equals its documented shape, page by page, at a constant cost."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from marshmallow import RAISE, Schema

from api import figure_shapes, shapes
from shared.observation import Observation, ParentBuild
from tests.api.serving import World, a_world, many_builds, serve, statements
from tests.factories import NOON, a_build, a_job, minutes


def follow(client: FlaskClient, path: str, key: str) -> list[dict[str, Any]]:
    """Every item of a list, by following `Link: rel=next` to the end."""
    found: list[dict[str, Any]] = []
    for _ in range(100):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += answer.get_json()[key]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.get_json()["next_cursor"] is None)
        if link is None:
            return found
        path = link.removeprefix("<").removesuffix('>; rel="next"')
    raise AssertionError("the list does not end")


def test_a_build_shows_everything_known_of_it(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="7", number=7, progress=0.5))

    build = client.get("/api/builds").get_json()["builds"][0]

    recorded_at = build.pop("recorded_at")
    assert recorded_at.endswith("Z")
    assert build == {
        "id": 1,
        "provider": "github",
        "instance": "github.com",
        "project": "default",
        "pipeline_id": 1,
        "pipeline_name": "ci",
        "repository": "acme/web",
        "external_id": "7",
        "number": 7,
        "attempt": 1,
        "status": "failed",
        "raw_status": "failed",
        "is_unstable": False,
        "branch": "main",
        "commit_sha": "a" * 40,
        "commit_message": "Fix the login form",
        "author": "ada",
        "event": "push",
        "queued_at": "2026-11-20T12:00:00Z",
        "started_at": "2026-11-20T12:00:00Z",
        "finished_at": "2026-11-20T12:05:00Z",
        "duration_seconds": 300.0,
        "queued_seconds": None,
        "progress": 0.5,
        "web_url": "https://github.com/acme/web/actions/runs/100",
        "stale_since": None,
    }


SHAPES: dict[str, type[Schema]] = {
    "/api/builds": shapes.BuildsSchema,
    "/api/builds/1": shapes.OneBuildSchema,
    "/api/builds/3": shapes.OneBuildSchema,
    "/api/builds/1/jobs": shapes.JobsSchema,
    "/api/builds/1/events": shapes.EventsSchema,
    "/api/pipelines": shapes.PipelinesSchema,
    "/api/pipelines/1": shapes.OnePipelineSchema,
    "/api/projects": shapes.ProjectsSchema,
    "/api/repositories": shapes.RepositoriesSchema,
    "/api/branches": shapes.BranchesSchema,
    "/api/sources": shapes.SourcesSchema,
    "/api/metrics/overview?since=2026-11-01T00:00:00Z": figure_shapes.OverviewSchema,
    "/api/metrics/pipeline/1?since=2026-11-01T00:00:00Z": figure_shapes.PipelineFiguresSchema,
    "/api/metrics?since=2026-11-01T00:00:00Z&by=branch": figure_shapes.GroupsSchema,
    "/api/metrics?since=2026-11-01T00:00:00Z&by=pipeline": figure_shapes.GroupsSchema,
    "/livez": shapes.AliveSchema,
}


@pytest.mark.parametrize("path", SHAPES)
def test_an_answer_written_directly_equals_what_its_documented_shape_would_write(
    world: World, client: FlaskClient, path: str
) -> None:
    world.record(
        a_build("failed", external_id="1", jobs=(a_job("failed"),)),
        a_build(external_id="1", attempt=2, jobs=(a_job(), a_job(external_id="1001", name="lint"))),
        a_build("running", external_id="2", branch=None, commit_sha=None, progress=None),
        started("3", "1"),
    )
    world.run("UPDATE sources SET last_ok_at = now() - interval '1 hour', last_error = 'away', failures = 3")
    shape = SHAPES[path]()

    answer = client.get(path)

    assert answer.status_code == 200
    loaded = shape.load(answer.get_json(), unknown=RAISE)
    assert shape.dump(loaded) == answer.get_json()


def test_pages_follow_one_another_to_the_last_build(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(25))

    builds = follow(client, "/api/builds?limit=10&status=succeeded&repo=acme/web", "builds")

    assert [build["number"] for build in builds] == list(range(24, -1, -1))


def test_builds_that_arrive_while_paging_neither_repeat_nor_hide_one(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(20))
    first = client.get("/api/builds?limit=10")
    world.record(a_build(external_id="new", queued_at=NOON + minutes(100)))
    world.record(a_build(external_id="tied", queued_at=NOON + minutes(10)))

    second = client.get(urlsplit(first.headers["Link"].split(">")[0][1:]).geturl())

    numbers = [build["external_id"] for page in (first, second) for build in page.get_json()["builds"]]
    assert numbers == [str(number) for number in range(19, -1, -1)] or numbers[10:] == [
        str(number) for number in range(9, -1, -1)
    ]
    assert len(numbers) == len(set(numbers))


def test_the_link_keeps_every_filter_as_it_was_given(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(3, branch="a&b=c d/é"))

    answer = client.get("/api/builds", query_string={"limit": 2, "branch": "a&b=c d/é"})
    rest = client.get(answer.headers["Link"].split(">")[0][1:])

    assert [build["number"] for build in rest.get_json()["builds"]] == [0]
    assert rest.get_json()["next_cursor"] is None


def test_several_values_come_by_comma_or_by_repeating(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1"), a_build("running", external_id="2"), a_build("succeeded", external_id="3")
    )

    by_comma = client.get("/api/builds?status=failed,running").get_json()["builds"]
    by_repeating = client.get("/api/builds?status=failed&status=running").get_json()["builds"]

    assert by_comma == by_repeating
    assert {build["status"] for build in by_comma} == {"failed", "running"}


NARROWED = {
    "commit_sha=" + "b" * 40: ["2"],
    "cancel_reason=person": ["3"],
    "cancel_reason=unknown,superseded": ["4"],
    "first_status=failed": ["1"],
    "first_status=failed,running": ["5", "1"],
    "is_flaky=true": [],
    "is_flaky=false&status=succeeded": ["1", "2"],
    "is_active=false": ["4", "3", "1", "2"],
    "has_duration=false": ["5", "4"],
    "q=LOG": ["2"],
    "q=log+fix+ac": ["2"],
    "q=login&branch=main&status=failed": [],
}


@pytest.mark.parametrize("query", NARROWED)
def test_a_list_is_narrowed_by_each_of_its_filters(world: World, client: FlaskClient, query: str) -> None:
    plain: dict[str, Any] = {"commit_message": "Nothing"}
    world.record(
        a_build("failed", external_id="1", queued_at=NOON + minutes(1), **plain),
        a_build("succeeded", external_id="1", attempt=2, queued_at=NOON + minutes(1), **plain),
        a_build(external_id="2", commit_sha="b" * 40, commit_message="Fix the login form"),
        a_build("cancelled", external_id="3", cancel_reason="person", queued_at=NOON + minutes(2), **plain),
        a_build("cancelled", external_id="4", started_at=None, queued_at=NOON + minutes(3), **plain),
        a_build("running", external_id="5", queued_at=NOON + minutes(4), **plain),
    )

    assert [build["external_id"] for build in follow(client, f"/api/builds?{query}", "builds")] == NARROWED[query]


def test_a_page_may_be_short_and_still_name_the_next_one(world: World, client: FlaskClient) -> None:
    """A thousand builds of another event than the one asked for: the page says how far it looked."""
    world.record(*many_builds(1001), a_build(external_id="old", event="release", queued_at=NOON - minutes(1)))

    first = client.get("/api/builds?event=release").get_json()
    builds = follow(client, "/api/builds?event=release", "builds")

    assert first["builds"] == []
    assert first["next_cursor"] is not None
    assert [build["external_id"] for build in builds] == ["old"]


def test_one_build_has_its_attempts_and_its_pipeline_inside(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"))
    world.record(a_build("succeeded", external_id="1", attempt=2))

    build = client.get("/api/builds/1").get_json()

    assert (build["status"], build["attempt"]) == ("succeeded", 2)
    assert [(attempt["number"], attempt["status"]) for attempt in build["attempts"]] == [
        (1, "failed"),
        (2, "succeeded"),
    ]
    assert (build["pipeline"]["name"], build["pipeline"]["source_id"]) == ("ci", world.source_id)


def started(external_id: str, by: str, pipeline: str = "1/10", **overrides: Any) -> Observation:
    """A build that build `by` of a pipeline started."""
    parent = ParentBuild(pipeline_external_id=pipeline, external_id=by)
    return a_build(external_id=external_id, parent=parent, **overrides)


def test_a_build_shows_what_started_it_and_what_it_started(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"), started("2", "1", pipeline_external_id="1/11", web_url=None))

    first, second = (client.get(f"/api/builds/{number}").get_json() for number in (1, 2))

    assert (first["parent"], second["children"]) == (None, [])
    assert second["parent"] == {
        "id": 1,
        "pipeline_id": 1,
        "pipeline_name": "ci",
        "status": "failed",
        "web_url": "https://github.com/acme/web/actions/runs/100",
        "external_id": "1",
    }
    assert first["children"] == [
        {"id": 2, "pipeline_id": 2, "pipeline_name": "ci", "status": "succeeded", "web_url": None, "external_id": "2"}
    ]


@pytest.mark.parametrize(("pipeline", "pipeline_id", "name"), [("1/10", 1, "ci"), ("1/99", None, None)])
def test_a_parent_that_is_not_recorded_is_told_by_its_own_id(
    world: World, client: FlaskClient, pipeline: str, pipeline_id: int | None, name: str | None
) -> None:
    world.record(started("2", "1", pipeline))

    parent = client.get("/api/builds/1").get_json()["parent"]

    unknown = {"id": None, "status": None, "web_url": None}
    assert parent == unknown | {"pipeline_id": pipeline_id, "pipeline_name": name, "external_id": "1"}


def test_builds_of_another_instance_or_pipeline_with_the_same_ids_are_no_relatives(
    world: World, client: FlaskClient
) -> None:
    world.record(a_build(external_id="1"), started("2", "1", pipeline="1/99"))
    a_world(world.engine, name="github.example.com").record(started("3", "1"))

    assert client.get("/api/builds/1").get_json()["children"] == []
    assert client.get("/api/builds/3").get_json()["parent"]["id"] is None


def test_of_many_children_the_newest_hundred_are_shown(world: World, client: FlaskClient) -> None:
    children = (started(f"c{number}", "1", queued_at=NOON + minutes(number)) for number in range(103))
    world.record(a_build(external_id="1"), *children)
    build_id = world.ask("SELECT id FROM builds WHERE external_id = '1'")

    shown = client.get(f"/api/builds/{build_id}").get_json()["children"]

    assert [child["external_id"] for child in shown] == [f"c{number}" for number in range(102, 2, -1)]


def test_jobs_can_be_had_of_all_attempts_or_of_one(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1", jobs=(a_job("failed"), a_job(external_id="1001", name="lint"))))
    world.record(a_build(external_id="1", attempt=2, jobs=(a_job(external_id="1002"),)))

    every = follow(client, "/api/builds/1/jobs?limit=1", "jobs")
    second = client.get("/api/builds/1/jobs?attempt=2").get_json()["jobs"]

    assert [(job["attempt"], job["external_id"]) for job in every] == [(1, "1000"), (1, "1001"), (2, "1002")]
    assert [(job["attempt"], job["status"], job["duration_seconds"]) for job in second] == [(2, "succeeded", 230.0)]


def test_the_trail_of_a_build_is_read_in_order(world: World, client: FlaskClient) -> None:
    world.record(a_build("queued", external_id="1"), a_build("queued", external_id="other"))
    world.record(a_build("running", external_id="1", updated_at=NOON + minutes(1)))
    world.record(a_build("failed", external_id="1", updated_at=NOON + minutes(5)))

    events = follow(client, "/api/builds/1/events?limit=2", "events")

    assert [(event["from_status"], event["to_status"]) for event in events] == [
        (None, "queued"),
        ("queued", "running"),
        ("running", "failed"),
    ]
    assert [event["pos"] for event in events] == sorted(event["pos"] for event in events)


@pytest.mark.parametrize("path", ["/api/builds/2", "/api/builds/2/jobs", "/api/builds/2/events", "/api/builds/0"])
def test_an_unknown_build_is_not_found_in_words(world: World, client: FlaskClient, path: str) -> None:
    world.record(a_build(external_id="1"))

    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.get_json()["detail"].startswith("There is no build ")


def test_a_list_of_builds_names_the_stale_sources_it_depends_on(world: World, client: FlaskClient) -> None:
    other = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    other.run(
        "UPDATE sources SET failures = 4, last_error = 'timed out', last_ok_at = now() - interval '1 hour' "
        "WHERE id = :id",
        id=other.source_id,
    )

    every = client.get("/api/builds").get_json()["stale_sources"]
    github = client.get("/api/builds?provider=github").get_json()["stale_sources"]

    assert [source["scope"] for source in every] == ["folder"]
    assert "4 polls in a row failed: timed out" in every[0]["reason"]
    assert github == []


STATEMENTS = {
    "/api/builds?limit=200": 3,
    "/api/builds?limit=200&repository=acme/web&status=succeeded&q=login": 6,
    "/api/builds/1": 3,
    "/api/builds/1/jobs": 4,
    "/api/builds/1/events": 4,
    "/api/pipelines": 5,
    "/api/pipelines/1": 5,
    "/api/projects": 3,
    "/api/repositories": 3,
    "/api/branches": 3,
    "/api/sources": 3,
    "/api/errors": 3,
    "/api/metrics/overview": 8,
    "/api/metrics/overview?repository=acme/web": 10,
    "/api/metrics": 12,
    "/api/metrics/pipeline/1": 11,
    "/livez": 0,
    "/readyz": 6,
    "/metrics": 17,
    "/api/openapi.json": 0,
    "/api/docs": 0,
}


@pytest.mark.parametrize("builds", [1, 60])
def test_answers_cost_the_same_statements_however_much_there_is(world: World, builds: int) -> None:
    for number in range(builds // 20 + 1):
        world.record(*many_builds(max(1, builds // 3), pipeline_external_id=f"1/{number}", jobs=(a_job(),)))
    client = serve(world.engine)
    sent = {}

    for path in STATEMENTS:
        with statements(world.engine) as sent[path]:
            client.get(path)

    assert {path: len(found) for path, found in sent.items()} == STATEMENTS

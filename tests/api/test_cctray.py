"""`/cc.xml`: what a tray icon reads of it, with the reader of a real one."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

from api.cctray import cctray_feed
from shared.keys import Scope
from tests.api.serving import World, a_world, statements
from tests.api.stand import running_api
from tests.factories import NOON, a_build, minutes


def projects(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/cc.xml?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/xml; charset=utf-8"
    return [project.attrib for project in ET.fromstring(answer.data)]


def of(client: FlaskClient, *names: str, query: str = "") -> list[tuple[str, ...]]:
    return [tuple(project[name] for name in names) for project in projects(client, query)]


def test_a_project_has_all_that_the_format_knows(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", number=41))

    assert projects(client) == [
        {
            "name": "acme/web / ci",
            "activity": "Sleeping",
            "lastBuildStatus": "Failure",
            "lastBuildLabel": "41",
            "lastBuildTime": "2026-11-20T12:05:00Z",
            "webUrl": "https://github.com/acme/web/actions/runs/100",
        }
    ]


@pytest.mark.parametrize(
    ("statuses", "activity", "status"),
    [
        (["succeeded"], "Sleeping", "Success"),
        (["succeeded", "failed"], "Sleeping", "Failure"),
        (["timed_out"], "Sleeping", "Exception"),
        (["failed", "running"], "Building", "Failure"),
        (["succeeded", "queued"], "Building", "Success"),
        (["failed", "cancelled"], "Sleeping", "Failure"),
        (["running"], "Building", "Unknown"),
        (["skipped"], "Sleeping", "Unknown"),
    ],
)
def test_status_and_activity_are_told_apart(
    world: World, client: FlaskClient, statuses: list[str], activity: str, status: str
) -> None:
    world.record(*(a_build(s, external_id=f"{n}", queued_at=NOON + minutes(n)) for n, s in enumerate(statuses)))
    world.run("UPDATE sources SET last_ok_at = now()")
    world.run("UPDATE builds SET queued_at = now() - interval '1 hour' WHERE NOT is_finished")

    assert of(client, "activity", "lastBuildStatus") == [(activity, status)]


def test_other_branches_only_where_they_are_asked_for(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("succeeded", external_id="1"),
        a_build("failed", external_id="2", branch="next", queued_at=NOON + minutes(1)),
        a_build("succeeded", external_id="3", pipeline_external_id="1/2", pipeline_name="docs"),
    )

    assert of(client, "name", "lastBuildStatus") == [("acme/web / ci", "Success"), ("acme/web / docs", "Success")]
    assert of(client, "name", "lastBuildStatus", query="branch=next,nothing") == [("acme/web / ci (next)", "Failure")]


def test_the_feed_is_narrowed_like_every_list(world: World, client: FlaskClient) -> None:
    world.record(a_build(), a_build(external_id="2", pipeline_external_id="2/1", pipeline_name="docs"))

    assert of(client, "name", query="pipeline_id=2") == [("acme/web / docs",)]
    assert of(client, "name", query="repository=acme/none") == []
    assert client.get("/cc.xml?repositry=x").status_code == 422


def test_the_same_name_on_two_installations_is_two_lamps(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))
    a_world(world.engine, name="ghe.example.com").record(a_build())

    assert of(client, "name") == [("github.com: acme/web / ci",), ("ghe.example.com: acme/web / ci",)]


def test_two_workflows_of_one_name_are_two_lamps(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"), a_build("succeeded", external_id="2", pipeline_external_id="1/11"))
    world.record(a_build(external_id="3", pipeline_external_id="1/12", pipeline_name="docs"))
    a_world(world.engine, name="ghe.example.com").record(a_build())

    names = [name for (name,) in of(client, "name")]

    assert len(set(names)) == len(names) == 4
    assert set(names) == {
        "github.com: acme/web / ci #1",
        "github.com: acme/web / ci #2",
        "ghe.example.com: acme/web / ci",
        "acme/web / docs",
    }


def test_odd_names_make_no_odd_document(world: World, client: FlaskClient) -> None:
    odd = 'a "b" <c> & \x01\x1f \ufffe é\n'
    world.record(a_build(pipeline_name=odd))

    assert of(client, "name") == [("acme/web / " + 'a "b" <c> & \ufffd\ufffd \ufffd é\n',)]


def test_the_old_name_of_the_feed_serves_as_well(world: World, client: FlaskClient) -> None:
    world.record(a_build())

    assert client.get("/cctray.xml").data == client.get("/cc.xml").data


def test_a_feed_that_is_known_is_not_sent_again(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    first = client.get("/cc.xml")

    assert client.get("/cc.xml", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    world.record(a_build("failed", external_id="2", queued_at=NOON + minutes(1)))
    assert client.get("/cc.xml", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_feed_costs_the_same_statements_however_many_pipelines_there_are(world: World, client: FlaskClient) -> None:
    costs = []
    for count in (1, 50):
        world.record(*(a_build(external_id=f"{n}", pipeline_external_id=f"p{n}") for n in range(count)))
        with statements(world.engine) as sent:
            assert len(projects(client)) == count
        costs.append(len(sent))

    assert costs == [3, 3]


def test_a_pipeline_that_was_never_built_has_a_time_that_readers_can_parse() -> None:
    state: dict[str, Any] = dict.fromkeys(
        [
            "pipeline_id",
            "instance",
            "repository",
            "branch",
            "status",
            "number",
            "external_id",
            "web_url",
            "url",
            "finished_at",
        ]
    )

    (project,) = ET.fromstring(cctray_feed([state | {"pipeline_name": "ci", "is_building": False}], "http://us"))

    assert (project.attrib["lastBuildStatus"], project.attrib["webUrl"]) == ("Unknown", "http://us")
    assert project.attrib["lastBuildTime"] == "1970-01-01T00:00:00Z"


def test_a_real_tray_icon_reads_it_with_its_key(world: World, database_url: str) -> None:
    cctray = pytest.importorskip("buildnotifylib.core.cctray")
    http = pytest.importorskip("buildnotifylib.adapters.http")
    settings = pytest.importorskip("buildnotifylib.core.settings").ServerSettings
    world.record(
        a_build("failed", external_id="1", number=7),
        a_build(external_id="2", pipeline_external_id="2/1", pipeline_name="docs & more"),
    )
    key = world.key(Scope.READ)

    with running_api(database_url, {"server__base_url": "http://builds.example.com"}) as api:
        address = f"http://{api.address}/cc.xml"
        known = settings(
            url=address,
            authentication_type=settings.AUTH_BEARER_TOKEN,
            username="",
            password=key,
        )
        found = cctray.CctraySource(known, 10, http.HttpConnection()).fetch()

    shown = [(each.name, each.status.name, each.activity.name, each.last_build_label) for each in found]
    assert shown == [
        ("acme/web / ci", "FAILURE", "SLEEPING", "7"),
        ("acme/web / docs & more", "SUCCESS", "SLEEPING", "100"),
    ]
    assert found[0].build_time == NOON + minutes(5)
    assert found[0].url == "https://github.com/acme/web/actions/runs/100"

"""`/api/incidents`: what broke and when it was fixed, page by page, at a constant cost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import RAISE, Schema
from sqlalchemy.orm import Session

from alerts.plan import plan_events
from api import incident_shapes as shapes
from api.incidents import MOST_EVENTS
from shared import incident_queries
from shared.ranges import Member, Wanted, record_range
from tests.alerts.history import rules
from tests.api.serving import World, a_world, serve, statements
from tests.api.test_builds import follow
from tests.factories import NOON, a_build, a_job, minutes
from tests.incidents import an_incident, an_incident_event


def broken(world: World) -> int:
    """Build 1 succeeded on commit a…, 2 failed on c…, 3 failed, 4 succeeded; returns the incident's id."""
    world.record(
        a_build("succeeded", external_id="1", commit_sha="a" * 40, queued_at=NOON - minutes(9)),
        a_build("failed", external_id="2", commit_sha="c" * 40, queued_at=NOON),
        a_build("failed", external_id="3", commit_sha="d" * 40, queued_at=NOON + minutes(10)),
        a_build("succeeded", external_id="4", commit_sha="e" * 40, queued_at=NOON + minutes(20)),
    )
    return an_incident(
        world.engine,
        opened_at=NOON + minutes(5),
        last_failed_at=NOON + minutes(15),
        fixed_at=NOON + minutes(25),
        version=3,
        failures=2,
        first_bad_build_id=2,
        last_bad_build_id=3,
        last_good_build_id=1,
        last_good_attempt=1,
        fixed_build_id=4,
        fixed_attempt=1,
    )


def a_minute_apart(world: World, count: int, **overrides: Any) -> list[int]:
    """Fixed incidents of pipeline 1 that opened 0, 1, 2, … minutes after noon."""
    world.record(a_build("failed", external_id="1"))
    times = [NOON + minutes(number) for number in range(count)]
    return [an_incident(world.engine, opened_at=at, fixed_at=at + minutes(1), **overrides) for at in times]


def planned(world: World) -> None:
    with Session(world.engine) as session, session.begin():
        plan_events(session, rules(), NOON + minutes(60))


def ids(client: FlaskClient, query: str = "") -> list[int]:
    answer = client.get(f"/api/incidents?{query}")
    assert answer.status_code == 200, answer.text
    return [incident["id"] for incident in answer.get_json()["incidents"]]


def test_an_incident_shows_everything_known_of_it(world: World, client: FlaskClient) -> None:
    broken(world)

    (incident,) = client.get("/api/incidents").get_json()["incidents"]

    assert incident == {
        "id": 1,
        "provider": "github",
        "instance": "github.com",
        "project": "default",
        "repository": "acme/web",
        "pipeline_id": 1,
        "pipeline_name": "ci",
        "branch": "main",
        "is_default_branch": True,
        "status": "fixed",
        "opened_at": "2026-11-20T12:05:00Z",
        "last_failed_at": "2026-11-20T12:15:00Z",
        "fixed_at": "2026-11-20T12:25:00Z",
        "duration_seconds": 1200.0,
        "failures": 2,
        "flaps": 0,
        "is_flaky": False,
        "is_silent": False,
        "first_bad_build_id": 2,
        "first_bad_attempt": 1,
        "first_bad_author": "ada",
        "first_bad_job": None,
        "last_bad_build_id": 3,
        "last_bad_attempt": 1,
        "last_good_build_id": 1,
        "last_good_attempt": 1,
        "fixed_by_build_id": 4,
        "fixed_by_attempt": 1,
        "commits_url": "/api/incidents/1/commits",
    }


def test_the_job_that_failed_first_in_the_first_bad_attempt_is_named(world: World, client: FlaskClient) -> None:
    jobs = (
        a_job("succeeded", external_id="1", name="build", finished_at=NOON),
        a_job("failed", external_id="2", name="later", finished_at=NOON + minutes(2)),
        a_job("timed_out", external_id="3", name="first", finished_at=NOON + minutes(1)),
    )
    world.record(a_build("failed", external_id="1", author=None, jobs=jobs))
    an_incident(world.engine)

    (incident,) = client.get("/api/incidents").get_json()["incidents"]

    assert (incident["first_bad_author"], incident["first_bad_job"]) == (None, "first")


def test_what_the_planner_makes_of_builds_is_told_from_the_first_failure_to_the_recovery(
    world: World, client: FlaskClient
) -> None:
    world.run("INSERT INTO cursors (name, pos) VALUES ('alerts', 0)")
    world.record(a_build("succeeded", external_id="1", queued_at=NOON))
    world.record(a_build("failed", external_id="2", queued_at=NOON + minutes(10)))
    planned(world)
    (is_open,) = client.get("/api/incidents?status=open").get_json()["incidents"]
    world.record(a_build("failed", external_id="3", queued_at=NOON + minutes(20)))
    rerun: dict[str, Any] = {"external_id": "3", "attempt": 2, "queued_at": NOON + minutes(20)}
    world.record(a_build("succeeded", finished_at=NOON + minutes(40), **rerun))
    planned(world)

    incident = client.get(f"/api/incidents/{is_open['id']}").get_json()

    assert (is_open["status"], is_open["first_bad_build_id"], is_open["failures"]) == ("broken", 2, 1)
    assert (incident["status"], incident["failures"], incident["is_flaky"]) == ("fixed", 2, True)
    assert [incident[name]["external_id"] for name in incident_queries.BUILDS] == ["2", "3", "1", "3"]
    assert (incident["duration_seconds"], incident["fixed_by_attempt"]) == (25 * 60, 2)
    assert [(event["from_status"], event["to_status"], event["data"]["failures"]) for event in incident["events"]] == [
        (None, "broken", 1),
        ("broken", "broken", 2),
        ("broken", "fixed", 2),
    ]


SHAPES: dict[str, type[Schema]] = {
    "/api/incidents": shapes.IncidentsSchema,
    "/api/incidents/1": shapes.OneIncidentSchema,
    "/api/incidents/2": shapes.OneIncidentSchema,
    "/api/incidents/1/commits": shapes.IncidentCommitsSchema,
    "/api/incidents/1/events": shapes.IncidentEventsSchema,
}


@pytest.mark.parametrize("path", SHAPES)
def test_an_answer_written_directly_equals_what_its_documented_shape_would_write(
    world: World, client: FlaskClient, path: str
) -> None:
    closed = broken(world)
    an_incident(world.engine, branch="", status="flapping", flaps=2, is_silent=True)
    an_incident_event(world.engine, closed)
    world.run("UPDATE sources SET last_ok_at = now() - interval '1 hour', last_error = 'away', failures = 3")
    shape = SHAPES[path]()

    answer = client.get(path)

    assert answer.status_code == 200
    assert shape.dump(shape.load(answer.get_json(), unknown=RAISE)) == answer.get_json()


def test_pages_follow_one_another_to_the_last_incident_even_where_instants_tie(
    world: World, client: FlaskClient
) -> None:
    wanted = a_minute_apart(world, 12) + [
        an_incident(world.engine, opened_at=NOON + minutes(20), fixed_at=NOON + minutes(21)) for _ in range(11)
    ]

    found = follow(client, "/api/incidents?limit=5&status=fixed&repo=acme/web", "incidents")

    assert [incident["id"] for incident in found] == wanted[::-1]


def test_incidents_that_open_while_paging_neither_repeat_nor_hide_one(world: World, client: FlaskClient) -> None:
    wanted = a_minute_apart(world, 10)
    first = client.get("/api/incidents?limit=5")
    an_incident(world.engine, opened_at=NOON + minutes(60))

    second = client.get(first.headers["Link"].split(">")[0][1:])

    pages = [incident["id"] for page in (first, second) for incident in page.get_json()["incidents"]]
    assert pages == wanted[::-1]


def test_a_status_narrows_and_open_means_whatever_is_not_over(world: World, client: FlaskClient) -> None:
    (fixed,) = a_minute_apart(world, 1)
    is_broken = an_incident(world.engine, opened_at=NOON + minutes(1))
    flapping = an_incident(world.engine, opened_at=NOON + minutes(2), branch="dev", status="flapping")

    found = {words: ids(client, f"status={words}") for words in ("open", "broken", "flapping", "fixed", "fixed,open")}

    assert found == {
        "open": [flapping, is_broken],
        "broken": [is_broken],
        "flapping": [flapping],
        "fixed": [fixed],
        "fixed,open": [flapping, is_broken, fixed],
    }


def test_a_list_is_narrowed_by_where_and_when(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1"),
        a_build("failed", external_id="2", pipeline_external_id="2/20", repository_external_id="2",
                repository_name="acme/api"),
    )  # fmt: skip
    jenkins = a_world(world.engine, name="jenkins", provider="jenkins")
    jenkins.record(a_build("failed", external_id="3", repository_external_id=None, repository_name=None))
    web, api, job = (
        an_incident(world.engine, pipeline_id=pipeline, opened_at=NOON + minutes(pipeline), branch=branch)
        for pipeline, branch in ((1, "main"), (2, "dev"), (3, ""))
    )

    assert ids(client) == [job, api, web]
    assert ids(client, "provider=jenkins") == ids(client, "instance=jenkins") == ids(client, "pipeline_id=3") == [job]
    assert ids(client, "repository=acme/api,acme/web") == [api, web]
    assert ids(client, "branch=main") == [web]
    assert ids(client, "project=default&branch=dev") == [api]
    assert ids(client, "repository=acme/none") == []
    assert ids(client, "since=2026-11-20T12:02:00Z&until=2026-11-20T12:03:00Z") == [api]


def test_a_list_is_narrowed_to_default_branches_or_to_all_others(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1"),
        a_build("failed", external_id="2", pipeline_external_id="2", default_branch=None, repository_name=None,
                repository_external_id=None, branch=None),
    )  # fmt: skip
    main = an_incident(world.engine, opened_at=NOON + minutes(1))
    dev = an_incident(world.engine, opened_at=NOON + minutes(2), branch="dev")
    plain = an_incident(world.engine, opened_at=NOON + minutes(3), pipeline_id=2, branch="")

    assert ids(client, "is_default_branch=true") == [plain, main]
    assert ids(client, "is_default_branch=false&status=open") == [dev]
    assert ids(client) == [plain, dev, main]
    assert [row["is_default_branch"] for row in client.get("/api/incidents").get_json()["incidents"]] == [
        True,
        False,
        True,
    ]


def test_a_word_that_is_neither_true_nor_false_is_refused(client: FlaskClient) -> None:
    answer = client.get("/api/incidents?is_default_branch=yes")

    assert answer.status_code == 422
    assert "must be one of true, false" in answer.text


def test_a_word_that_is_no_status_is_refused_with_those_there_are(client: FlaskClient) -> None:
    answer = client.get("/api/incidents?status=failed")

    assert answer.status_code == 422
    assert "must be one of open, broken, flapping, fixed" in answer.get_json()["detail"]


def test_a_branch_that_builds_know_none_of_is_null(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"))
    an_incident(world.engine, branch="")

    assert client.get("/api/incidents").get_json()["incidents"][0]["branch"] is None


@pytest.mark.parametrize("path", ["/api/incidents", "/api/incidents/1"])
def test_the_time_that_goes_by_changes_a_duration_and_no_etag(world: World, client: FlaskClient, path: str) -> None:
    world.record(a_build("failed", external_id="1"))
    an_incident(world.engine)

    first = client.get(path)
    again = client.get(path)
    known = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    world.run("UPDATE incidents SET failures = 2")
    changed = client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    before, after = (answer.get_json().get("incidents", [answer.get_json()])[0] for answer in (first, again))
    assert before["duration_seconds"] < after["duration_seconds"]
    assert first.headers["ETag"] == again.headers["ETag"]
    assert (known.status_code, changed.status_code) == (304, 200)


def test_an_open_incident_lasts_until_the_instant_of_reading(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"))
    an_incident(world.engine)

    answer = client.get("/api/incidents/1").get_json()

    lasted = datetime.fromisoformat(answer["as_of"]) - datetime.fromisoformat(answer["opened_at"])
    assert answer["duration_seconds"] == pytest.approx(lasted.total_seconds())


def test_an_incident_opened_ahead_of_our_clock_has_lasted_no_time(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"))
    an_incident(world.engine, opened_at=datetime.now(UTC) + minutes(60))

    assert client.get("/api/incidents/1").get_json()["duration_seconds"] == 0


def test_one_incident_has_its_builds_inside(world: World, client: FlaskClient) -> None:
    incident_id = broken(world)

    incident = client.get(f"/api/incidents/{incident_id}").get_json()

    named = {name: incident[name]["id"] for name in ("last_good", "first_bad", "last_bad", "fixed_by")}
    assert named == {"last_good": 1, "first_bad": 2, "last_bad": 3, "fixed_by": 4}
    assert incident["first_bad"] == client.get("/api/builds?status=failed").get_json()["builds"][1]


def test_a_build_that_is_not_there_is_null(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"))
    an_incident(world.engine, first_bad_build_id=999)

    incident = client.get("/api/incidents/1").get_json()

    assert (incident["first_bad_build_id"], incident["first_bad"]) == (999, None)
    assert (incident["last_bad"]["id"], incident["last_good"], incident["fixed_by"]) == (1, None, None)


def test_the_commits_between_last_good_and_first_bad_are_listed_newest_first(world: World, client: FlaskClient) -> None:
    broken(world)
    members = (
        Member(sha="b" * 40, parents=("a" * 40,), author="Ada", message="Break it", committed_at=NOON),
        Member(sha="c" * 40, parents=("b" * 40,), author="Bob", message="Go on", committed_at=NOON + minutes(1)),
    )
    with Session(world.engine) as session, session.begin():
        record_range(session, Wanted(1, "a" * 40, "c" * 40), members, is_complete=True)

    incident = client.get("/api/incidents/1").get_json()
    commits = client.get(incident["commits_url"]).get_json()

    assert [(commit["sha"][0], commit["author"]) for commit in incident["commits"]] == [("c", "Bob"), ("b", "Ada")]
    assert (incident["has_all_commits"], incident["commits_reason"]) == (True, None)
    assert commits["commits"] == incident["commits"]
    assert (commits["base_build_id"], commits["base_sha"][0], commits["head_sha"][0]) == (1, "a", "c")


def test_a_rerun_that_fails_where_the_build_had_passed_has_no_commit_to_blame(
    world: World, client: FlaskClient
) -> None:
    world.record(a_build("succeeded", external_id="0", commit_sha="9" * 40, queued_at=NOON - minutes(30)))
    world.record(a_build("succeeded", external_id="1"))
    world.record(a_build("failed", external_id="1", attempt=2))
    an_incident(
        world.engine, first_bad_build_id=2, first_bad_attempt=2, last_bad_build_id=2, last_bad_attempt=2,
        last_good_build_id=2, last_good_attempt=1,
    )  # fmt: skip

    incident = client.get("/api/incidents/1").get_json()

    assert (incident["commits"], incident["has_all_commits"]) == ([], True)


@pytest.mark.parametrize(
    ("last_good", "commit_sha", "words"),
    [(None, "c" * 40, "no build succeeded"), (1, "c" * 40, "not asked"), (1, None, "not known which commit")],
)
def test_why_commits_are_missing_is_said(
    world: World, client: FlaskClient, last_good: int | None, commit_sha: str | None, words: str
) -> None:
    world.record(
        a_build("succeeded", external_id="1"),
        a_build("failed", external_id="2", commit_sha=commit_sha, queued_at=NOON + minutes(9)),
    )
    an_incident(world.engine, first_bad_build_id=2, last_good_build_id=last_good)

    incident = client.get("/api/incidents/1").get_json()

    assert incident["has_all_commits"] is False
    assert words in incident["commits_reason"]


def test_the_trail_of_an_incident_is_read_in_order_and_one_incident_shows_its_newest_part(
    world: World, client: FlaskClient
) -> None:
    incident_id, other = broken(world), an_incident(world.engine)
    an_incident_event(world.engine, other)
    trail = [
        an_incident_event(world.engine, incident_id, version=number, from_status="broken" if number > 1 else None)
        for number in range(1, MOST_EVENTS + 3)
    ]

    shown = client.get(f"/api/incidents/{incident_id}").get_json()["events"]
    every = follow(client, f"/api/incidents/{incident_id}/events?limit=40", "events")

    assert [event["pos"] for event in every] == trail
    assert shown == every[-MOST_EVENTS:]
    assert {key: every[0][key] for key in ("version", "from_status", "to_status", "at")} == {
        "version": 1,
        "from_status": None,
        "to_status": "broken",
        "at": "2026-11-20T12:00:00Z",
    }
    assert every[0]["data"]["failures"] == 1


@pytest.mark.parametrize("path", ["/api/incidents/2", "/api/incidents/2/commits", "/api/incidents/2/events"])
def test_an_unknown_incident_is_not_found_in_words(world: World, client: FlaskClient, path: str) -> None:
    broken(world)

    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.get_json()["detail"] == "There is no incident 2."


def test_incidents_name_the_stale_sources_they_depend_on(world: World, client: FlaskClient) -> None:
    incident_id = broken(world)
    other = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    other.run("UPDATE sources SET failures = 4, last_ok_at = now() - interval '1 hour' WHERE scope = 'folder'")

    stale = {
        path: [source["scope"] for source in client.get(path).get_json()["stale_sources"]]
        for path in ("/api/incidents", "/api/incidents?provider=github", f"/api/incidents/{incident_id}")
    }

    assert list(stale.values()) == [["folder"], [], []]


STATEMENTS = {
    "/api/incidents?limit=200": 3,
    "/api/incidents?limit=200&repository=acme/web&status=fixed": 5,
    "/api/incidents/1": 9,
    "/api/incidents/1/commits": 6,
    "/api/incidents/1/events": 4,
}


@pytest.mark.parametrize("incidents", [1, 60])
def test_answers_cost_the_same_statements_however_much_there_is(world: World, incidents: int) -> None:
    broken(world)
    for number in range(incidents):
        an_incident_event(world.engine, 1)
        an_incident(world.engine, opened_at=NOON - minutes(number), fixed_at=NOON)
    client = serve(world.engine)
    sent = {}

    for path in STATEMENTS:
        with statements(world.engine) as sent[path]:
            assert client.get(path).status_code == 200

    assert {path: len(found) for path, found in sent.items()} == STATEMENTS

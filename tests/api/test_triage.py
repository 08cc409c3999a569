"""Triage: failures by incident, by job, and by what they have in common."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from api.triage_shapes import TriageSchema
from tests.api.serving import World, a_world, serve, statements
from tests.factories import NOON, a_build, a_job, minutes
from tests.incidents import an_incident

DAY = "?since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z"


def ask(client: FlaskClient, query: str = DAY) -> Any:
    answer = client.get(f"/api/triage{query}")
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert TriageSchema().validate(found) == {}
    return found


def grid(found: Any, by: str) -> list[tuple[str | None, int, int, float | None]]:
    return [(row["value"], row["failures"], row["verdicts"], row["lift"]) for row in found["grid"][by]]


def test_failures_of_the_window_are_counted_beside_its_verdicts(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1"),
        a_build("timed_out", external_id="2"),
        a_build("succeeded", external_id="3"),
        a_build("cancelled", external_id="4"),
        a_build("running", external_id="5"),
        a_build("failed", external_id="6", queued_at=NOON - minutes(24 * 60)),
    )

    found = ask(client)

    assert (found["failures"], found["verdicts"], found["grouped"]) == (2, 3, 2)
    assert found["window"] == {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z", "is_cut": False}


def test_its_link_lists_the_failures(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"), a_build("timed_out", external_id="2"), a_build(external_id="3"))

    link = ask(client, f"{DAY}&repository=acme/web&branch=main")["link"]

    assert parse_qs(urlsplit(link).query)["status"] == ["failed,timed_out"]
    assert {build["external_id"] for build in client.get(link).get_json()["builds"]} == {"1", "2"}


def test_failures_are_grouped_by_the_incident_they_belong_to_open_and_long_ones_first(
    world: World, client: FlaskClient
) -> None:
    world.record(
        a_build("failed", external_id="1", queued_at=NOON),
        a_build("failed", external_id="2", queued_at=NOON + minutes(30)),
        a_build("failed", external_id="3", queued_at=NOON + minutes(40)),
        a_build("failed", external_id="4", queued_at=NOON, branch="feature"),
        a_build("failed", external_id="5", queued_at=NOON, branch="lonely"),
    )
    over = an_incident(world.engine, opened_at=NOON + minutes(5), fixed_at=NOON + minutes(20))
    is_open = an_incident(world.engine, opened_at=NOON + minutes(35))
    longer = an_incident(world.engine, opened_at=NOON - minutes(60), branch="feature")

    found = ask(client)

    groups = [(group["incident"]["id"], group["builds"]) for group in found["incidents"]]
    assert groups == [(longer, 1), (is_open, 2), (over, 1)]
    assert (found["incident_count"], found["without_incident"]) == (3, 1)
    newest = found["incidents"][1]
    assert newest["build_ids"] == [3, 2]
    assert (newest["first_at"], newest["last_at"]) == ("2026-11-20T12:30:00Z", "2026-11-20T12:40:00Z")


def test_failures_are_grouped_by_the_jobs_that_failed_in_the_latest_attempt(world: World, client: FlaskClient) -> None:
    both = (a_job("failed", external_id="1", name="lint"), a_job("failed", external_id="2", name="test"))
    world.record(
        a_build("failed", external_id="1", jobs=both),
        a_build(
            "failed",
            external_id="2",
            queued_at=NOON + minutes(9),
            pipeline_external_id="1/11",
            branch="feature",
            jobs=(a_job("timed_out", name="test"), a_job(external_id="2", name="lint")),
        ),
        a_build("failed", external_id="3", attempt=1, jobs=(a_job("failed", name="flake"),)),
        a_build("succeeded", external_id="4", jobs=(a_job("failed", name="allowed"),)),
    )
    world.record(a_build("failed", external_id="3", attempt=2, updated_at=NOON + minutes(9)))

    found = ask(client)

    groups = [(group["name"], group["builds"], group["pipelines"], group["branches"]) for group in found["jobs"]]
    assert groups == [("test", 2, 2, 2), ("lint", 1, 1, 1), (None, 1, 1, 1)]
    assert found["jobs"][0]["last_at"] == "2026-11-20T12:09:00Z"
    assert found["job_count"] == 3


def test_what_failures_share_stands_out_by_its_lift(world: World, client: FlaskClient) -> None:
    bad: dict[str, Any] = {"branch": "bad", "queued_at": NOON + minutes(61)}
    world.record(
        *(a_build("failed", external_id=f"b{at}", jobs=(a_job("failed", runner="sick"),), **bad) for at in range(3)),
        a_build(external_id="b3", jobs=(a_job(runner="sick"),), **bad),
        *(a_build(external_id=f"g{at}", jobs=(a_job(runner="sound"),)) for at in range(11)),
        a_build("failed", external_id="g11", jobs=(a_job("failed", runner="sound"),)),
    )

    found = ask(client)

    assert grid(found, "branch") == [("bad", 3, 4, 3.0), ("main", 1, 12, pytest.approx(1 / 3))]
    assert grid(found, "runner") == [("sick", 3, 4, 3.0), ("sound", 1, 12, pytest.approx(1 / 3))]
    assert grid(found, "hour") == [("12", 1, 12, pytest.approx(1 / 3)), ("13", 3, 4, 3.0)]
    assert [(row["value"], row["pipeline_id"], row["repository"]) for row in found["grid"]["pipeline"]] == [
        ("ci", 1, "acme/web")
    ]
    assert found["runner_sample"] == {"builds": 16, "every": 1}


def test_hours_of_the_day_are_those_of_the_zone(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))

    assert grid(ask(client, f"{DAY}&timezone=Asia/Kolkata"), "hour") == [("17", 1, 1, 1.0)]


def test_without_failures_nothing_stands_out(world: World, client: FlaskClient) -> None:
    world.record(a_build(branch=None))

    found = ask(client)

    assert grid(found, "branch") == [(None, 0, 1, None)]
    assert (found["incidents"], found["jobs"], found["grid"]["runner"]) == ([], [], [])


def test_failures_are_narrowed_to_what_is_asked_for(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", external_id="1"), a_build("failed", external_id="2", branch="feature"))
    jenkins = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    jenkins.record(a_build("failed", provider="jenkins", repository_external_id="2", repository_name="acme/api"))

    def failures(query: str) -> int:
        return int(ask(client, f"{DAY}&{query}")["failures"])

    assert failures("") == 3
    assert failures("branch=feature") == 1
    assert failures("provider=jenkins") == 1
    assert failures("repo=acme/web&branch=main") == 1
    assert failures("pipeline_id=1") == 2
    assert failures("project=nobody") == 0


def test_the_last_day_is_shown_unless_another_window_is_asked_for(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))
    world.run("UPDATE builds SET queued_at = now() - interval '2 hours'")

    assert ask(client, "")["failures"] == 1
    world.run("UPDATE builds SET queued_at = now() - interval '26 hours'")
    assert ask(client, "")["failures"] == 0


@pytest.mark.parametrize("builds", [1, 60])
def test_it_costs_the_same_statements_however_much_there_is(world: World, builds: int) -> None:
    world.record(
        *(
            a_build("failed", external_id=f"{at}", pipeline_external_id=f"1/{at % 5}", jobs=(a_job("failed"),))
            for at in range(builds)
        )
    )
    an_incident(world.engine)
    client = serve(world.engine)

    with statements(world.engine) as sent:
        client.get(f"/api/triage{DAY}&repository=acme/web&branch=main")

    assert len(sent) == 10

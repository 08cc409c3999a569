"""Incidents on the stream: in their place in the log, as the list shows them, at one statement a page."""

import json
from typing import Any

from sqlalchemy import Engine

from alerts.plan import catch_up
from alerts.rules import Rules
from api.log_page import read_page
from shared.reading import reading
from tests.api.serving import statements
from tests.api.stand import an_instance, commit_builds, running_api
from tests.factories import NOON
from tests.incidents import an_incident, an_incident_event


def plan(engine: Engine) -> None:
    """Read the log to its end and make incidents of it; the first time only takes its place at the head."""
    catch_up(engine, Rules.default({}), NOON)


def lasting(incident: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in incident.items() if name != "duration_seconds"}


def test_a_client_gets_an_incident_in_its_place_and_gets_it_again_when_it_resumes(
    database: Engine, database_url: str
) -> None:
    instance_id = an_instance(database)
    plan(database)
    before = commit_builds(database, instance_id, status="failed")
    with running_api(database_url) as api:
        client, of_dev = api.connect(), api.connect()
        of_dev.subscribe(filter={"branch": "dev"})
        plan(database)
        commit_builds(database, instance_id, branch="dev")

        opened, build = client.events(2)
        narrowed = of_dev.receive()
        of_main = api.connect()
        of_main.subscribe(before, filter={"branch": "main"})
        again = of_main.receive()
        listed = json.loads(api.get("/api/incidents")[1])["incidents"]
        for each in (client, of_dev, of_main):
            each.close()

    assert (opened["type"], opened["pos"], opened["prev_pos"]) == ("incident", before + 1, before)
    assert (opened["subject_kind"], opened["incident_id"]) == ("incident", listed[0]["id"])
    assert opened["data"].keys() == {"incident", "from_status", "to_status", "at"}
    assert lasting(opened["data"]["incident"]) == lasting(listed[0])
    assert (build["pos"], build["prev_pos"]) == (before + 2, before + 1)
    assert (narrowed["pos"], narrowed["prev_pos"]) == (before + 2, before)
    assert again == opened


def test_a_page_of_the_log_asks_once_for_its_builds_and_once_for_its_incidents(database: Engine) -> None:
    commit_builds(database, an_instance(database), 20)
    ids = [an_incident(database, branch=str(number)) for number in range(20)]
    for incident_id in (*ids, *ids):
        an_incident_event(database, incident_id)
    cost = {}

    for pos, limit in ((0, 20), (20, 40), (0, 60)):
        with statements(database) as cost[pos, limit], reading(database) as now:
            assert len(read_page(now.session, pos, limit)) == limit

    assert [len(sent) for sent in cost.values()] == [3, 3, 4]

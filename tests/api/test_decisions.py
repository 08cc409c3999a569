"""`/api/events/{pos}/decisions`: who was told of an event, who was not, and why."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.serving import World, statements
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident, an_incident_event
from tests.told import a_decision, a_routing, a_telling, planned_to


@pytest.fixture
def broken(world: World) -> int:
    """Build 1 ran and failed, events 1 and 2, which opened incident 1."""
    world.record(a_build("running"))
    world.record(a_build("failed"))
    return an_incident(world.engine)


def ask(client: FlaskClient, pos: int) -> dict[str, Any]:
    answer = client.get(f"/api/events/{pos}/decisions")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_each_route_says_what_it_came_to(world: World, client: FlaskClient, broken: int) -> None:
    a_decision(world.engine, 2, "broke", incident_id=broken, unmatched={"web": "project acme is none of shop"})
    a_routing(world.engine, 2, "told", incident_id=broken, delivery_id=12, settled_at=NOON)
    a_routing(world.engine, 2, "suppressed", receiver="mail", incident_id=broken, reason="1 of 2 failures")

    found = ask(client, 2)

    assert (found["subject_kind"], found["subject_id"], found["incident_id"]) == ("build", 1, broken)
    assert (found["decision"], found["is_planned"]) == ("broke", True)
    assert found["decision_reason"] == "The branch worked before and is broken since this build."
    assert [(row["route"], row["receiver"], row["outcome"], row["reason"]) for row in found["routes"]] == [
        ("ops", "mail", "suppressed", "1 of 2 failures"),
        ("ops", "slack", "told", None),
        ("web", None, "unmatched", "project acme is none of shop"),
    ]
    assert found["routes"][1]["delivery_id"] == 12
    assert found["routes"][1]["settled_at"] == "2026-11-20T12:00:00Z"


def test_routes_come_in_the_order_they_are_asked_and_gone_ones_last(
    world: World, client: FlaskClient, broken: int
) -> None:
    for name, origin, place in (("b", "api", 0), ("c", "file", 1), ("d", "file", 0), ("c", "api", 0)):
        world.run(
            "INSERT INTO routes (name, origin, place, settings) VALUES (:name, :origin, :place, '{}')",
            name=name, origin=origin, place=place,
        )  # fmt: skip
    a_decision(world.engine, 2, "broke", incident_id=broken)
    for route in "abcd":
        a_routing(world.engine, 2, "queued", route=route)

    assert [row["route"] for row in ask(client, 2)["routes"]] == ["d", "c", "b", "a"]


def test_what_waits_says_until_when(world: World, client: FlaskClient, broken: int) -> None:
    a_decision(world.engine, 2, "broke", incident_id=broken)
    a_routing(world.engine, 2, "held", incident_id=broken, reason="silenced by ada: a new runner")
    a_routing(world.engine, 2, "told", receiver="mail", incident_id=broken)
    for receiver in ("slack", "mail"):
        a_telling(world.engine, broken, receiver=receiver, wanted_at=NOON, due_at=NOON + minutes(30))

    told, held = ask(client, 2)["routes"]

    assert (held["outcome"], held["due_at"]) == ("held", "2026-11-20T12:30:00Z")
    assert told["due_at"] is None


def test_what_became_of_an_incident_was_decided_with_its_cause(world: World, client: FlaskClient, broken: int) -> None:
    pos = an_incident_event(world.engine, broken)
    world.run("""UPDATE events SET data = data || '{"cause_pos": 2}' WHERE pos = :pos""", pos=pos)
    a_decision(world.engine, 2, "broke", incident_id=broken)
    a_routing(world.engine, 2, "queued", incident_id=broken)
    planned_to(world.engine, pos)

    found = ask(client, pos)

    assert (found["subject_kind"], found["subject_id"], found["cause_pos"]) == ("incident", broken, 2)
    assert (found["decision"], [row["outcome"] for row in found["routes"]]) == ("broke", ["queued"])


def test_an_event_without_a_row_is_explained(world: World, client: FlaskClient, broken: int) -> None:
    a_decision(world.engine, 2, "broke", incident_id=broken)
    world.record(a_build("succeeded", external_id="2"))

    running, waiting = ask(client, 1), ask(client, 3)
    planned_to(world.engine, 3)
    working = ask(client, 3)

    assert (running["decision"], running["is_planned"], running["routes"]) == ("no_verdict", True, [])
    assert (waiting["decision"], waiting["is_planned"]) == ("not_planned", False)
    assert (working["decision"], working["incident_id"]) == ("still_working", None)


def test_a_position_that_is_not_there_is_a_404(client: FlaskClient) -> None:
    answer = client.get("/api/events/99/decisions")

    assert (answer.status_code, answer.get_json()["detail"]) == (404, "There is no event 99.")


@pytest.mark.parametrize("routes", [1, 30])
def test_the_answer_costs_the_same_statements_however_many_routes(
    world: World, client: FlaskClient, broken: int, routes: int
) -> None:
    a_decision(world.engine, 2, "broke", incident_id=broken)
    for number in range(routes):
        a_routing(world.engine, 2, "told", route=f"route-{number}", incident_id=broken)

    with statements(world.engine) as seen:
        ask(client, 2)

    assert len(seen) == 4

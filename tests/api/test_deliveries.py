"""`/api/deliveries`: messages as receivers got them, every incident of a storm; and trials for the scheduler."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from shared.keys import Scope
from tests.api.serving import World, serve, statements
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident
from tests.told import MESSAGE, a_delivery, a_telling


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/deliveries?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["deliveries"]
    return found


def a_storm(world: World, incidents: int) -> int:
    """One message about so many incidents; returns its id."""
    world.record(a_build("failed"))
    delivery = a_delivery(world.engine)
    with world.engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO incidents (pipeline_id, branch, project_id, status, opened_at, last_failed_at,
                    first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt)
                SELECT 1, 'branch-' || n, 1, 'broken', :noon, :noon, 1, 1, 1, 1 FROM generate_series(1, :count) n
            """),
            {"count": incidents, "noon": NOON},
        )
        connection.execute(
            text("""
                INSERT INTO delivery_items (delivery_id, incident_id, kind, version, failures, place)
                SELECT :delivery, id, 'broke', 1, 1, row_number() OVER (ORDER BY id) - 1 FROM incidents
            """),
            {"delivery": delivery},
        )
    return delivery


def test_messages_are_listed_newest_first_and_narrowed(world: World, client: FlaskClient) -> None:
    first = a_delivery(world.engine, receiver="mail", tries=2)
    second = a_delivery(world.engine, state="dead", last_error="Slack answered 404 no_service")
    third = a_delivery(world.engine, kind="test", state="pending", key="test:1", next_try_at=NOON)

    assert [row["id"] for row in listed(client)] == [third, second, first]
    assert [row["id"] for row in listed(client, "receiver=mail,pager")] == [first]
    assert [row["id"] for row in listed(client, "state=dead,sent&receiver=slack")] == [second]
    assert [row["id"] for row in listed(client, "kind=test")] == [third]
    newest, refused, repeated = listed(client)
    assert (newest["title"], newest["next_try_at"]) == ("Test message to ops", "2026-11-20T12:00:00Z")
    assert (refused["last_error"], refused["next_try_at"]) == ("Slack answered 404 no_service", None)
    assert (repeated["tries"], repeated["is_possible_repeat"], newest["is_possible_repeat"]) == (2, True, False)


def test_pages_go_on_where_the_last_one_ended(world: World, client: FlaskClient) -> None:
    ids = [a_delivery(world.engine) for _ in range(5)]

    answer = client.get("/api/deliveries?limit=3").get_json()
    rest = client.get(f"/api/deliveries?limit=3&cursor={answer['next_cursor']}").get_json()

    assert [row["id"] for row in answer["deliveries"] + rest["deliveries"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_every_incident_of_a_storm_is_behind_its_link(world: World, client: FlaskClient) -> None:
    delivery = a_storm(world, 1_000)
    places, cursor = [], ""

    while cursor is not None:
        page = client.get(f"/api/deliveries/{delivery}?limit=200{cursor and f'&cursor={cursor}'}").get_json()
        places += [(item["place"], item["incident"]["branch"]) for item in page["items"]]
        cursor = page["next_cursor"]

    assert places == [(place, f"branch-{place + 1}") for place in range(1_000)]
    assert page["incidents"] == 1_000


def test_a_message_is_shown_as_its_receiver_got_it(world: World, client: FlaskClient) -> None:
    delivery = a_delivery(world.engine, message=MESSAGE | {"board": MESSAGE})

    found = client.get(f"/api/deliveries/{delivery}").get_json()

    assert found["message"] == {name: value for name, value in MESSAGE.items() if name != "board"}
    assert (found["items"], found["next_cursor"]) == ([], None)


def test_an_open_incident_in_a_message_does_not_change_its_tag_with_every_second(
    world: World, client: FlaskClient
) -> None:
    delivery = a_storm(world, 1)

    first, again = (client.get(f"/api/deliveries/{delivery}") for _ in range(2))

    assert first.headers["ETag"] == again.headers["ETag"]


@pytest.mark.parametrize("incidents", [1, 60])
def test_a_page_costs_the_same_statements_however_much_is_in_it(
    world: World, client: FlaskClient, incidents: int
) -> None:
    delivery = a_storm(world, incidents)

    with statements(world.engine) as one:
        client.get(f"/api/deliveries/{delivery}?limit=200")
    with statements(world.engine) as many:
        listed(client)

    assert (len(one), len(many)) == (5, 2)


def test_wrong_filters_and_unknown_ids_are_told(client: FlaskClient) -> None:
    refused, unknown = client.get("/api/deliveries?state=lost"), client.get("/api/deliveries/7")

    assert refused.status_code == 422
    assert "must be one of pending, sending, sent, dead, expired" in refused.get_json()["detail"]
    assert (unknown.status_code, unknown.get_json()["detail"]) == (404, "There is no delivery 7.")


def test_an_incident_says_what_each_receiver_knows_of_it(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed"))
    incident = an_incident(world.engine)
    a_telling(world.engine, incident, told="broken", told_at=NOON, told_failures=2, due_at=NOON)
    a_telling(world.engine, incident, receiver="mail", wanted_at=NOON, due_at=NOON + minutes(30), held="quiet hours")

    mail, slack = client.get(f"/api/incidents/{incident}").get_json()["told"]

    assert (mail["told"], mail["held"], mail["is_wanted"]) == (None, "quiet hours", True)
    assert mail["due_at"] == "2026-11-20T12:30:00Z"
    assert (slack["told"], slack["told_at"], slack["failures"]) == ("broken", "2026-11-20T12:00:00Z", 2)
    assert (slack["is_wanted"], slack["due_at"]) == (False, None)


@pytest.fixture
def authorized(world: World) -> dict[str, str]:
    """Someone who may change the configuration; and a receiver."""
    world.run("INSERT INTO receivers (name, origin, settings) VALUES ('slack', 'file', '{}')")
    return {"Authorization": f"Bearer {world.key(Scope.READ, Scope.CONFIG, name='ada')}"}


def test_a_trial_is_planned_for_the_scheduler(world: World, client: FlaskClient, authorized: dict[str, str]) -> None:
    answer = client.post("/api/receivers/slack/test", headers=authorized)

    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.get_json()["url"]
    found = client.get(answer.headers["Location"]).get_json()
    assert (found["receiver"], found["kind"], found["state"]) == ("slack", "test", "pending")
    assert ["Sent by", "ada"] in found["message"]["facts"]


def test_asking_again_while_a_trial_waits_is_the_same_trial(
    world: World, client: FlaskClient, authorized: dict[str, str]
) -> None:
    first, second = (client.post("/api/receivers/slack/test", headers=authorized).get_json() for _ in range(2))
    world.run("UPDATE deliveries SET state = 'sent'")
    third = client.post("/api/receivers/slack/test", headers=authorized).get_json()

    assert first["id"] == second["id"] != third["id"]


def test_whoever_asks_again_has_the_trial_tried_now_and_one_on_its_way_is_left_alone(
    world: World, client: FlaskClient, authorized: dict[str, str]
) -> None:
    due = "SELECT next_try_at <= clock_timestamp() FROM deliveries"
    client.post("/api/receivers/slack/test", headers=authorized)

    world.run("UPDATE deliveries SET tries = 8, next_try_at = clock_timestamp() + interval '1 hour'")
    client.post("/api/receivers/slack/test", headers=authorized)
    is_tried_now = world.ask(due)
    world.run("UPDATE deliveries SET state = 'sending', next_try_at = clock_timestamp() + interval '1 hour'")
    client.post("/api/receivers/slack/test", headers=authorized)

    assert (is_tried_now, world.ask(due)) == (True, False)


def test_only_a_key_for_the_configuration_may_send_a_trial(world: World, authorized: dict[str, str]) -> None:
    client = serve(world.engine)
    reader = {"Authorization": f"Bearer {world.key(Scope.READ)}"}

    assert client.post("/api/receivers/slack/test", headers=reader).status_code == 403
    assert client.post("/api/receivers/pager/test", headers=authorized).status_code == 404


def test_without_a_key_nobody_reads_what_receivers_answered_even_where_reading_is_free(world: World) -> None:
    refused = a_delivery(world.engine, state="dead", last_error="550 <ada@example.com>: no such user")
    trouble = a_delivery(world.engine, kind="operations", key="operations:1")
    anyone, reader = serve(world.engine, host="0.0.0.0", public_read=True), world.key(Scope.READ, name="reader")
    headers = {"Authorization": f"Bearer {reader}"}

    seen = [anyone.get(path) for path in ("/api/deliveries", f"/api/deliveries/{refused}")]

    assert [answer.status_code for answer in seen] == [200, 200]
    assert not any("ada@example.com" in answer.text for answer in seen)
    assert anyone.get(f"/api/deliveries/{trouble}").status_code == 401
    assert "ada@example.com" in anyone.get(f"/api/deliveries/{refused}", headers=headers).text

"""Webhooks: believed only with their proof, stored once and redacted, answered in words whatever comes."""

import hashlib
import io
import json
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from api.webhooks import MAX_BODY_BYTES
from shared.database import libpq_url, make_engine
from shared.receipts import CHANNEL
from shared.secret import SecretSource
from shared.signatures import standard_signature
from tests.api.serving import World, a_world
from tests.api.webhooks import (
    GITHUB_SECRET,
    GITLAB_TOKEN,
    JENKINS_SECRET,
    PREVIOUS_SECRET,
    PROVIDERS,
    SIGNING_KEY,
    a_provider,
    an_inbox,
    github_headers,
    send,
)
from tests.conftest import Databases
from tests.recorded import recorded

BODY = {"action": "completed", "workflow_run": {"id": 7, "head_branch": "main"}}


@pytest.fixture(scope="module")
def served(databases: Databases) -> Iterator[World]:
    """One database for all of these tests, which knows the configured installations."""
    url = databases.clone()
    engine = make_engine(url, application="test")
    for name, kind in (("gitlab.com", "gitlab"), ("signing", "gitlab"), ("ci", "jenkins"), ("silent", "github")):
        a_world(engine, name=name, provider=kind)
    yield a_world(engine)
    engine.dispose()
    databases.drop(url)


@pytest.fixture
def world(served: World) -> World:
    served.run("DELETE FROM receipts")
    return served


@pytest.fixture
def inbox(world: World) -> FlaskClient:
    return an_inbox(world.engine)


def receipts(world: World) -> list[Any]:
    """Every receipt, oldest first, with the name of its instance."""
    statement = "SELECT r.*, i.name AS instance FROM receipts r JOIN instances i ON i.id = r.instance_id ORDER BY r.id"
    with world.engine.connect() as connection:
        return list(connection.execute(text(statement)).mappings())


def test_a_signed_webhook_is_stored_before_it_is_answered(inbox: FlaskClient, world: World) -> None:
    answer = send(inbox, BODY)

    (receipt,) = receipts(world)
    assert (answer.status_code, answer.get_json()) == (
        202,
        {"id": receipt["id"], "state": "received", "reason": None, "seen": 1},
    )
    assert (receipt["instance"], receipt["kind"], receipt["state"]) == ("github.com", "workflow_run", "received")
    assert receipt["delivery_id"] == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert receipt["body"] == BODY
    assert receipt["body_sha256"] == hashlib.sha256(json.dumps(BODY).encode()).digest()


def test_the_scheduler_is_woken(inbox: FlaskClient, world: World) -> None:
    url = world.engine.url.render_as_string(hide_password=False)
    with psycopg.connect(libpq_url(url), autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")

        send(inbox, BODY)

        assert [heard.channel for heard in listening.notifies(timeout=5, stop_after=1)] == [CHANNEL]


def test_the_same_body_again_is_one_row_seen_twice(inbox: FlaskClient, world: World) -> None:
    send(inbox, BODY)
    answer = send(inbox, BODY)

    (receipt,) = receipts(world)
    assert answer.get_json()["seen"] == receipt["seen"] == 2
    assert receipt["last_received_at"] > receipt["received_at"]


def test_gitlabs_same_body_under_another_key_is_another_event(inbox: FlaskClient, world: World) -> None:
    made_again = {"object_kind": "push", "ref": "refs/heads/side", "before": "0" * 40, "after": "a" * 40}

    for key in ("first", "second", "second"):
        headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": GITLAB_TOKEN, "Idempotency-Key": key}
        send(inbox, made_again, to="/webhooks/gitlab/gitlab.com", headers=headers)

    assert [(each["delivery_id"], each["seen"]) for each in receipts(world)] == [("first", 1), ("second", 2)]


@pytest.mark.parametrize("state", ["processing", "done", "ignored"])
def test_a_body_that_was_dealt_with_is_not_received_again(inbox: FlaskClient, world: World, state: str) -> None:
    send(inbox, BODY)
    world.run("UPDATE receipts SET state = :state", state=state)

    answer = send(inbox, BODY)

    assert (answer.status_code, answer.get_json()["state"]) == (202, state)


def test_a_parked_body_that_is_delivered_again_gets_another_chance(inbox: FlaskClient, world: World) -> None:
    send(inbox, BODY)
    world.run(
        "UPDATE receipts SET state = 'parked', reason = 'x', tries = 5, body = NULL, settled_at = now(), "
        "next_try_at = now() + interval '1 day'"
    )

    send(inbox, BODY)

    (receipt,) = receipts(world)
    assert (receipt["state"], receipt["reason"], receipt["tries"]) == ("received", None, 0)
    assert (receipt["body"], receipt["settled_at"]) == (BODY, None)
    assert world.ask("SELECT next_try_at <= clock_timestamp() FROM receipts")


def test_the_secret_before_is_believed_while_it_is_replaced(inbox: FlaskClient) -> None:
    body = json.dumps(BODY).encode()

    assert send(inbox, body, headers=github_headers(body, secret=PREVIOUS_SECRET)).status_code == 202
    assert send(inbox, body, headers=github_headers(body, secret="yet another secret")).status_code == 401


def test_one_changed_byte_is_refused_and_nothing_is_stored(inbox: FlaskClient, world: World) -> None:
    body = json.dumps(BODY).encode()

    answer = send(inbox, body.replace(b"7", b"8"), headers=github_headers(body))

    assert answer.status_code == 401
    assert receipts(world) == []


@pytest.mark.parametrize(
    ("to", "status", "words"),
    [
        ("/webhooks/github/github.com", 401, "X-Hub-Signature-256"),
        ("/webhooks/gitlab/gitlab.com", 401, "X-Gitlab-Token"),
        ("/webhooks/github/silent", 404, "webhook_secret_env"),
        ("/webhooks/github/elsewhere", 404, "No github installation called elsewhere is configured here."),
        ("/webhooks/gitlab/github.com", 404, "No gitlab installation called github.com"),
        ("/webhooks/travis/x", 404, "No travis installation"),
        ("/webhooks/jenkins/ci", 404, "/webhooks/jenkins/{instance}/{secret}"),
        ("/webhooks/jenkins/ci/not-the-secret", 401, "not the one configured here"),
        ("/webhook", 400, "No header tells whose webhook this is"),
    ],
)
def test_a_webhook_without_proof_is_refused_in_words(
    inbox: FlaskClient, world: World, to: str, status: int, words: str
) -> None:
    answer = send(inbox, BODY, to=to, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert words in answer.get_json()["detail"]
    assert receipts(world) == []


def test_gitlab_is_believed_by_its_token(inbox: FlaskClient, world: World) -> None:
    headers = {"X-Gitlab-Event": "Pipeline Hook", "X-Gitlab-Token": GITLAB_TOKEN, "Idempotency-Key": "one"}

    answer = send(inbox, {"object_kind": "pipeline"}, to="/webhooks/gitlab/gitlab.com", headers=headers)

    (receipt,) = receipts(world)
    assert answer.status_code == 202
    assert (receipt["instance"], receipt["kind"], receipt["delivery_id"]) == ("gitlab.com", "Pipeline Hook", "one")


@pytest.mark.parametrize(("seconds_ago", "status"), [(0, 202), (290, 202), (-290, 202), (320, 401), (-320, 401)])
def test_gitlab_is_believed_by_its_signature_for_five_minutes(
    inbox: FlaskClient, seconds_ago: int, status: int
) -> None:
    timestamp = str(int(time.time()) - seconds_ago)
    signature = f"v1,AAAA {standard_signature(SIGNING_KEY, 'msg_1', timestamp, b'{}')}"
    headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature}

    assert send(inbox, b"{}", to="/webhooks/gitlab/signing", headers=headers).status_code == status


def test_jenkins_is_believed_by_its_address(inbox: FlaskClient, world: World) -> None:
    body = {"name": "app", "build": {"phase": "FINALIZED", "parameters": {"PASSWORD": "x"}, "log": "y"}}

    answer = send(inbox, body, to=f"/webhooks/jenkins/ci/{JENKINS_SECRET}", headers={})

    (receipt,) = receipts(world)
    assert answer.status_code == 202
    assert (receipt["kind"], receipt["body"]) == ("jenkins", {"name": "app", "build": {"phase": "FINALIZED"}})


def test_without_an_address_of_its_own_the_headers_and_the_secret_tell_whose_it_is(
    inbox: FlaskClient, world: World
) -> None:
    send(inbox, BODY, to="/webhook")
    send(inbox, {}, to="/webhook", headers={"X-Gitlab-Event": "Job Hook", "X-Gitlab-Token": GITLAB_TOKEN})

    assert [receipt["instance"] for receipt in receipts(world)] == ["github.com", "gitlab.com"]


def test_two_installations_with_one_secret_need_an_address_each(world: World) -> None:
    both = an_inbox(world.engine, (*PROVIDERS, a_provider("github", "twin", "GITHUB")))

    answer = send(both, BODY, to="/webhook")

    assert answer.status_code == 409
    assert "github.com and twin have the same secret" in answer.get_json()["detail"]


def test_a_form_is_read_as_well(inbox: FlaskClient, world: World) -> None:
    body = urlencode({"payload": json.dumps(BODY)}).encode()
    headers = github_headers(body) | {"Content-Type": "application/x-www-form-urlencoded"}

    assert send(inbox, body, headers=headers).status_code == 202
    assert receipts(world)[0]["body"] == BODY


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[1, 2]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_signed_and_no_json_object_is_taken_and_ignored_with_the_reason(
    inbox: FlaskClient, world: World, body: bytes
) -> None:
    answer = send(inbox, body)

    (receipt,) = receipts(world)
    assert (answer.status_code, answer.get_json()["state"]) == (202, "ignored")
    assert (receipt["state"], receipt["body"]) == ("ignored", None)
    assert receipt["reason"].startswith("the body ")


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(inbox: FlaskClient) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)

    told = send(inbox, body)
    untold = inbox.post(
        "/webhooks/github/github.com",
        input_stream=io.BytesIO(body),
        headers=github_headers(body),
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert [answer.status_code for answer in (told, untold)] == [413, 413]
    assert all("5 MB" in answer.get_json()["detail"] for answer in (told, untold))


def test_what_is_large_and_allowed_is_taken(inbox: FlaskClient, world: World) -> None:
    body = {"commits": [{"id": f"{number:040}", "message": "x" * 1000} for number in range(2048)]}

    assert send(inbox, body).status_code == 202
    assert receipts(world)[0]["body"] == body


def test_the_hundred_and_first_refusal_of_an_address_within_a_minute_is_429(inbox: FlaskClient) -> None:
    statuses = [send(inbox, BODY, headers={}).status_code for _ in range(101)]
    answer = send(inbox, BODY, headers={})

    assert statuses == [401] * 100 + [429]
    assert 55 <= int(answer.headers["Retry-After"]) <= 60
    assert send(inbox, BODY, headers={}, address="203.0.113.8").status_code == 401


def test_an_address_that_failed_too_often_still_delivers_what_is_signed(inbox: FlaskClient) -> None:
    for _ in range(101):
        send(inbox, BODY, headers={})

    assert send(inbox, BODY).status_code == 202


def test_an_installation_no_scheduler_has_started_with_is_asked_to_wait(database: Engine) -> None:
    answer = send(an_inbox(database), BODY)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "No scheduler has started with github.com yet" in answer.get_json()["detail"]


def test_without_the_database_the_answer_is_503_at_once() -> None:
    nowhere = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")
    began = time.monotonic()

    answer = send(an_inbox(nowhere), BODY)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - began < 1


def test_a_secret_that_cannot_be_read_any_more_is_503_and_not_a_refusal(world: World) -> None:
    gone = SecretSource(env="GONE", environ={})
    provider = PROVIDERS[0].model_copy(update={"webhook_secret": gone})

    answer = send(an_inbox(world.engine, (provider,)), BODY)

    assert answer.status_code == 503
    assert "webhook secret of github.com cannot be read" in answer.get_json()["detail"]


def test_a_secret_that_cannot_be_read_is_no_obstacle_to_another_installation(world: World) -> None:
    lost = PROVIDERS[0].model_copy(update={"name": "silent", "webhook_secret": SecretSource(env="LOST", environ={})})
    client = an_inbox(world.engine, (lost, PROVIDERS[0]))

    proven, unproven = send(client, BODY, to="/webhook"), send(client, BODY, to="/webhook", headers=github_headers(b""))

    assert (proven.status_code, unproven.status_code) == (202, 503)


def test_no_answer_repeats_the_secret_of_an_address(inbox: FlaskClient) -> None:
    for secret in (JENKINS_SECRET, "the-secret-of-yesterday", f"{JENKINS_SECRET}x"):
        answer = inbox.get(f"/webhooks/jenkins/ci/{secret}")

        assert answer.status_code == 405
        assert secret not in answer.text + str(answer.headers)
        assert secret not in send(inbox, BODY, to=f"/webhooks/jenkins/ci/{secret}", headers={}).text


def test_no_secret_reaches_the_tables(inbox: FlaskClient, world: World) -> None:
    body = {"a": GITHUB_SECRET, "token": "t", "b": ["ghp_" + "A1" * 18], "url": "https://u:pw@h.example/"}

    send(inbox, body)

    kept = {"a": "[secret]", "token": "[secret]", "b": ["[secret]"], "url": "https://[secret]@h.example/"}
    assert receipts(world)[0]["body"] == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)
BODIES = st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode())
EVENTS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=300)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, event=EVENTS, form=st.booleans())
def test_whatever_is_signed_is_taken(inbox: FlaskClient, body: bytes, event: str, form: bool) -> None:
    headers = github_headers(body, event=event)
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"

    answer = send(inbox, body, headers=headers)

    assert (answer.status_code, answer.get_json()["state"] in {"received", "ignored"}) == (202, True), answer.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES,
    to=st.sampled_from(
        ["/webhooks/github/github.com", "/webhooks/gitlab/signing", "/webhooks/jenkins/ci/x", "/webhook"]
    ),
    name=st.sampled_from(
        [
            "X-Hub-Signature-256",
            "X-GitHub-Event",
            "X-Gitlab-Token",
            "X-Gitlab-Event",
            "webhook-signature",
            "Content-Type",
        ]
    ),
    value=EVENTS,
    number=st.integers(0, 2**32 - 1),
)
def test_whatever_is_not_is_refused_in_words(
    inbox: FlaskClient, body: bytes, to: str, name: str, value: str, number: int
) -> None:
    answer = send(inbox, body, to=to, headers={name: value}, address=str(ip_address(number)))

    assert answer.status_code in {400, 401}, answer.text
    assert answer.get_json()["detail"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_recorded_webhook_with_anything_changed_in_it_is_taken(inbox: FlaskClient, data: st.DataObject) -> None:
    files = sorted((recorded("github") / "webhooks").glob("*.json"))
    body = json.loads(data.draw(st.sampled_from(files)).read_text())
    place: Any = body
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]

    assert send(inbox, body).status_code == 202

"""CDEvents: which event each kind of news is, in the shape that version 0.5.1 of the specification gives it."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from alerts.receivers.webhook import BodyFormat
from shared.status import Status
from tests.alerts.messages import a_digest, a_group, a_notice, a_trial, every_kind, operations
from tests.alerts.receivers.webhook import WebhookStand

SOURCE = "https://builds.example.com"

# Of https://github.com/cdevents/spec/tree/v0.5.1/schemas: what must and what may be in each subject's content.
CONTENT: dict[str, tuple[set[str], set[str]]] = {
    "dev.cdevents.pipelinerun.queued.0.3.0": (set(), {"pipelineName", "uri"}),
    "dev.cdevents.pipelinerun.started.0.3.0": ({"pipelineName", "uri"}, set()),
    "dev.cdevents.pipelinerun.finished.0.3.0": (set(), {"pipelineName", "uri", "outcome", "errors"}),
    "dev.cdevents.incident.detected.0.3.0": ({"environment"}, {"description", "service", "artifactId"}),
    "dev.cdevents.incident.reported.0.3.0": ({"environment", "ticketURI"}, {"description", "service", "artifactId"}),
    "dev.cdevents.incident.resolved.0.3.0": ({"environment"}, {"description", "service", "artifactId"}),
}
OUTCOMES = {"success", "failure", "cancel", "error"}


@pytest.fixture
def hook() -> Iterator[WebhookStand]:
    with WebhookStand() as hook:
        yield hook


def posted(hook: WebhookStand, notice: Any, *, is_possible_repeat: bool = False) -> list[dict[str, Any]]:
    """The events of a notice, each checked against the shape of its type."""
    hook.receiver(format=BodyFormat.CDEVENTS).send(notice, is_possible_repeat=is_possible_repeat)
    post = hook.posts[-1]
    body = json.loads(post.body)
    is_batch = isinstance(body, list)
    kind = "application/cloudevents-batch+json" if is_batch else "application/cloudevents+json"
    assert post.headers["content-type"] == f"{kind}; charset=utf-8"
    events = body if is_batch else [body]
    for event in events:
        check(event)
    assert len({event["id"] for event in events}) == len(events)
    return events


def check(event: dict[str, Any]) -> None:
    """What CloudEvents 1.0, the binding and the schemas of CDEvents ask for."""
    assert set(event) == {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
    assert event["specversion"] == "1.0"
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    data = event["data"]
    assert {"context", "subject"} <= set(data) <= {"context", "subject", "customData", "customDataContentType"}
    assert set(data["context"]) == {"specversion", "id", "source", "type", "timestamp"}
    assert data["context"]["specversion"] == "0.5.1"
    for outer, inner in (("id", "id"), ("source", "source"), ("type", "type"), ("time", "timestamp")):
        assert event[outer] == data["context"][inner]
    assert set(data["subject"]) == {"id", "source", "content"}
    assert event["subject"] == data["subject"]["id"]
    assert all((event["id"], event["source"], event["subject"]))
    if event["type"].startswith("dev.cdevents."):
        required, permitted = CONTENT[event["type"]]
        content = data["subject"]["content"]
        assert required <= set(content) <= required | permitted
        assert content.get("outcome", "success") in OUTCOMES
        assert all(content[key]["id"] for key in ("environment", "service") if key in content)


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("dev.cdevents.").removesuffix(".0.3.0") for event in events]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("broke", ["incident.detected"]),
        ("flapping", ["incident.detected"]),
        ("still_failing", ["incident.reported"]),
        ("fixed", ["incident.resolved"]),
        ("recovered", ["incident.detected", "incident.resolved"]),
    ],
)
def test_news_of_an_incident_is_an_incident_event(hook: WebhookStand, kind: str, wanted: list[str]) -> None:
    events = posted(hook, a_notice(kind))

    assert types(events) == wanted
    assert {event["subject"] for event in events} == {"incident-7"}
    assert {event["source"] for event in events} == {SOURCE}


def test_an_incident_says_when_where_and_what_and_carries_every_field_of_ours(hook: WebhookStand) -> None:
    [broke] = posted(hook, a_notice())
    [reported] = posted(hook, a_notice("still_failing"), is_possible_repeat=True)

    content = broke["data"]["subject"]["content"]
    assert content == {
        "description": "acme/web ci broke on main",
        "environment": {"id": "github.com"},
        "service": {"id": "acme/web ci"},
    }
    assert broke["data"]["customData"]["branch"] == "main"
    assert reported["data"]["subject"]["content"]["ticketURI"] == f"{SOURCE}/api/incidents/7"
    assert reported["data"]["customData"]["is_possible_repeat"] is True


@pytest.mark.parametrize(
    ("status", "wanted", "outcome"),
    [
        (Status.QUEUED, "pipelinerun.queued", None),
        (Status.BLOCKED, "pipelinerun.queued", None),
        (Status.RUNNING, "pipelinerun.started", None),
        (Status.SUCCEEDED, "pipelinerun.finished", "success"),
        (Status.FAILED, "pipelinerun.finished", "failure"),
        (Status.TIMED_OUT, "pipelinerun.finished", "error"),
        (Status.CANCELLED, "pipelinerun.finished", "cancel"),
        (Status.SKIPPED, "pipelinerun.finished", None),
        (Status.UNKNOWN, "dev.cdeventsx.observatory-notice.published.0.1.0", None),
    ],
)
def test_a_line_of_the_raw_feed_is_a_run_of_its_pipeline(
    hook: WebhookStand, status: Status, wanted: str, outcome: str | None
) -> None:
    [event] = posted(hook, a_notice("transition", status=status, attempt=2))

    assert types([event]) == [wanted]
    assert event["data"]["subject"]["content"].get("outcome") == outcome
    if status is not Status.UNKNOWN:
        assert event["subject"] == "build-7-2"
        assert event["data"]["subject"]["content"]["uri"] == "https://github.com/acme/web/actions/runs/100"


def test_a_storm_is_a_batch_that_says_how_many_are_left_out(hook: WebhookStand) -> None:
    events = posted(hook, a_group(broke=980, fixed=20))

    assert types(events)[:20] == ["incident.detected"] * 20
    assert len(events) == 21
    assert events[20]["data"]["subject"]["content"]["counts"] == {"broke": 980, "fixed": 20}


def test_a_digest_our_own_trouble_and_a_trial_are_events_of_our_own(hook: WebhookStand) -> None:
    for notice in (a_digest(), operations(), a_trial()):
        [event] = posted(hook, notice)

        assert event["type"] == "dev.cdeventsx.observatory-notice.published.0.1.0"
        assert event["data"]["subject"]["content"]["title"] == notice.title


def test_the_same_message_has_the_same_ids_again_and_another_has_others(hook: WebhookStand) -> None:
    notices = (a_group(), a_group(), a_group(attempt=2))
    first, again, other = ([event["id"] for event in posted(hook, notice)] for notice in notices)

    assert first == again
    assert not set(first) & set(other)


def test_hostile_text_keeps_the_shape(hook: WebhookStand) -> None:
    hostile = dict.fromkeys(
        ("repository", "pipeline", "branch", "commit_message", "author", "instance"), "\ud800\0\r\n"
    )

    for notice in every_kind(**hostile, web_url="javascript:alert(1)").values():
        assert posted(hook, notice)
        assert "javascript:" not in hook.taken[-1]

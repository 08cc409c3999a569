"""Messages as CDEvents 0.5.1 inside CloudEvents 1.0, for systems that speak those already.

Shapes: https://github.com/cdevents/spec/tree/v0.5.1 (core.md, continuous-operations.md, cloudevents-binding.md).
What has no event there (a digest, our own trouble, a trial, the lines a storm leaves out) is a custom event of ours.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.message import Kind, Message, one_line
from alerts.notice import Notice
from alerts.receivers.identity import digest
from alerts.receivers.webhook_body import as_fields
from shared.status import Status

SPEC_VERSION = "0.5.1"
_INCIDENT = "dev.cdevents.incident.{}.0.3.0"
_PIPELINE_RUN = "dev.cdevents.pipelinerun.{}.0.3.0"
_NOTICE = "dev.cdeventsx.observatory-notice.published.0.1.0"

_PREDICATES: Mapping[Kind, Sequence[str]] = {
    Kind.BROKE: ("detected",),
    Kind.FLAPPING: ("detected",),
    Kind.STILL_FAILING: ("reported",),
    Kind.FIXED: ("resolved",),
    Kind.RECOVERED: ("detected", "resolved"),
}

_STAGES = {
    Status.QUEUED: "queued",
    Status.BLOCKED: "queued",
    Status.RUNNING: "started",
    Status.SKIPPED: "finished",
    Status.CANCELLED: "finished",
    Status.SUCCEEDED: "finished",
    Status.TIMED_OUT: "finished",
    Status.FAILED: "finished",
}

# The specification has no word for a run that was skipped, and wants none where there is none.
_OUTCOMES = {
    Status.CANCELLED: "cancel",
    Status.SUCCEEDED: "success",
    Status.TIMED_OUT: "error",
    Status.FAILED: "failure",
}


def as_cloud_events(
    notice: Notice, body: Mapping[str, Any], base_url: str, name: str, now: datetime
) -> list[dict[str, Any]]:
    """The events of a notice, one at least, in CloudEvents' structured form; instants are datetimes.

    `name` is what the notice is known by: the same notice has the same ids again. `body` is the JSON of the notice,
    which goes into custom events whole.
    """
    repeat = {"is_possible_repeat": body["is_possible_repeat"]}
    events = []
    for message in notice.messages:
        custom = {**as_fields(message, base_url), **repeat}
        told = {"customData": custom, "customDataContentType": "application/json"}
        events += [{**event, **told} for event in _events_of(message, base_url)]
    if not events or any(section.more for section in notice.sections):
        at = max((message.finished_at for message in notice.messages), default=now)
        events.append(_event(_NOTICE, f"delivery-{notice.id}", base_url, at, {**body, "messages": []}))
    return [_enveloped(event, digest(name, place)) for place, event in enumerate(events)]


def _events_of(message: Message, base_url: str) -> list[dict[str, Any]]:
    if message.kind is Kind.TRANSITION:
        return [_pipeline_run(message, base_url)] if message.status in _STAGES else []
    return [_incident(message, predicate, base_url) for predicate in _PREDICATES[message.kind]]


def _pipeline_run(message: Message, base_url: str) -> dict[str, Any]:
    stage, fields = _STAGES[message.status], as_fields(message, base_url)
    content = {"pipelineName": message.place, "uri": fields["web_url"] or _ours(f"builds/{message.build_id}", base_url)}
    if stage == "finished":
        outcome = _OUTCOMES.get(message.status)
        content |= {"outcome": outcome} if outcome else {}
        content |= {"errors": message.title} if outcome in ("error", "failure") else {}
    # Each attempt is a run of its own: a re-run queues, starts and finishes again.
    run = f"build-{message.build_id}-{message.attempt}"
    return _event(_PIPELINE_RUN.format(stage), run, base_url, message.finished_at, content)


def _incident(message: Message, predicate: str, base_url: str) -> dict[str, Any]:
    incident = f"incident-{message.incident_id}"
    content: dict[str, Any] = {
        "description": message.title,
        "environment": {"id": one_line(message.instance, 200) or "unknown"},
        "service": {"id": message.place or "unknown"},
    }
    if predicate == "reported":
        content["ticketURI"] = _ours(f"incidents/{message.incident_id}", base_url)
    at = {
        "detected": message.broken_since,
        "reported": message.finished_at,
        "resolved": message.fixed_at or message.finished_at,
    }[predicate]
    return _event(_INCIDENT.format(predicate), incident, base_url, at, content)


def _event(kind: str, subject: str, base_url: str, at: datetime, content: Mapping[str, Any]) -> dict[str, Any]:
    source = base_url or "/build-observatory"
    return {
        "context": {"specversion": SPEC_VERSION, "source": source, "type": kind, "timestamp": at},
        "subject": {"id": subject, "source": source, "content": content},
    }


def _enveloped(event: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    """CloudEvents repeats what CDEvents says of an event, so that whoever passes it on need not look inside."""
    context = {**event["context"], "id": event_id}
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": context["source"],
        "type": context["type"],
        "subject": event["subject"]["id"],
        "time": context["timestamp"],
        "datacontenttype": "application/cdevents+json",
        "data": {**event, "context": context},
    }


def _ours(path: str, base_url: str) -> str:
    return f"{base_url.rstrip('/')}/api/{path}"

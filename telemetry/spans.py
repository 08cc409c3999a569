"""A run as a trace: one span for the run, one below it for its wait in the queue, one for each job."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from shared.rows import Row
from telemetry.runs import Run
from telemetry.words import attributes, error_type, pipeline_words, result_of

SCOPE = "build-observatory"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def trace_request(runs: Iterable[Run], service_name: str) -> ExportTraceServiceRequest:
    """All the runs' spans. The same run has the same ids however often it is told, so that a repeat replaces it."""
    spans = [span for run in runs for span in spans_of(run)]
    resource = Resource(attributes=attributes({"service.name": service_name}))
    scoped = ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scoped])])


def spans_of(run: Run) -> Iterator[Span]:
    """The run's span first, then what is below it."""
    facts = run.facts
    begins, starts, ends = times_of(facts)
    root = _span(facts, "run", f"RUN {facts['pipeline']}", (begins, ends), Span.SPAN_KIND_SERVER)
    root.attributes.extend(attributes(_run_words(facts)))
    _mark(root, facts["status"])
    yield root
    if starts is not None and starts > begins:
        queue = _span(facts, "queue", "QUEUE", (begins, starts))
        queue.attributes.extend(attributes({"cicd.pipeline.run.state": "pending"}))
        yield queue
    for task in run.tasks:
        if isinstance(task["started_at"], datetime):
            yield _task_span(facts, task, task["started_at"], ends)


def times_of(facts: Row) -> tuple[datetime, datetime | None, datetime]:
    """When a run began to wait, when it started (None: never), and when it ended; never out of order.

    A first attempt waits from when the build was queued, a later one for as long as it is said to have waited.
    """
    queued_at, started_at, finished_at = facts["queued_at"], facts["started_at"], facts["finished_at"]
    waited = facts["queued_seconds"]
    if not isinstance(queued_at, datetime):
        raise TypeError("a build without queued_at")
    starts = started_at if isinstance(started_at, datetime) else None
    ends = finished_at if isinstance(finished_at, datetime) else starts or queued_at
    if starts is not None and isinstance(waited, int | float):
        begins = starts - timedelta(seconds=max(0.0, waited))
    else:
        begins = queued_at if facts["attempt"] == 1 else starts or ends
    return min(begins, starts or begins, ends), starts, max(ends, starts or ends)


def _task_span(facts: Row, task: Row, starts: datetime, run_ends: datetime) -> Span:
    ends = task["finished_at"] if isinstance(task["finished_at"], datetime) else max(starts, run_ends)
    span = _span(facts, f"task {task['external_id']}", str(task["name"]), (starts, max(starts, ends)))
    queued_at = task["queued_at"]
    words = {
        "cicd.pipeline.task.name": task["name"],
        "cicd.pipeline.task.run.id": task["external_id"],
        "cicd.pipeline.task.run.result": result_of(task["status"]),
        "cicd.pipeline.task.run.url.full": task["web_url"],
        "cicd.worker.name": task["runner"],
        "error.type": error_type(task["status"]),
        "observatory.stage": task["stage"],
        "observatory.queued_seconds": (
            max(0.0, (starts - queued_at).total_seconds()) if isinstance(queued_at, datetime) else None
        ),
    }
    span.attributes.extend(attributes(words))
    _mark(span, task["status"])
    return span


def _run_words(facts: Row) -> dict[str, object]:
    return pipeline_words(facts) | {
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.result": result_of(facts["status"]),
        "cicd.pipeline.run.id": facts["external_id"],
        "cicd.pipeline.run.url.full": facts["web_url"],
        "vcs.ref.head.name": facts["branch"],
        "vcs.ref.head.type": None if facts["branch"] is None else "branch",
        "vcs.ref.head.revision": facts["commit_sha"],
        "error.type": error_type(facts["status"]),
        "observatory.build.id": facts["build_id"],
        "observatory.attempt": facts["attempt"],
        "observatory.event": facts["event"],
    }


def _span(
    facts: Row,
    part: str,
    name: str,
    times: tuple[datetime, datetime],
    kind: Span.SpanKind.ValueType = Span.SPAN_KIND_INTERNAL,
) -> Span:
    parts = (facts["instance"], facts["pipeline_external_id"], facts["external_id"], facts["attempt"])
    run = "\x00".join(map(str, parts))
    return Span(
        trace_id=_digest(run)[:16],
        span_id=_span_id(run, part),
        parent_span_id=b"" if part == "run" else _span_id(run, "run"),
        name=name,
        kind=kind,
        start_time_unix_nano=nanoseconds(times[0]),
        end_time_unix_nano=nanoseconds(times[1]),
    )


def _span_id(run: str, part: str) -> bytes:
    return _digest(f"{run}\x00{part}")[:8]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _mark(span: Span, status: object) -> None:
    """A span's status is an error where something broke, and unset where not: cancelling is no error."""
    broken = error_type(status)
    if broken is not None:
        span.status.CopyFrom(SpanStatus(code=SpanStatus.STATUS_CODE_ERROR, message=broken))


def nanoseconds(instant: datetime) -> int:
    """Since 1970, exactly: a float would lose the microseconds."""
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000

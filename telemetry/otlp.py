"""OTLP over HTTP: one request, and what its answer means (opentelemetry.io/docs/specs/otlp)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from pydantic import SecretStr

from shared.errors import Rejected, RetryLater
from shared.http.post import Answer, post
from shared.http.rate_limit import pause

DEADLINE_SECONDS = 10.0

Said = TypeVar("Said", ExportTraceServiceResponse, ExportMetricsServiceResponse)

_REFUSES_CONTENT = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What says that this content will never be taken; all else may be put right at the receiver or in our settings."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to and with which headers, which may be a secret."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadline_seconds: float = DEADLINE_SECONDS

    def send_traces(self, request: ExportTraceServiceRequest, now: datetime) -> str | None:
        """Send spans; returns what the receiver says it left out, None when it took all.

        Raises RetryLater, or Rejected when it will never take them.
        """
        answer = self._post("/v1/traces", request.SerializeToString(), now)
        said = _read(ExportTraceServiceResponse(), answer).partial_success
        return _left_out(said.rejected_spans, "spans", said.error_message)

    def send_metrics(self, request: ExportMetricsServiceRequest, now: datetime) -> str | None:
        """Send metrics; returns and raises like `send_traces`."""
        answer = self._post("/v1/metrics", request.SerializeToString(), now)
        said = _read(ExportMetricsServiceResponse(), answer).partial_success
        return _left_out(said.rejected_data_points, "data points", said.error_message)

    def _post(self, path: str, content: bytes, now: datetime) -> Answer:
        headers = {**self.headers, "Content-Type": "application/x-protobuf"}
        answer = post(SecretStr(f"{self.endpoint}{path}"), content, self.deadline_seconds, headers)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        # The answer's own words are left out: they could repeat a header.
        said = f"{path} was answered {answer.status}"
        if answer.status in _REFUSES_CONTENT:
            raise Rejected(f"{said}: the receiver does not take this content")
        raise RetryLater(f"{said}; {_cure(answer.status)}", _wish(answer, now))


def _cure(status: int) -> str:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "check the headers that prove who we are"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            return "check the endpoint, and set telemetry.metrics = false where metrics are not taken"
        case _:
            return "it is tried again"


def _wish(answer: Answer, now: datetime) -> float | None:
    if "retry-after" not in answer.headers:
        return None
    until = pause(HTTPStatus.TOO_MANY_REQUESTS, answer.headers, "", now)
    return None if until is None else (until - now).total_seconds()


def _read(said: Said, answer: Answer) -> Said:
    """The answer's body; one that is no protobuf says nothing, but the content was taken."""
    if "protobuf" in answer.headers.get("content-type", ""):
        try:
            said.ParseFromString(answer.content)
        except DecodeError:
            said.Clear()
    return said


def _left_out(count: int, of_what: str, why: str) -> str | None:
    return f"{count} {of_what} were left out: {why or 'no reason given'}" if count else None

"""A real OTLP/HTTP receiver on loopback that keeps what it is sent, decoded, and refuses when a test wants it to."""

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class OtlpReceiver:
    """`spans` by trace and span id: a repeat replaces, as it does in a store of traces; `refusals` come first.

    `judge` says by path and content what else is answered, before it is.
    While `may_answer` is not set, it has what it was sent and says nothing.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.spans: dict[tuple[bytes, bytes], Span] = {}
        self.services: set[str] = set()
        self.metrics: list[Metric] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.judge: Callable[[str, bytes], int] = lambda *_: 200
        self.rejects_spans = 0
        self.has_heard, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                first = receiver.refusals.pop(0) if receiver.refusals else None
                status, headers = first or (receiver.judge(self.path, content), {})
                answer = receiver.take(self.path, content) if status == 200 else b"no"
                receiver.has_heard.set()
                receiver.may_answer.wait(30)
                with suppress(OSError):  # the sender may have been killed
                    self.answer(status, headers, answer)

            def answer(self, status: int, headers: dict[str, str], answer: bytes) -> None:
                self.send_response(status)
                for name, value in ({"Content-Type": "application/x-protobuf"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def take(self, path: str, content: bytes) -> bytes:
        if path == "/v1/metrics":
            self.metrics += [
                metric
                for resource in ExportMetricsServiceRequest.FromString(content).resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            ]
            return b""
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.services.add(str(told(resource.resource.attributes)["service.name"]))
            for scope in resource.scope_spans:
                self.spans |= {(span.trace_id, span.span_id): span for span in scope.spans}
        left_out = ExportTracePartialSuccess(rejected_spans=self.rejects_spans, error_message="too old")
        return ExportTraceServiceResponse(partial_success=left_out).SerializeToString() if self.rejects_spans else b""

    def points(self, name: str) -> list[Any]:
        """The points of all metrics of this name, in the order they came."""
        metrics = [metric for metric in self.metrics if metric.name == name]
        return [point for each in metrics for point in (each.histogram.data_points or each.sum.data_points)]

    def roots(self) -> list[Span]:
        return [span for span in self.spans.values() if not span.parent_span_id]

    def below(self, root: Span) -> list[Span]:
        return [span for span in self.spans.values() if span.parent_span_id == root.span_id]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def runs_in(traces: bytes) -> list[str]:
    """The provider's ids of the runs in a request for traces."""
    spans = [
        span
        for resource in ExportTraceServiceRequest.FromString(traces).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return [str(told(span.attributes)["cicd.pipeline.run.id"]) for span in spans if not span.parent_span_id]


def told(attributes: "list[KeyValue] | Any") -> dict[str, object]:
    """Attributes by name."""
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}

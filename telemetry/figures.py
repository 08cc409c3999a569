"""Runs as metrics: how long they took and waited, and how many broke, each run counted once.

Deltas: each request tells of its own runs alone, so that nothing has to be remembered between two.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from telemetry.runs import Run
from telemetry.spans import SCOPE, nanoseconds, times_of
from telemetry.words import attributes, error_type, pipeline_words, result_of

BOUNDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400)
"""Upper bounds, in seconds, of the histogram's buckets."""

Labels = tuple[tuple[str, object], ...]


def metrics_request(
    runs: Iterable[Run], service_name: str, since: datetime, until: datetime
) -> ExportMetricsServiceRequest | None:
    """`cicd.pipeline.run.duration` and `cicd.pipeline.run.errors` of these runs; None when none counts.

    `since` and `until` are the time that the counts are said to be for. A correction is not counted again.
    """
    seconds: defaultdict[Labels, list[float]] = defaultdict(list)
    errors: defaultdict[Labels, int] = defaultdict(int)
    for run in runs:
        if not run.is_correction:
            for labels, value in _states(run):
                seconds[labels].append(value)
            if (error := error_type(run.facts["status"])) is not None:
                errors[_labels(pipeline_words(run.facts) | {"error.type": error})] += 1
    if not seconds and not errors:
        return None
    span = nanoseconds(since), nanoseconds(until)
    histogram = Histogram(
        aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA,
        data_points=[_point(labels, values, span) for labels, values in seconds.items()],
    )
    counts = Sum(
        aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA,
        is_monotonic=True,
        data_points=[
            NumberDataPoint(
                attributes=attributes(dict(labels)), as_int=count, start_time_unix_nano=span[0], time_unix_nano=span[1]
            )
            for labels, count in errors.items()
        ],
    )
    metrics = [Metric(name="cicd.pipeline.run.duration", unit="s", histogram=histogram)]
    metrics += [Metric(name="cicd.pipeline.run.errors", unit="{error}", sum=counts)] if errors else []
    return one_resource(metrics, service_name)


def one_resource(metrics: Iterable[Metric], service_name: str) -> ExportMetricsServiceRequest:
    """Metrics as ours."""
    scoped = ScopeMetrics(scope=InstrumentationScope(name=SCOPE), metrics=metrics)
    resource = Resource(attributes=attributes({"service.name": service_name}))
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scoped])])


def _states(run: Run) -> Iterable[tuple[Labels, float]]:
    """How long it waited (state `pending`) and how long it ran (`executing`), as far as that is known."""
    begins, starts, ends = times_of(run.facts)
    if starts is None:
        return
    words = pipeline_words(run.facts)
    if isinstance(run.facts["queued_seconds"], int | float):
        yield _labels(words | {"cicd.pipeline.run.state": "pending"}), (starts - begins).total_seconds()
    if run.facts["finished_at"] is not None:
        status = run.facts["status"]
        told = {"cicd.pipeline.result": result_of(status), "error.type": error_type(status)}
        yield _labels(words | {"cicd.pipeline.run.state": "executing"} | told), (ends - starts).total_seconds()


def _labels(words: dict[str, object]) -> Labels:
    return tuple(words.items())


def _point(labels: Labels, values: Sequence[float], span: tuple[int, int]) -> HistogramDataPoint:
    counts = [0] * (len(BOUNDS) + 1)
    for value in values:
        counts[bisect_left(BOUNDS, value)] += 1
    return HistogramDataPoint(
        attributes=attributes(dict(labels)),
        count=len(values),
        sum=sum(values),
        bucket_counts=counts,
        explicit_bounds=BOUNDS,
        start_time_unix_nano=span[0],
        time_unix_nano=span[1],
    )

"""Prometheus' figures of all builds of a provider: how long they took and waited, and how many are open."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from api.exposition_families import gauge, grouped
from shared import gauges
from shared.metrics import ever
from shared.rows import Row, as_int

_TIMES = "a bucket may hold some that took up to 4 % longer; use delta(), not rate()"


def run_families(session: Session) -> Iterator[Metric]:
    """By provider, and by result or status."""
    name, words = "cicd_pipeline_run_duration_seconds", f"Durations of finished builds; {_TIMES}"
    yield _histogram(name, words, ever.durations(session), ever.DURATION_BOUNDS)
    name, words = "observatory_pipeline_run_queued_seconds", f"How long finished builds had waited; {_TIMES}"
    yield _histogram(name, words, ever.waits(session), ever.QUEUED_BOUNDS)
    active = gauges.active_runs(session)
    yield gauge("cicd_pipeline_run_active", "Open builds", ("provider", "status"), active, "builds")


def _histogram(name: str, words: str, found: list[Row], bounds: Sequence[int]) -> HistogramMetricFamily:
    labels = ("provider", "result")
    family = HistogramMetricFamily(name, words, labels=labels)
    for key, group in grouped(found, labels).items():
        held: defaultdict[int, int] = defaultdict(int)
        for row in group:
            held[as_int(row["bucket"])] += as_int(row["builds"])
        below, buckets = 0, []
        for place, bound in enumerate([*map(float, bounds), "+Inf"]):
            below += held[place]
            buckets.append((str(bound), below))
        family.add_metric(key, buckets, as_int(group[0]["ms"]) / 1000)
    return family

"""Prometheus figures read from the database at the moment of the scrape, and the host's own."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from shared import gauges
from shared.freshness import sources
from shared.rows import Row
from shared.scope import Scope

EVERY_SOURCE = 100_000

_PIPELINE = ("provider", "project", "pipeline")
_RUN = (*_PIPELINE, "ref")


class FinishedRuns:
    """Counts over all builds on record, kept for a minute: each time they are made, every build is read."""

    KEPT_SECONDS = 60.0

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._made_at: float | None = None

    def rows(self, session: Session, now: float) -> list[Row]:
        """The counts, at most a minute old by the monotonic clock `now`."""
        if self._made_at is None or now - self._made_at >= self.KEPT_SECONDS:
            self._rows, self._made_at = gauges.finished_runs(session), now
        return self._rows


class BuildsCollector(Collector):
    """Builds, sources, alerts and processes, as the database knows them.

    Never a run id, a commit or a branch other than the default one as a label: those have no end.
    """

    def __init__(self, session: Session, finished: FinishedRuns, now: float) -> None:
        self._session = session
        self._finished = finished
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family, each from one statement."""
        yield from _last_runs(gauges.last_runs(self._session))
        yield from _finished_runs(self._finished.rows(self._session, self._now))
        active = gauges.active_runs(self._session)
        yield _gauge("cicd_pipeline_run_active", "Open builds", ("provider", "status"), active, "builds")
        yield from _sources(sources(self._session, Scope(), limit=EVERY_SOURCE), gauges.budgets(self._session))
        polls = gauges.polls(self._session)
        yield _counter("observatory_collector_polls", "Polls begun", ("instance",), polls, "polls")
        errors = gauges.collector_errors(self._session)
        name, words = "observatory_collector_errors", "What went wrong while collecting"
        yield _counter(name, words, ("instance", "kind"), errors, "errors")
        sent = gauges.deliveries(self._session)
        name, words = "observatory_alert_deliveries", "Messages by receiver and state"
        yield _counter(name, words, ("channel", "result"), sent, "messages")
        processes = gauges.processes(self._session)
        name, words = "observatory_process_heartbeat_timestamp_seconds", "Last sign of life of each process"
        yield _gauge(name, words, ("kind", "host", "pid"), processes, "heartbeat_at")
        totals = gauges.totals(self._session)
        yield GaugeMetricFamily("observatory_events_head", "Last position of the event log", _number(totals["events"]))
        quarantined = _number(totals["quarantined"])
        yield GaugeMetricFamily("observatory_quarantine_rows", "Rows that could not be stored", quarantined)


class HostCollector(Collector):
    """The machine this process runs on, and the volume our data lives on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Load, memory and disk at this moment."""
        memory = psutil.virtual_memory()
        load = psutil.getloadavg()[0]
        yield GaugeMetricFamily("observatory_host_load1", "Processes wanting to run, over a minute", load)
        yield GaugeMetricFamily("observatory_host_cpus", "Processors", psutil.cpu_count() or 1)
        yield GaugeMetricFamily("observatory_host_memory_bytes", "Memory", memory.total)
        free = memory.available
        yield GaugeMetricFamily("observatory_host_memory_available_bytes", "Memory to be had without swapping", free)
        disk = psutil.disk_usage(str(_existing(self._folder)))
        yield GaugeMetricFamily("observatory_host_disk_bytes", "The volume of the data folder", disk.total)
        yield GaugeMetricFamily("observatory_host_disk_free_bytes", "Free on the volume of the data folder", disk.free)
        times = CounterMetricFamily("observatory_host_cpu_seconds", "Processor time by mode", labels=("mode",))
        for mode, seconds in psutil.cpu_times()._asdict().items():
            times.add_metric((mode,), seconds)
        yield times


def _last_runs(rows: list[Row]) -> Iterator[Metric]:
    name = "observatory_pipeline_last_run"
    status = GaugeMetricFamily(f"{name}_status", "The newest build's status, as a label", labels=(*_RUN, "status"))
    for row in _distinct(rows, _RUN):
        status.add_metric(_labels(row, (*_RUN, "status")), 1)
    yield status
    for suffix, words, column in (
        ("duration_seconds", "How long the newest build took", "duration_seconds"),
        ("queued_duration_seconds", "How long the newest build waited", "queued_seconds"),
        ("timestamp_seconds", "When the newest build was queued", "queued_at"),
    ):
        yield _gauge(f"{name}_{suffix}", words, _RUN, _distinct(rows, _RUN), column)


def _finished_runs(rows: list[Row]) -> Iterator[Metric]:
    labels = (*_PIPELINE, "result")
    runs = CounterMetricFamily("observatory_pipeline_runs", "Finished builds on record", labels=labels)
    for key, group in _grouped(rows, labels).items():
        runs.add_metric(key, sum(_number(row["runs"]) for row in group))
    yield runs
    durations = HistogramMetricFamily(
        "cicd_pipeline_run_duration_seconds", "Durations of finished builds", labels=("provider", "result")
    )
    for key, group in _grouped(rows, ("provider", "result")).items():
        buckets = [
            (str(float(bound)), sum(_number(row[f"le_{bound}"]) for row in group)) for bound in gauges.DURATION_BOUNDS
        ]
        buckets.append(("+Inf", sum(_number(row["timed"]) for row in group)))
        durations.add_metric(key, buckets, sum(_number(row["seconds"]) for row in group))
    yield durations


def _sources(polled: list[Row], budgets: list[Row]) -> Iterator[Metric]:
    labels = ("provider", "instance", "scope")
    active = [row for row in polled if row["is_active"]]
    for name, words, column in (
        ("observatory_source_last_contact_timestamp_seconds", "Last successful contact", "last_contact_at"),
        ("observatory_source_consecutive_failures", "Failed polls in a row", "failures"),
        ("observatory_source_interval_seconds", "Wait between polls", "interval_seconds"),
        ("observatory_source_stale", "1 when its builds may be older than they look", "is_stale"),
        ("observatory_collector_lag_seconds", "Median of finish to record over the last day", "lag_seconds"),
    ):
        yield _gauge(name, words, labels, active, column)
    name, words = "observatory_collector_rate_limit_remaining", "Requests left with a provider"
    yield _gauge(name, words, ("instance", "credential"), budgets, "remaining")


def _gauge(name: str, words: str, labels: tuple[str, ...], rows: Iterable[Row], column: str) -> GaugeMetricFamily:
    """One gauge with a sample a row; what is not known has no sample."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for row in rows:
        if row[column] is not None:
            family.add_metric(_labels(row, labels), _number(row[column]))
    return family


def _counter(name: str, words: str, labels: tuple[str, ...], rows: Iterable[Row], column: str) -> CounterMetricFamily:
    """One counter with a sample a row."""
    family = CounterMetricFamily(name, words, labels=labels)
    for row in rows:
        family.add_metric(_labels(row, labels), _number(row[column]))
    return family


def _distinct(rows: list[Row], labels: tuple[str, ...]) -> list[Row]:
    """One row a label set: names are not unique, and two samples of one name would spoil the whole scrape."""
    return [max(group, key=lambda row: _number(row["queued_at"])) for group in _grouped(rows, labels).values()]


def _grouped(rows: list[Row], labels: tuple[str, ...]) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_labels(row, labels), []).append(row)
    return groups


def _labels(row: Row, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("" if row[name] is None else str(row[name]) for name in names)


def _number(value: object) -> float:
    """A column as Prometheus has it: instants in seconds since 1970, flags as 0 and 1."""
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, bool) else float(str(value))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())

"""Prometheus figures read from the database at the moment of the scrape, and the host's own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from api.exposition_families import counter, gauge, number
from api.exposition_pipelines import MOST_PIPELINES, pipeline_lines
from api.exposition_runs import run_families
from shared import gauges
from shared.freshness import sources
from shared.metrics.members import counting
from shared.rows import Row
from shared.scope import Scope

EVERY_SOURCE = 100_000


def exposition(
    session: Session,
    accept: str = "",
    *,
    folder: Path,
    most_pipelines: int = MOST_PIPELINES,
    is_for_anyone: bool = False,
    page_errors: Mapping[str, int] | None = None,
) -> tuple[bytes, str]:
    """All figures and their content type, in the format asked for by an Accept header: OpenMetrics or Prometheus' text.

    The host's are of the machine we run on and of the volume that holds `folder`. Never a run id, a commit or a branch
    other than the default one is a label: those have no end. `most_pipelines` have figures of their own.
    `is_for_anyone`: without the families that name receivers, credentials and processes, which `public_read` does not
    open. `page_errors`: how many went wrong in pages by kind, as this process was told.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RecordCollector(session, is_for_anyone=is_for_anyone))
    registry.register(HostCollector(folder))
    registry.register(PageCollector(page_errors or {}))
    ProcessCollector(registry=registry)
    encode_all, content_type = choose_encoder(accept)
    # OpenMetrics ends with a line that says so: the library's part comes last.
    return pipeline_lines(session, most_pipelines) + encode_all(registry), content_type


class RecordCollector(Collector):
    """Builds, sources, alerts and processes, as the database knows them."""

    def __init__(self, session: Session, *, is_for_anyone: bool) -> None:
        self._session = session
        self._is_for_anyone = is_for_anyone

    def collect(self) -> Iterator[Metric]:
        """Every family; the number of statements is fixed, and none scans the builds."""
        yield from run_families(self._session)
        yield from _sources(sources(self._session, Scope(), limit=EVERY_SOURCE))
        yield from self._collecting()
        yield from self._ourselves()
        if not self._is_for_anyone:
            yield from self._confidential()
        yield from _telemetry(gauges.telemetry(self._session))

    def _collecting(self) -> Iterator[Metric]:
        polls = gauges.polls(self._session)
        yield counter("observatory_collector_polls", "Polls begun", ("instance",), polls, "polls")
        errors = gauges.collector_errors(self._session)
        name, words = "observatory_collector_errors", "What went wrong while collecting"
        yield counter(name, words, ("instance", "kind"), errors, "errors")

    def _confidential(self) -> Iterator[Metric]:
        """How we reach people and providers, and where we run."""
        budgets = gauges.budgets(self._session)
        name, words = "observatory_collector_rate_limit_remaining", "Requests left with a provider"
        yield gauge(name, words, ("instance", "credential"), budgets, "remaining")
        sent = gauges.deliveries(self._session)
        name = "observatory_alert_deliveries"
        words = f"Messages made in the last day by state, of each receiver at most the newest {gauges.MOST_DELIVERIES}"
        yield gauge(name, words, ("channel", "result"), sent, "messages")
        processes = gauges.processes(self._session)
        name, words = "observatory_process_heartbeat_timestamp_seconds", "Last sign of life of each process"
        yield gauge(name, words, ("kind", "host", "pid"), processes, "heartbeat_at")

    def _ourselves(self) -> Iterator[Metric]:
        totals = gauges.totals(self._session)
        for name, words, column in (
            ("observatory_events_head", "Last position of the event log", "events"),
            (
                "observatory_quarantine_rows",
                f"Rows that could not be stored, counted up to {gauges.MOST_QUARANTINED}",
                "quarantined",
            ),
        ):
            yield GaugeMetricFamily(name, words, number(totals[column]))
        failures = gauges.job_failures(self._session)
        name, words = "observatory_scheduler_job_failures", "Failures in a row of a scheduler's failing jobs"
        yield gauge(name, words, ("scheduler_job",), failures, "failures")
        words = "Pipelines whose builds on record are still being counted, as after an upgrade"
        yield GaugeMetricFamily("observatory_pipelines_uncounted", words, counting(self._session))


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


class PageCollector(Collector):
    """What went wrong in pages."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """A sample for each kind, of which there are few."""
        errors = CounterMetricFamily("observatory_client_errors", "What went wrong in pages", labels=("kind",))
        for kind, seen in self._counts.items():
            errors.add_metric((kind,), seen)
        yield errors


def _sources(polled: list[Row]) -> Iterator[Metric]:
    labels = ("provider", "instance", "scope")
    active = [row for row in polled if row["is_active"]]
    for name, words, column in (
        ("observatory_source_last_contact_timestamp_seconds", "Last successful contact", "last_contact_at"),
        ("observatory_source_consecutive_failures", "Failed polls in a row", "failures"),
        ("observatory_source_interval_seconds", "Wait between polls", "interval_seconds"),
        ("observatory_source_stale", "1 when its builds may be older than they look", "is_stale"),
        ("observatory_collector_lag_seconds", "Median of finish to record over the last day", "lag_seconds"),
    ):
        yield gauge(name, words, labels, active, column)


def _telemetry(told: list[Row]) -> Iterator[Metric]:
    """Nothing where it was never switched on."""
    if not told:
        return
    yield counter("observatory_telemetry_runs", "Runs that the receiver of telemetry took", (), told, "sent")
    yield counter("observatory_telemetry_dropped_runs", "Runs that it refused for good", (), told, "dropped")
    words = "Runs whose trace it took and whose metrics it refused for good"
    yield counter("observatory_telemetry_dropped_metrics", words, (), told, "metrics_dropped")
    words = "Failures in a row to send telemetry"
    yield gauge("observatory_telemetry_consecutive_failures", words, (), told, "failures")
    yield gauge("observatory_telemetry_events_behind", "Events of the log not looked at yet", (), told, "behind")
    words = "When the receiver of telemetry last took something"
    yield gauge("observatory_telemetry_last_sent_timestamp_seconds", words, (), told, "last_sent_at")


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())

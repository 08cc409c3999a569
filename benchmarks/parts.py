"""The parts of the benchmarks by name: what each needs, and the figures it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    alerting,
    backtest,
    buildbot,
    collectors,
    costs,
    dashboard,
    disk,
    drift,
    export,
    fleet,
    idle,
    planning,
    reads,
    recorder,
    sockets,
    webhooks,
)
from benchmarks.figure import Figure
from benchmarks.serving import free_port
from benchmarks.stage import Stage
from shared.log import setup


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: the size of the large data set and of the middle one, how thorough, where tools are kept."""

    builds: int
    middle: int
    share: float
    tools: Path


Part = Callable[[Stage, Wanted], Sequence[Figure]]


def _reads(stage: Stage, wanted: Wanted) -> list[Figure]:
    return reads.run(stage, wanted.builds, wanted.share)


def _costs(stage: Stage, wanted: Wanted) -> list[Figure]:
    return costs.run(stage, sorted({reads.FEW, wanted.middle, wanted.builds}), wanted.share)


def _recorder(stage: Stage, wanted: Wanted) -> list[Figure]:
    return recorder.run(stage, wanted.middle)


def _sockets(stage: Stage, wanted: Wanted) -> list[Figure]:
    count = max(100, int(sockets.SOCKETS * wanted.share))
    found = sockets.run(stage.database("sockets"), sockets=count)
    name = f"commit to the last of {count:,} sockets"
    p99, bare = found["event_to_last_socket_p99_ms"], found["bare_broadcast_p50_ms"]
    half = f"p50 {found['event_to_last_socket_p50_ms']} ms of {found['events']:.0f} events"
    with_filters = f"p50 {found['filtered_p50_ms']} ms; every event passes one of them"
    return [
        Figure(name=f"{name}, p99", value=p99, unit="ms", bound=500, compared=half),
        Figure(name="memory a socket", value=found["kilobytes_per_socket"], unit="KB", bound=48),
        Figure(
            name="÷ a bare asyncio broadcast",
            value=found["times_bare_broadcast"],
            unit="ratio",
            bound=2.5,
            compared=f"its p50 {bare} ms: the same bytes to as many sockets, turn by turn",
        ),
        Figure(
            name=f"the same with {found['filters']:.0f} filters, p99",
            value=found["filtered_p99_ms"],
            unit="ms",
            compared=with_filters,
        ),
        Figure(name="sockets opened", value=found["connects_per_second"], unit="sockets/s"),
    ]


def _disk(stage: Stage, wanted: Wanted) -> list[Figure]:
    return disk.run(stage, wanted.builds, int(disk.UPDATED * wanted.share))


def _export(stage: Stage, wanted: Wanted) -> list[Figure]:
    return export.run(stage, wanted.middle)


def _drift(stage: Stage, wanted: Wanted) -> list[Figure]:
    return drift.run(stage, wanted.builds, int(drift.HISTORIES * wanted.share))


def _buildbot(stage: Stage, wanted: Wanted) -> list[Figure]:
    sizes = sorted({10_000, wanted.middle})
    return [figure for builds in sizes for figure in buildbot.run(stage, builds, wanted.tools)]


def _planning(stage: Stage, _: Wanted) -> list[Figure]:
    return [*planning.run(stage.database("planning")), *backtest.run(stage.database("backtest"))]


def _collectors(stage: Stage, _: Wanted) -> list[Figure]:
    return collectors.run(stage.database)


def _webhooks(stage: Stage, _: Wanted) -> list[Figure]:
    return webhooks.run(stage.database("webhooks"))


def _alerting(stage: Stage, _: Wanted) -> list[Figure]:
    return alerting.run(stage.database)


def _fleet(stage: Stage, _: Wanted) -> list[Figure]:
    setup.configure("warning", "json", "benchmarks")
    quiet = fleet.quiet_hour(stage.database("quiet"))
    return [quiet, *fleet.run(stage.database("fleet"))]


def _idle(_: Stage, __: Wanted) -> list[Figure]:
    return idle.run(free_port())


def _dashboard(stage: Stage, wanted: Wanted) -> list[Figure]:
    return dashboard.run(stage, wanted.middle, wanted.share)


PARTS: dict[str, Part] = {
    "reads": _reads,
    "costs": _costs,
    "recorder": _recorder,
    "sockets": _sockets,
    "disk": _disk,
    "export": _export,
    "drift": _drift,
    "buildbot": _buildbot,
    "planning": _planning,
    "collectors": _collectors,
    "webhooks": _webhooks,
    "alerting": _alerting,
    "idle": _idle,
    "dashboard": _dashboard,
    "fleet": _fleet,
}

ONLY_BY_NAME = frozenset({"fleet"})
"""Takes a quarter of an hour of real time."""

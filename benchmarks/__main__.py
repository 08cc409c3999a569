"""`python -m benchmarks [--json FILE] [--builds N] [--only PART]`: every figure the documents name, measured now.

Brings its own PostgreSQL (with fsync) in a temporary folder; everything stays on loopback and ends by itself.
"""

import argparse
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import orjson
import psycopg
from sqlalchemy import make_url

import migrations
from benchmarks import alerting, backtest, builds_list, collectors, fleet, idle, planning, recorder, sockets, webhooks
from benchmarks.figure import Figure, percentile
from benchmarks.world import fill
from shared.database import libpq_url, make_engine
from shared.embedded.server import Server
from shared.log import setup

FEW, MANY = 10_000, 1_000_000
PARTS = ("database", "planning", "collectors", "webhooks", "alerting", "fleet", "idle")


def main() -> int:
    """Measure, print a table, write the JSON; the exit code says nothing about the figures: they are no test."""
    arguments = _arguments()
    figures: list[Figure] = []
    if arguments.only in (None, "database"):
        with _server() as server_url:
            figures += _figures(server_url, arguments.builds)
    if arguments.only in (None, "planning"):
        with _server() as server_url:
            figures += planning.run(_database(server_url, "planning"))
            figures += backtest.run(_database(server_url, "backtest"))
    if arguments.only in (None, "collectors"):
        with _server() as server_url:
            figures += collectors.run(partial(_database, server_url))
    if arguments.only in (None, "webhooks"):
        with _server() as server_url:
            figures += webhooks.run(_database(server_url, "webhooks"))
    if arguments.only in (None, "alerting"):
        with _server() as server_url:
            figures += alerting.run(partial(_database, server_url))
    if arguments.only == "fleet":
        with _server() as server_url:
            figures += _fleet_figures(server_url)
    if arguments.only in (None, "idle"):
        figures += idle.run(_free_port())
    for figure in figures:
        print(_line(figure))
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps([asdict(figure) for figure in figures], option=orjson.OPT_INDENT_2))
    return 0


def _figures(server_url: str, builds: int) -> list[Figure]:
    few = builds_list.latencies(_filled(server_url, "few", FEW))
    url = _filled(server_url, "many", builds)
    many = builds_list.latencies(url)
    figures = [
        Figure(
            name=f"GET /api/builds?limit=50 at {builds:,}, p99",
            value=percentile(many, 99) * 1000,
            unit="ms",
            bound=25,
            compared=f"4 clients; p50 {statistics.median(many) * 1000:.1f} ms",
        ),
        Figure(
            name=f"p50 at {builds:,} ÷ p50 at {FEW:,}",
            value=statistics.median(many) / statistics.median(few),
            unit="ratio",
            bound=1.5,
            compared=f"p50 at {FEW:,}: {statistics.median(few) * 1000:.1f} ms",
        ),
    ]
    engine = make_engine(url, application="bench")
    try:
        figures += recorder.run(engine, builds)
    finally:
        engine.dispose()
    return figures + _socket_figures(_database(server_url, "sockets"))


def _fleet_figures(server_url: str) -> list[Figure]:
    setup.configure("warning", "json", "benchmarks")
    quiet = fleet.quiet_hour(_database(server_url, "quiet"))
    return [quiet, *fleet.run(_database(server_url, "fleet"))]


def _socket_figures(url: str) -> list[Figure]:
    measured = sockets.run(url)
    return [
        Figure(
            name="commit to the last of 2,000 sockets, p99",
            value=measured["event_to_last_socket_p99_ms"],
            unit="ms",
            bound=250,
            compared=f"{measured['events']:.0f} events; p50 {measured['event_to_last_socket_p50_ms']} ms",
        ),
        Figure(name="memory a socket", value=measured["kilobytes_per_socket"], unit="KB", bound=64),
    ]


def _filled(server_url: str, name: str, builds: int) -> str:
    url = _database(server_url, name)
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        fill(engine, builds)
    finally:
        engine.dispose()
    return url


def _database(server_url: str, name: str) -> str:
    """A migrated database of this name on the server."""
    with psycopg.connect(libpq_url(server_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE benchmark_{name}".encode())
    url = make_url(server_url).set(database=f"benchmark_{name}").render_as_string(hide_password=False)
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        migrations.upgrade(engine)
    finally:
        engine.dispose()
    return url


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        with Server(Path(parent) / "data") as server:
            yield server.url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _line(figure: Figure) -> str:
    mark = {None: " ", True: "✓", False: "✗"}[figure.is_met]
    bound = "" if figure.bound is None else f"{'≥' if figure.at_least else '≤'} {figure.bound:,g}"
    return f"{mark} {figure.name:<52} {figure.value:>12,.2f} {figure.unit:<15} {bound:<10} {figure.compared}".rstrip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Every figure the documents name.")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--builds", type=int, default=MANY, help="builds in the large database")
    parser.add_argument("--only", choices=PARTS, help="measure this part alone; fleet (real time, 15 minutes) only so")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())

"""The same reads from Buildbot's REST API and from ours: the same builds, server, machine, clients, minute.

Buildbot counts no rates: whoever wants one reads the builds and counts, so that is what its part of "success rate of a
day" does. It knows no text search, and no filter by branch or author (they are properties of other tables).
"""

import random
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from benchmarks import buildbot_fill, buildbot_master
from benchmarks.clients import CLIENTS, Answers, ask
from benchmarks.datasets import DataSet
from benchmarks.figure import Figure
from benchmarks.serving import serving
from benchmarks.stage import Stage
from shared.database import libpq_url

TIMES = 60

_LIST = "/api/v2/builds?limit=50&order=-buildid"

Path_ = Callable[[random.Random, DataSet], str]

PAIRS: tuple[tuple[str, int, Path_, Path_], ...] = (
    (
        "newest 50",
        TIMES,
        lambda chance, _: f"/api/builds?limit={chance.randint(45, 55)}",
        lambda chance, _: f"/api/v2/builds?limit={chance.randint(45, 55)}&order=-buildid",
    ),
    (
        "newest 50 of a pipeline",
        TIMES,
        lambda chance, _: f"/api/builds?limit=50&pipeline_id={_pipeline(chance)}",
        lambda chance, _: f"/api/v2/builders/{1000 + _pipeline(chance)}/builds?limit=50&order=-buildid",
    ),
    (
        "newest 50 failed",
        TIMES,
        lambda chance, _: f"/api/builds?limit={chance.randint(45, 55)}&status=failed",
        lambda chance, _: f"{_LIST}&results=2&offset={chance.randint(0, 9)}",
    ),
    (
        "newest 50 timed out of a pipeline",
        TIMES,
        lambda chance, _: f"/api/builds?limit=50&status=timed_out&pipeline_id={_pipeline(chance)}",
        lambda chance, _: f"/api/v2/builders/{1000 + _pipeline(chance)}/builds?limit=50&order=-buildid&results=4",
    ),
    (
        "one build",
        TIMES,
        lambda chance, dataset: f"/api/builds/{chance.randint(1, dataset.builds)}",
        lambda chance, dataset: f"/api/v2/builds/{chance.randint(1, int(dataset.builds * 0.95))}",
    ),
    (
        "success rate of a day",
        3,
        lambda chance, dataset: (
            "/api/metrics/overview?" + _day(chance, dataset, "since={:%Y-%m-%dT%H:%M:%SZ}&until={:%Y-%m-%dT%H:%M:%SZ}")
        ),
        lambda chance, dataset: (
            "/api/v2/builds?field=results&field=started_at&"
            + _day(chance, dataset, "started_at__ge={0:%s}&started_at__lt={1:%s}")
        ),
    ),
)


def run(stage: Stage, builds: int, folder: Path) -> list[Figure]:
    """Both over `builds` builds; a figure says why when Buildbot could not be had."""
    try:
        programs = buildbot_master.install(folder)
    except RuntimeError as error:
        return [Figure(name="Buildbot", value=0, unit="", compared=str(error))]
    url, dataset = stage.dataset(builds)
    with serving(url) as address:
        ours = ask(address.host, address.port, _questions(dataset, 0))
    with tempfile.TemporaryDirectory(prefix="observatory-") as home:
        theirs_url = stage.empty("buildbot")
        try:
            port = buildbot_master.create(programs, Path(home) / "master", _for_psycopg2(theirs_url))
            copied = buildbot_fill.fill(libpq_url(url), libpq_url(theirs_url))
            with buildbot_master.running(programs, Path(home) / "master", port):
                theirs = ask("127.0.0.1", port, _questions(dataset, 1))
            size = _size(theirs_url)
        finally:
            stage.drop("buildbot")
    compared = [_figure(name, dataset.builds, ours, theirs) for name, *_ in PAIRS]
    disk = Figure(name=f"Buildbot, bytes a build of {copied:,}", value=size / copied, unit="bytes")
    return [*compared, disk]


def _figure(name: str, builds: int, ours: Answers, theirs: Answers) -> Figure:
    our, their = ours.only(name), theirs.only(name)
    refused = [*ours.refused, *theirs.refused]
    return Figure(
        name=f"{name} of {builds:,}: Buildbot's p50 ÷ ours",
        value=their.p50 / our.p50,
        unit="ratio",
        compared=f"ours p50 {our.p50:,.1f}, p99 {our.p99:,.1f} ms; "
        f"Buildbot {buildbot_master.VERSION} p50 {their.p50:,.1f}, p99 {their.p99:,.1f} ms"
        + (f"; refused: {', '.join(refused[:2])}" if refused else ""),
    )


def _questions(dataset: DataSet, side: int) -> list[list[tuple[str, str]]]:
    """For each client the same questions, in a row by kind, to ours (0) or to Buildbot (1)."""
    shares = []
    for client in range(CLIENTS):
        chance = random.Random(client)
        shares.append([(name, pair[side](chance, dataset)) for name, times, *pair in PAIRS for _ in range(times)])
    return shares


def _pipeline(chance: random.Random) -> int:
    return int(2000 * chance.random() ** 3) + 1


def _day(chance: random.Random, dataset: DataSet, form: str) -> str:
    until = dataset.newest - timedelta(seconds=chance.randint(0, 3600))
    since = max(until - timedelta(days=1), dataset.oldest)
    return form.format(since, until)


def _for_psycopg2(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _size(url: str) -> int:
    with psycopg.connect(libpq_url(url)) as connection:
        (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return int(size)

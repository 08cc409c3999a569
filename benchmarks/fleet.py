"""A company's fleet under polling alone: how late we are, and what it costs providers and scheduler; in real time."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks.figure import Figure, percentile
from benchmarks.fleet_provider import LIMIT, Build, Fleet
from collectors import COLLECTORS
from collectors.github import GitHubSettings
from collectors.pace import QUIET_SECONDS
from collectors.poll import Poller
from shared import leases, sources
from shared.clock import utc_now
from shared.config.settings import Config
from shared.database import libpq_url, make_engine
from shared.secret import SecretSource

LATENCY_SECONDS = 0.1
GITHUBS, REPOSITORIES = 3, 200
PROJECTS, JOBS = 300, 100
FLOOR_SECONDS = 20
WARM_SECONDS = 200
LASTS_SECONDS = 560
_STATUSES = (("queued", "running", "succeeded"), ("running", "succeeded"), ("succeeded",))


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind of source: the scopes' prefix, the numbers of its sources, and which stages its provider shows."""

    prefix: str
    numbers: range
    first_stage: int


WATCHES = {
    **{f"github-{n}": Watch("fleet/r", range(n * 1000, n * 1000 + REPOSITORIES), 0) for n in range(1, GITHUBS + 1)},
    "gitlab": Watch("fleet/p", range(5000, 5000 + PROJECTS), 0),
    "jenkins": Watch("j", range(7000, 7000 + JOBS), 1),
}


def run(url: str, *, schedulers: int = 1, lasts: float = LASTS_SECONDS) -> list[Figure]:
    """Watch the fleet with so many schedulers on an empty migrated database, and say how late and how dear it was."""
    fleet = Fleet(time.time(), lasts)
    with ExitStack() as stack:
        port = stack.enter_context(_provider(fleet))
        processes = [stack.enter_context(_scheduler(url, port)) for _ in range(schedulers)]
        time.sleep(WARM_SECONDS)
        before, warm_at = [_cpu(each) for each in processes], time.time()
        warm = _report(port)
        time.sleep(max(0.0, fleet.began + lasts - time.time()))
        used = max(_cpu(each) - was for each, was in zip(processes, before, strict=True)) / (time.time() - warm_at)
        report = _report(port)
    active, quiet = _lags(url, fleet, warm_at)
    return _figures(active, quiet, used, _calls(report) - _calls(warm), report)


def quiet_hour(url: str, *, repositories: int = 1000, turns: int = 4) -> Figure:
    """What so many quiet repositories on one token spend of its limit in an hour: some turns of all, reckoned up.

    One of `turns` is a sweep's, and as many repositories are asked for their default branch anew as in any hour.
    """
    fleet = Fleet(time.time() - 86_400, 0.0, one_in=10**9)
    scopes = tuple(f"fleet/r{source}" for source in range(1, repositories + 1))
    with _provider(fleet, latency=0.0) as port:
        token = SecretSource(env="TOKEN", environ={"TOKEN": "quiet-token"})
        base_url = f"http://127.0.0.1:{port}/github-1"
        settings = GitHubSettings(kind="github", name="github-1", base_url=base_url, watch=scopes, token=token)
        engine = make_engine(url, application="bench")
        try:
            with Session(engine) as session, session.begin():
                sources.sync(session, Config(providers=(settings,)), utc_now())
            poller = Poller(engine, (settings,), COLLECTORS, (), FLOOR_SECONDS)
            for _ in range(5):  # the fourth sweeps; the fifth finds everything as it was
                _begin_hour(engine, port)
                _turn(engine, poller)
            _age(engine, repositories // 24 + 1)
            _begin_hour(engine, port)
            before = _report(port)
            for _ in range(turns):
                _turn(engine, poller)
            after = _report(port)
        finally:
            engine.dispose()
    polls_an_hour = 3600 / QUIET_SECONDS
    spent = _counts(after, "spent").get("github-1", 0) - _counts(before, "spent").get("github-1", 0)
    calls = _calls(after) - _calls(before)
    return Figure(
        name=f"fleet: {repositories:,} quiet repositories, requests spent an hour",
        value=spent * polls_an_hour / turns,
        unit="requests",
        bound=LIMIT / 100,
        compared=f"{turns} of {polls_an_hour:.0f} polls of each; {calls:,} calls, {spent} of them not free",
    )


def _turn(engine: Engine, poller: Poller) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE sources SET next_poll_at = clock_timestamp() - interval '1 hour'"))
    claims = True
    while claims:
        with Session(engine) as session, session.begin():
            claimed = leases.claim(session, "bench", ["github-1"], 10)
        for claim in claimed:
            poller.poll(claim)
        claims = bool(claimed)


def _begin_hour(engine: Engine, port: int) -> None:
    """Let the provider grant its limit anew, and let us have seen nothing of the new hour yet."""
    _ask(port, "_begin_hour")
    with engine.begin() as connection:
        connection.execute(text("UPDATE credentials SET remaining = NULL, reset_at = NULL"))


def _age(engine: Engine, count: int) -> None:
    """Let so many sources' default branches be a day old."""
    statement = text("""
        UPDATE sources SET cursor = cursor || jsonb_build_object('described_at', '2026-01-01T00:00:00+00:00')
        WHERE id IN (SELECT id FROM sources ORDER BY id LIMIT :count)
    """)
    with engine.begin() as connection:
        connection.execute(statement, {"count": count})


def _figures(active: Sequence[float], quiet: Sequence[float], used: float, calls: int, report: object) -> list[Figure]:
    said = f"{len(active)} changes of active, {len(quiet)} of quiet sources; {calls} calls after the warm-up"
    most = max(count for site, count in _counts(report, "most").items() if site.startswith("github"))
    return [
        Figure(name="fleet: active, change to stored, p50", value=percentile(active, 50), unit="s", bound=15),
        Figure(name="fleet: active, change to stored, p99", value=percentile(active, 99), unit="s", bound=60),
        Figure(name="fleet: quiet, change to stored, most", value=max(quiet), unit="s", bound=180, compared=said),
        Figure(name="fleet: CPU of the scheduler", value=used * 100, unit="% of a core", bound=50),
        Figure(name="fleet: requests of a GitHub token at once", value=most, unit="", bound=1),
    ]


def _lags(url: str, fleet: Fleet, since: float) -> tuple[list[float], list[float]]:
    """Seconds from each change at a provider to our record of it, or of what came after it; infinite without one.

    Of a quiet source its awakening counts: from then on it is active.
    """
    seen = _recorded(url)
    active: list[float] = []
    quiet: list[float] = []
    ends_at = time.time() - 5
    for watch in WATCHES.values():
        for source in watch.numbers:
            for build in fleet.builds(source, ends_at):
                changes = [build.created, build.started, build.finished]
                for stage in range(watch.first_stage, 3):
                    at = changes[stage]
                    if not since < at < ends_at - (60 if fleet.is_active(source) else 180):
                        continue
                    lag = _lag(seen, build, stage, at)
                    if fleet.is_active(source):
                        active.append(lag)
                    elif stage == watch.first_stage:
                        quiet.append(lag)
    return active, quiet


def _lag(seen: dict[tuple[str, str], float], build: Build, stage: int, at: float) -> float:
    instants = [seen[str(build.id), status] for status in _STATUSES[stage] if (str(build.id), status) in seen]
    return max(0.0, min(instants, default=float("inf")) - at)


def _recorded(url: str) -> dict[tuple[str, str], float]:
    """When we recorded each status of each build first, by the provider's number of the build."""
    statement = """
        SELECT CASE WHEN i.provider = 'jenkins'
                    THEN (substring(b.external_id from 'j([0-9]+)/')::bigint * 1000 + b.number - 1)::text
                    ELSE b.external_id END, e.to_status, min(extract(epoch FROM e.recorded_at))::float8
        FROM events e JOIN builds b ON e.subject_kind = 'build' AND b.id = e.subject_id
        JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
        GROUP BY 1, 2
    """
    with psycopg.connect(libpq_url(url)) as connection:
        return {(number, status): at for number, status, at in connection.execute(statement.encode()).fetchall()}


@contextmanager
def _provider(fleet: Fleet, *, latency: float = LATENCY_SECONDS) -> Iterator[int]:
    given = {"began": fleet.began, "lasts": fleet.lasts, "one_in": fleet.one_in, "latency": latency, "jobs": JOBS}
    command = [sys.executable, "-m", "benchmarks.fleet_provider", json.dumps(given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the provider has no pipes")
        yield int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def _scheduler(url: str, port: int) -> Iterator[psutil.Process]:
    with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
        config = Path(folder) / "config.toml"
        config.write_text(_config(port))
        tokens = {f"TOKEN_{number}": f"token-{number}" for number in range(GITHUBS + 2)}
        environment = {**os.environ, **tokens, "DATABASE_URL": libpq_url(url)}
        command = [sys.executable, "-m", "cli.main", "--config", str(config), "scheduler"]
        with (Path(folder) / "log").open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _config(port: int) -> str:
    parts = [f'[scheduler]\npoll_floor_seconds = {FLOOR_SECONDS}\nworkers = 8\n[logging]\nlevel = "warning"\n']
    for number, (name, watch) in enumerate(WATCHES.items()):
        scopes = json.dumps([f"{watch.prefix}{source}" for source in watch.numbers])
        user = 'username = "fleet"\n' if name == "jenkins" else ""
        parts.append(
            f'[[providers]]\nkind = "{name.partition("-")[0]}"\nname = "{name}"\ntoken_env = "TOKEN_{number}"\n{user}'
            f'base_url = "http://127.0.0.1:{port}/{name}"\nwatch = {scopes}\n'
        )
    return "".join(parts)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _report(port: int) -> object:
    return json.loads(_ask(port, "_report"))


def _ask(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        return bytes(answer.read())


def _counts(report: object, name: str) -> dict[str, int]:
    return report[name] if isinstance(report, dict) else {}


def _calls(report: object) -> int:
    return sum(_counts(report, "calls").values())

"""One event to 10,000 WebSockets of one real `observatory api` process: from the commit to the last client, and memory.

In the same run, turn by turn, a bare asyncio broadcast gives the same bytes to as many sockets. Then 100 events to as
many groups of sockets, each with a filter that passes one of them. The clients live in processes of their own.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

import psutil
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.log_page import read_page
from api.peer import text_frame
from api.ring import Entry
from benchmarks.figure import percentile
from cli.preflight import raise_file_limit
from shared.database import make_engine
from shared.event_reader import bounds
from shared.observation import Observation, finished_first
from shared.recorder import record
from shared.status import Status

SOCKETS = 10_000
EVENTS = 100
FILTERS = 100
FILTERED_EVENTS = 30
PAUSE_SECONDS = 0.2
BESIDE_SOCKETS = 100

API = (sys.executable, "-m", "cli.main", "api")
BROADCAST = (sys.executable, "-m", "benchmarks.broadcast")
CLIENTS = (sys.executable, "-m", "benchmarks.socket_clients")


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each delivery to the last socket, ours, the bare broadcast's, and with FILTERS filters."""

    sockets: int
    ours: Sequence[float]
    bare: Sequence[float]
    filtered: Sequence[float]
    kilobytes_per_socket: float
    connects_per_second: float

    def figures(self) -> dict[str, float]:
        """What a table shows of it."""
        return {
            "sockets": self.sockets,
            "events": len(self.ours),
            "event_to_last_socket_p50_ms": round(statistics.median(self.ours) * 1000, 1),
            "event_to_last_socket_p99_ms": round(percentile(self.ours, 99) * 1000, 1),
            "bare_broadcast_p50_ms": round(statistics.median(self.bare) * 1000, 1),
            "bare_broadcast_p99_ms": round(percentile(self.bare, 99) * 1000, 1),
            "times_bare_broadcast": round(statistics.median(self.ours) / statistics.median(self.bare), 2),
            "filters": FILTERS,
            "filtered_p50_ms": round(statistics.median(self.filtered) * 1000, 1),
            "filtered_p99_ms": round(percentile(self.filtered, 99) * 1000, 1),
            "kilobytes_per_socket": round(self.kilobytes_per_socket, 1),
            "connects_per_second": round(self.connects_per_second),
        }


def run(url: str, sockets: int = SOCKETS, events: int = EVENTS) -> dict[str, float]:
    """Measure against the (migrated) database at `url`, which gets builds of an instance called `bench`."""
    # Each of the processes begun here has a descriptor for every socket, and inherits what is allowed to this one.
    if warning := raise_file_limit(sockets + BESIDE_SOCKETS):
        raise RuntimeError(warning)
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        return _measure(engine, url, sockets, events).figures()
    finally:
        engine.dispose()


def _measure(engine: Engine, url: str, sockets: int, events: int) -> Measured:
    instance_id = _add_instance(engine)
    with ExitStack() as stack:
        process, address = stack.enter_context(_api(url, sockets))
        broadcast, broadcast_address = stack.enter_context(_broadcast())
        first, ours, bare = (stack.enter_context(_clients()) for _ in range(3))
        first.open(address, 10)
        before = _pss(process)
        seconds = ours.open(address, sockets)
        kilobytes = (_pss(process) - before) / 1024 / sockets
        bare.open(broadcast_address, sockets)
        pairs = [
            (_deliver(engine, instance_id, ours, ("main",)), _repeat(engine, broadcast, bare)) for _ in range(events)
        ]
        filtered = _filtered(engine, instance_id, (first, ours), address, sockets)
    own, others = zip(*pairs, strict=True)
    return Measured(sockets, own, others, filtered, kilobytes, sockets / seconds)


def _filtered(
    engine: Engine, instance_id: int, leaving: Sequence["_Clients"], address: tuple[str, int], sockets: int
) -> list[float]:
    """New clients with FILTERS filters, and as many events at once: each client gets one."""
    for clients in leaving:
        clients.end()
    branches = [f"branch-{number}" for number in range(FILTERS)]
    with _clients() as clients:
        clients.open(address, sockets, [{"branch": branch} for branch in branches])
        return [_deliver(engine, instance_id, clients, branches) for _ in range(FILTERED_EVENTS)]


def _add_instance(engine: Engine) -> int:
    with Session(engine) as session, session.begin():
        statement = text("""
            INSERT INTO instances (name, provider, base_url) VALUES ('bench', 'github', 'https://bench.invalid')
            ON CONFLICT (name) DO UPDATE SET provider = 'github' RETURNING id
        """)
        return int(session.execute(statement).scalar_one())


def _a_build(branch: str) -> Observation:
    now = datetime.now(UTC)
    identity = time.monotonic_ns()
    return Observation(
        provider="github",
        pipeline_external_id="1/10",
        pipeline_name="ci",
        external_id=str(identity),
        number=1,
        status=Status.SUCCEEDED,
        raw_status="success",
        is_finished=True,
        merge_key=finished_first(is_finished=True, instant=now, status=Status.SUCCEEDED),
        queued_at=now,
        started_at=now,
        finished_at=now,
        repository_external_id="1",
        repository_name="acme/web",
        branch=branch,
        commit_sha="a" * 40,
        commit_message="Fix the login form",
        web_url=f"https://bench.invalid/acme/web/actions/runs/{identity}",
    )


def _deliver(engine: Engine, instance_id: int, clients: "_Clients", branches: Sequence[str]) -> float:
    """Commit an event for each branch, of which each client gets one; the seconds to the last client."""
    time.sleep(PAUSE_SECONDS)
    clients.tell({"await": 1})
    with Session(engine) as session:
        builds = [_a_build(branch) for branch in branches]
        record(session, builds, instance_id=instance_id, source_id=None, is_backfill=False)
        session.commit()
    committed = time.monotonic()
    return clients.hear()["ended"] - committed


def _repeat(engine: Engine, broadcast: IO[str], clients: "_Clients") -> float:
    """The bytes of the newest event to as many sockets by the bare broadcast; the seconds from the word to the last."""
    line = base64.b64encode(text_frame(_newest(engine).message(0))).decode()
    time.sleep(PAUSE_SECONDS)
    clients.tell({"await": 1})
    begun = time.monotonic()
    print(line, file=broadcast, flush=True)
    return clients.hear()["ended"] - begun


def _newest(engine: Engine) -> Entry:
    with Session(engine) as session:
        return read_page(session, bounds(session).head - 1, 1)[0]


class _Clients:
    """A process with many clients."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def open(self, address: tuple[str, int], count: int, filters: Sequence[dict[str, str]] = ()) -> float:
        """Connect so many; returns the seconds it took."""
        self.tell({"open": address, "count": count, "filters": filters})
        return self.hear()["seconds"]

    def tell(self, order: dict[str, object]) -> None:
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)

    def hear(self) -> dict[str, float]:
        assert self._process.stdout is not None
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """Close all of them, and wait for that."""
        self._process.communicate(timeout=60)


@contextmanager
def _clients() -> Iterator[_Clients]:
    with _child(CLIENTS) as process:
        yield _Clients(process)


@contextmanager
def _broadcast() -> Iterator[tuple[IO[str], tuple[str, int]]]:
    with _child(BROADCAST) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdin, ("127.0.0.1", int(process.stdout.readline()))


@contextmanager
def _child(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=20)


@contextmanager
def _api(url: str, sockets: int) -> Iterator[tuple[psutil.Process, tuple[str, int]]]:
    """A real API process on a free port, ended as a process manager would."""
    settings = {
        "DATABASE_URL": url,
        "OBSERVATORY_SERVER__PORT": "0",
        "OBSERVATORY_SERVER__MAX_SOCKETS": str(sockets + BESIDE_SOCKETS),
        "OBSERVATORY_LOGGING__FORMAT": "json",
    }
    process = subprocess.Popen(API, env=os.environ | settings, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = None
        for line in process.stderr:
            if not line.startswith("{"):
                raise RuntimeError("the API did not start: " + line + process.stderr.read())
            said = json.loads(line)
            if said["event"] == "listening":
                address = (str(said["host"]), int(said["port"]))
            if said["event"] == "following the log":
                break
        if address is None:
            raise RuntimeError("the API did not start")
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _pss(process: psutil.Process) -> int:
    """Bytes of the process and its workers, shared pages counted in parts."""
    return sum(int(one.memory_full_info().pss) for one in (process, *process.children(recursive=True)))

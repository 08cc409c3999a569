"""One event to 2,000 WebSockets of a real `observatory api` process: from the commit to the last client, and memory.

The clients are raw sockets in one epoll loop of this process, which only cuts frames and counts them.
"""

import base64
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.database import make_engine
from shared.observation import Observation, finished_first
from shared.recorder import record
from shared.status import Status

SOCKETS = 2_000
EVENTS = 100
PAUSE_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 30.0

COMMAND = (sys.executable, "-m", "cli.main", "api")


def run(url: str) -> dict[str, float]:
    """Measure against the (migrated) database at `url`, which gets EVENTS builds of an instance called `bench`."""
    engine = make_engine(url, application="bench", pool_size=1)
    try:
        instance_id = _add_instance(engine)
        with _api(url) as (process, address):
            _Clients(address).open(10)
            before = _pss(process)
            clients = _Clients(address)
            clients.open(SOCKETS)
            kilobytes = (_pss(process) - before) / 1024 / SOCKETS
            seconds = sorted(_deliver(engine, instance_id, clients, number) for number in range(EVENTS))
    finally:
        engine.dispose()
    return {
        "sockets": SOCKETS,
        "events": EVENTS,
        "event_to_last_socket_p50_ms": round(statistics.median(seconds) * 1000, 1),
        "event_to_last_socket_p99_ms": round(statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1000, 1),
        "kilobytes_per_socket": round(kilobytes, 1),
    }


def _add_instance(engine: Engine) -> int:
    with Session(engine) as session, session.begin():
        statement = text("""
            INSERT INTO instances (name, provider, base_url) VALUES ('bench', 'github', 'https://bench.invalid')
            ON CONFLICT (name) DO UPDATE SET provider = 'github' RETURNING id
        """)
        return int(session.execute(statement).scalar_one())


def _a_build(number: int) -> Observation:
    now = datetime.now(UTC)
    identity = time.monotonic_ns()
    return Observation(
        provider="github",
        pipeline_external_id="1/10",
        pipeline_name="ci",
        external_id=str(identity),
        number=number,
        status=Status.SUCCEEDED,
        raw_status="success",
        is_finished=True,
        merge_key=finished_first(is_finished=True, instant=now, status=Status.SUCCEEDED),
        queued_at=now,
        started_at=now,
        finished_at=now,
        repository_external_id="1",
        repository_name="acme/web",
        branch="main",
        commit_sha="a" * 40,
        commit_message="Fix the login form",
        web_url=f"https://bench.invalid/acme/web/actions/runs/{identity}",
    )


def _deliver(engine: Engine, instance_id: int, clients: "_Clients", number: int) -> float:
    """Commit one event and wait until every client has it; returns the seconds from the commit to the last."""
    time.sleep(PAUSE_SECONDS)
    with Session(engine) as session:
        record(session, [_a_build(number)], instance_id=instance_id, source_id=None, is_backfill=False)
        session.commit()
    committed = time.monotonic()
    clients.await_message()
    return time.monotonic() - committed


@contextmanager
def _api(url: str) -> Iterator[tuple[psutil.Process, tuple[str, int]]]:
    """A real API process on a free port, ended as a process manager would."""
    settings = {"DATABASE_URL": url, "OBSERVATORY_SERVER__PORT": "0", "OBSERVATORY_LOGGING__FORMAT": "json"}
    process = subprocess.Popen(COMMAND, env=os.environ | settings, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = None
        for line in process.stderr:
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


@dataclass(slots=True)
class _Client:
    """One socket: bytes not yet cut into frames, and how many messages came."""

    connection: socket.socket
    rest: bytes = b""
    messages: int = 0

    def take(self, data: bytes) -> None:
        self.rest += data
        while (size := _frame_size(self.rest)) is not None and size <= len(self.rest):
            self.messages += (self.rest[0] & 0x0F) == 0x1
            self.rest = self.rest[size:]


def _frame_size(data: bytes) -> int | None:
    """The length of the (unmasked) frame these bytes begin with, None when that cannot be told yet."""
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    extra = {126: 2, 127: 8}.get(short, 0)
    if len(data) < 2 + extra:
        return None
    return 2 + extra + (int.from_bytes(data[2 : 2 + extra]) if extra else short)


@dataclass(slots=True)
class _Clients:
    """Many sockets on one epoll."""

    address: tuple[str, int]
    expected: int = 0
    _poll: select.epoll = field(default_factory=select.epoll)
    _by_descriptor: dict[int, _Client] = field(default_factory=dict)

    def open(self, count: int) -> None:
        """Connect and greet this many clients."""
        for _ in range(count):
            client = self._connect()
            self._poll.register(client.connection, select.EPOLLIN)
            self._by_descriptor[client.connection.fileno()] = client
        self.await_message()

    def await_message(self) -> None:
        """Read until every client has one message more than before."""
        self.expected += 1
        missing = {number for number, one in self._by_descriptor.items() if one.messages < self.expected}
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while missing:
            for number, _ in self._poll.poll(max(0.0, until - time.monotonic()), 256):
                client = self._by_descriptor[number]
                data = client.connection.recv(65_536)
                if not data:
                    raise RuntimeError("the server closed a socket")
                client.take(data)
                if client.messages >= self.expected:
                    missing.discard(number)
            if missing and time.monotonic() > until:
                raise RuntimeError(f"{len(missing)} sockets did not get the event within {LONGEST_WAIT_SECONDS} s")

    def _connect(self) -> _Client:
        connection = socket.create_connection(self.address, timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = connection.recv(4096)
            if not data:
                raise RuntimeError(f"no handshake: {answer[:200]!r}")
            answer += data
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no handshake: {head[:200]!r}")
        client = _Client(connection)
        client.take(rest)
        return client

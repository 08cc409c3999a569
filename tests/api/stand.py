"""A real `observatory api` process for tests, its clients, and builds to stream."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import websocket
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.recorder import record
from tests.factories import a_build

COMMAND = (sys.executable, "-m", "cli.main", "api")


class Api:
    """The running process: what it said, where it listens, and how it ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def address(self) -> str:
        """Where it says that it listens."""
        said = next(line for line in self.said if line["event"] == "listening")
        return f"{said['host']}:{said['port']}"

    def heard(self, event: str) -> bool:
        return any(line["event"] == event for line in list(self.said))

    def connect(self, **options: Any) -> "Client":
        """A greeted client."""
        return Client(f"ws://{self.address}/ws", **options)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """The status and body of a GET."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def end(self) -> int:
        """SIGTERM, then its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.raw.append(line)
            if line.startswith("{"):
                self.said.append(json.loads(line))


@contextmanager
def running_api(database_url: str, settings: Mapping[str, object] | None = None) -> Iterator[Api]:
    """Start the process on a free port and wait until it can greet clients."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OBSERVATORY_")}
    environ |= {"DATABASE_URL": database_url, "OBSERVATORY_SERVER__PORT": "0", "OBSERVATORY_LOGGING__FORMAT": "json"}
    environ |= {f"OBSERVATORY_{key.upper()}": str(value) for key, value in (settings or {}).items()}
    process = subprocess.Popen(COMMAND, env=environ, stderr=subprocess.PIPE, text=True)
    api = Api(process)
    try:
        wait_for(lambda: api.heard("following the log") or process.poll() is not None, 30)
        assert process.poll() is None, "".join(api.raw)
        yield api
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stderr is not None
        api.reader.join(5)
        process.stderr.close()


class Client:
    """A WebSocket client that has been greeted."""

    def __init__(self, url: str, **options: Any) -> None:
        options = {"timeout": 10, "suppress_origin": True} | options
        self.socket = websocket.create_connection(url, **options)
        self.hello = self.receive()

    def receive(self) -> dict[str, Any]:
        """The next message."""
        message = json.loads(self.socket.recv())
        assert isinstance(message, dict)
        return message

    def say(self, message: object) -> None:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def subscribe(self, since: int | None = None, **rest: Any) -> dict[str, Any]:
        """Subscribe and return the answer; what still came for the old subscription is passed over."""
        place = {} if since is None else {"epoch": self.hello["epoch"], "since": since}
        self.say({"type": "subscribe", **place, **rest})
        while True:
            answer = self.receive()
            if answer["type"] not in {"status", "complete", "incident"}:
                return answer

    def events(self, count: int) -> list[dict[str, Any]]:
        """The next so many messages."""
        return [self.receive() for _ in range(count)]

    def is_silent(self, seconds: float = 0.5) -> bool:
        """Whether nothing comes in this time."""
        self.socket.settimeout(seconds)
        try:
            self.receive()
        except websocket.WebSocketTimeoutException:
            return True
        finally:
            self.socket.settimeout(10)
        return False

    def closed_with(self) -> int:
        """Read until the server closes and return its code."""
        while True:
            opcode, data = self.socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2])

    def close(self) -> None:
        """Say goodbye if that is still possible."""
        descriptor = self.socket.sock
        self.socket.close(timeout=1)
        if descriptor is not None:
            descriptor.close()

    def drop(self) -> None:
        """End the connection without a word; what was not read is lost."""
        assert self.socket.sock is not None
        self.socket.sock.close()


def an_instance(engine: Engine, name: str = "github.com") -> int:
    """An instance builds can be recorded of."""
    with Session(engine) as session, session.begin():
        statement = text("INSERT INTO instances (name, provider, base_url) VALUES (:n, 'github', 'x') RETURNING id")
        return int(session.execute(statement, {"n": name}).scalar_one())


def commit_builds(engine: Engine, instance_id: int, count: int = 1, *, is_backfill: bool = False, **fields: Any) -> int:
    """Commit so many new builds, each one event; returns the head of the log after it."""
    observations = [a_build(**({"external_id": f"run-{time.monotonic_ns()}-{n}"} | fields)) for n in range(count)]
    with Session(engine) as session, session.begin():
        record(session, observations, instance_id=instance_id, source_id=None, is_backfill=is_backfill)
        return int(session.scalar(text("SELECT max(pos) FROM events")) or 0)


def wait_for(is_true: Callable[[], object], seconds: float = 10) -> None:
    """Poll until it is true; the time running out is a failure."""
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.02)

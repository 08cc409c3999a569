"""Two schedulers and an API as real processes, the means to hurt each, and clients that follow the log."""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psycopg
import websocket

from shared.database import libpq_url
from tests.chaos.names import Names
from tests.chaos.processes import LIFE, Speed, start_api, start_scheduler
from tests.chaos.variants import Variant

WAIT_SECONDS = 60.0

SERVICE = """
[server]
port = {port}
base_url = "http://127.0.0.1:{port}"
[scheduler]
poll_floor_seconds = {floor_seconds}
workers = 4
[database]
pool_size = 5
[logging]
level = "{level}"
format = "json"
"""

GITHUB = """
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
token_file = "{token_file}"
page_size = {page_size}
watch = {watch}
{more}
"""

JENKINS = """
[[providers]]
kind = "jenkins"
name = "jenkins.test"
base_url = "{url}"
username = "{user}"
token_file = "{token_file}"
watch = ["/"]
"""

GITLAB = """
[[providers]]
kind = "gitlab"
name = "gitlab.test"
base_url = "{url}"
token_file = "{token_file}"
watch = {watch}
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack is made of; `providers` and `alerts` are the text of those sections, `names` what schedulers ask for
    an address first."""

    providers: str
    alerts: str = ""
    schedulers: int = 2
    has_api: bool = True
    speed: Speed = LIFE
    level: str = "error"
    floor_seconds: int = 1
    direct_url: str | None = None
    environment: Mapping[str, str] | None = None
    variant: Variant | None = None
    names: Names | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process left: after how long, and with which code (minus the signal that ended it, None if it stayed)."""

    seconds: float
    code: int | None


class Stack:
    """The processes, each replaced by another when it is killed, on a port that stays."""

    def __init__(self, folder: Path, database_url: str, plan: Plan) -> None:
        self.port = free_port()
        self.folder = folder
        self.plan = plan
        self.config = folder / "config.toml"
        self.kills = 0
        self.configure(plan.alerts)
        self.environment = {"DATABASE_URL": libpq_url(database_url), **(plan.environment or {})}
        if plan.direct_url is not None:
            self.environment["OBSERVATORY_DATABASE__DIRECT_URL"] = libpq_url(plan.direct_url)
        self._numbers = itertools.count(1)
        self.schedulers = [self.start_scheduler() for _ in range(plan.schedulers)]
        self.api = self._start_api() if plan.has_api else None

    def configure(self, alerts: str) -> None:
        """Write the file, with these receivers and routes; running processes read it again when they are told to."""
        plan = self.plan
        service = SERVICE.format(port=self.port, level=plan.level, floor_seconds=plan.floor_seconds)
        self.config.write_text(service + plan.providers + alerts)

    def reload(self) -> None:
        """SIGHUP to every scheduler."""
        for scheduler in self.schedulers:
            os.kill(scheduler.pid or 0, signal.SIGHUP)

    @property
    def logs(self) -> list[Path]:
        """What every process that ever was has written."""
        return sorted(self.folder.glob("*.log"))

    def kill_scheduler(self, number: int) -> None:
        """SIGKILL, and another in its place."""
        self.end_scheduler(number)
        self.replace_scheduler(number)

    def end_scheduler(self, number: int) -> None:
        """SIGKILL."""
        self.kills += 1
        self.schedulers[number].kill()
        self.schedulers[number].join()

    def replace_scheduler(self, number: int) -> None:
        """Another in the place of one that ended."""
        self.schedulers[number] = self.start_scheduler()

    def terminate_scheduler(self, number: int) -> Exit:
        """SIGTERM, and another in its place; how it left."""
        began = time.monotonic()
        self.schedulers[number].terminate()
        self.schedulers[number].join(30)
        left = Exit(time.monotonic() - began, self.schedulers[number].exitcode)
        self.kill_scheduler(number)
        return left

    def terminate_api(self) -> Exit:
        """SIGTERM to the arbiter, as a supervisor does it, and another in its place; how it left."""
        assert self.api is not None
        began = time.monotonic()
        self.api.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.api.wait(30)
        left = Exit(time.monotonic() - began, self.api.returncode)
        self.kill_api()
        return left

    def kill_api(self) -> None:
        """SIGKILL to the arbiter and its worker, and another in their place."""
        self._end_api()
        self.api = self._start_api()

    def kill_all(self) -> None:
        """SIGKILL to everything at once; nothing is replaced."""
        self.kills += len(self.schedulers)
        for scheduler in self.schedulers:
            scheduler.kill()
        self._end_api()
        for scheduler in self.schedulers:
            scheduler.join()

    def start_all(self) -> None:
        """Everything anew after `kill_all`."""
        self.schedulers = [self.start_scheduler() for _ in self.schedulers]
        self.api = self._start_api() if self.plan.has_api else None

    stop = kill_all

    def _end_api(self) -> None:
        if self.api is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.api.pid, signal.SIGKILL)
            self.api.wait()

    def _log(self, kind: str) -> Path:
        return self.folder / f"{next(self._numbers):03}-{kind}.log"

    def start_scheduler(self) -> ForkServerProcess:
        """One more that is nobody's replacement; the caller ends it."""
        return start_scheduler(
            self.config,
            self.environment,
            self._log("scheduler"),
            speed=self.plan.speed,
            variant=self.plan.variant,
            names=self.plan.names,
        )

    def _start_api(self) -> subprocess.Popen[bytes]:
        variant = self.plan.variant if self.plan.variant is Variant.NOTIFY_ONLY else None
        return start_api(self.config, self.environment, self._log("api"), variant=variant)


def free_port() -> int:
    """A port nobody uses; the API has to come back on the same one after each kill."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Follower:
    """A client of `/ws` that resumes with its position whenever the API dies under it."""

    def __init__(self, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}/ws"
        self.seen: list[int] = []
        self.seen_at: list[float] = []
        self.holes: list[str] = []
        self.resyncs = 0
        self.greetings = 0
        self.epoch: str | None = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._follow)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()

    def _follow(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self._listen(websocket.create_connection(self.url, timeout=2))
            self.stopping.wait(0.05)

    def _listen(self, stream: websocket.WebSocket) -> None:
        with contextlib.closing(stream):
            hello = _received(stream)
            self.epoch = self.epoch or str(hello["epoch"])
            since = self.seen[-1] if self.seen else 0
            stream.send(
                json.dumps({"type": "subscribe", "epoch": self.epoch, "since": since, "include_backfill": True})
            )
            while _received(stream)["type"] != "subscribed":
                pass
            self.greetings += 1
            while not self.stopping.is_set():
                with contextlib.suppress(websocket.WebSocketTimeoutException):
                    self._take(_received(stream))

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "resync":
            self.resyncs += 1
        if "pos" in message:
            before = self.seen[-1] if self.seen else 0
            if message["prev_pos"] != before:
                self.holes.append(f"{message['pos']} says it follows {message['prev_pos']}, not {before}")
            self.seen.append(int(str(message["pos"])))
            self.seen_at.append(time.time())


def _received(stream: websocket.WebSocket) -> dict[str, object]:
    """The next message; a goodbye ends the connection as its loss does."""
    told = stream.recv()
    if not told:
        raise websocket.WebSocketConnectionClosedException("the server said goodbye")
    message: dict[str, object] = json.loads(told)
    return message


class Tailer:
    """Reads the log by position, hot, straight from the database: what it saw is what was committed, in that order."""

    def __init__(self, database_url: str) -> None:
        self.url = libpq_url(database_url)
        self.seen: list[int] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._tail)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()

    def _tail(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(psycopg.OperationalError):
                self._read(psycopg.connect(self.url, autocommit=True, connect_timeout=2))
            self.stopping.wait(0.2)

    def _read(self, connection: psycopg.Connection) -> None:
        with contextlib.closing(connection):
            while not self.stopping.wait(0.03):
                after = self.seen[-1] if self.seen else 0
                rows = connection.execute("SELECT pos FROM events WHERE pos > %s ORDER BY pos", (after,)).fetchall()
                self.seen += [int(row[0]) for row in rows]


def wait_until(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS, every: float = 0.25) -> bool:
    """Promises are eventual: poll for them, with a deadline; the assertions that follow say what is missing."""
    deadline = time.monotonic() + seconds
    while not (is_so := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return is_so

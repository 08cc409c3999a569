"""Webhooks through real processes: from the request to a WebSocket client at a steady pace, and a burst that must hold.

The bodies are the simulated GitHub's, signed before the clock starts; what they tell are builds of their own.
"""

import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Self

import orjson
import psycopg
import websocket

from benchmarks.figure import Figure, percentile
from shared.database import libpq_url
from simulator import Simulator
from simulator.github.hooks import happenings

SECRET = "the-secret-of-the-benchmarks"
PATH = "/webhooks/github/github.com"

STEADY_SECONDS, STEADY_RATE, STEADY_SENDERS = 20, 100, 8
BURST_SECONDS, BURST_RATE, BURST_PROCESSES, SENDERS_EACH = 10, 1000, 2, 32
LONGEST_WAIT_SECONDS = 120.0

Posted = tuple[int, float, float]
"""The answer's status, when the request began, and when it was answered."""

CONFIG = """
[server]
port = 0
[scheduler]
poll_floor_seconds = "1h"
[logging]
level = "info"
format = "json"
[[providers]]
kind = "github"
name = "github.com"
base_url = "{url}"
token_env = "SIMULATED_TOKEN"
webhook_secret_env = "SIMULATED_WEBHOOKS"
watch = ["{repository}"]
"""


def run(url: str) -> list[Figure]:
    """Measure on the migrated, empty database at `url`."""
    with Simulator(seed=5, profile="drill", runs=3, seconds=5, speed=0) as simulator:
        template = _template(simulator)
        steady = _bodies(template, 1, STEADY_SECONDS * STEADY_RATE)
        burst = _bodies(template, 1_000_000, BURST_SECONDS * BURST_RATE)
        with _stack(url, simulator, str(template["repository"]["full_name"])) as port, _Heard(port) as heard:
            seconds = _steady(port, heard, steady)
            posted = _post_burst(port, burst)
            processed = _wait_until_processed(url, len(steady) + len(burst))
    return [*_steady_figures(seconds), *_burst_figures(posted, processed, len(burst))]


def _steady_figures(seconds: Sequence[float]) -> list[Figure]:
    return [
        Figure(
            name="webhook to WebSocket client, p99",
            value=percentile(seconds, 99) * 1000,
            unit="ms",
            bound=250,
            compared=f"{STEADY_RATE} webhooks/s for {STEADY_SECONDS} s; p50 {percentile(seconds, 50) * 1000:.0f} ms",
        )
    ]


def _burst_figures(posted: Sequence[Posted], processed: tuple[int, float], sent: int) -> list[Figure]:
    statuses = Counter(status for status, _, _ in posted)
    answered = statuses[202]
    lasted = max(ended for _, _, ended in posted) - min(began for _, began, _ in posted)
    waits = [ended - began for _, began, ended in posted]
    stored, seconds = processed
    return [
        Figure(
            name="webhook burst, answered 2xx",
            value=answered,
            unit="webhooks",
            bound=sent,
            at_least=True,
            compared=f"{BURST_RATE}/s for {BURST_SECONDS} s; all answered after {lasted:.1f} s; "
            f"p50 {percentile(waits, 50) * 1000:.0f} ms, p99 {percentile(waits, 99) * 1000:.0f} ms",
        ),
        Figure(
            name="webhook burst, lost",
            value=answered + STEADY_SECONDS * STEADY_RATE - stored,
            unit="webhooks",
            bound=0,
            compared=f"every build recorded {seconds:.1f} s after the last answer",
        ),
    ]


def _template(simulator: Simulator) -> dict[str, dict[str, object]]:
    """The body of a finished run as the simulated GitHub sends it."""
    now = simulator.clock.now()
    simulator.clock.advance(300)
    told = happenings(simulator.world, simulator.url, now - timedelta(days=1), simulator.clock.now())
    body = next(each.body for each in told if each.event == "workflow_run" and each.body["action"] == "completed")
    return orjson.loads(orjson.dumps(body))  # type: ignore[no-any-return]


def _bodies(template: dict[str, dict[str, object]], first: int, count: int) -> list[tuple[str, bytes, str]]:
    """`count` bodies about runs of their own: (the run's id, the body, its signature)."""
    made = []
    for number in range(first, first + count):
        identity = 7_000_000_000 + number
        told = template | {"workflow_run": template["workflow_run"] | {"id": identity, "run_number": number}}
        body = orjson.dumps(told)
        made.append((str(identity), body, hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()))
    return made


class _Heard:
    """When a WebSocket client got the first frame about each build, by the provider's id."""

    def __init__(self, port: int) -> None:
        self.at: dict[str, float] = {}
        self._socket = websocket.create_connection(f"ws://127.0.0.1:{port}/ws", timeout=30)
        self._socket.recv()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _read(self) -> None:
        while self._socket.connected:
            try:
                text = self._socket.recv()
            except (OSError, websocket.WebSocketException):
                return
            now = time.monotonic()
            said = orjson.loads(text)
            if said.get("subject_kind") == "build":
                self.at.setdefault(said["data"]["build"]["external_id"], now)


def _steady(port: int, heard: _Heard, bodies: Sequence[tuple[str, bytes, str]]) -> list[float]:
    """Seconds from each request's beginning to the client's frame."""
    shares = [bodies[sender::STEADY_SENDERS] for sender in range(STEADY_SENDERS)]
    start = time.monotonic() + 0.2
    with ThreadPoolExecutor(STEADY_SENDERS) as senders:
        runs = [
            senders.submit(_post, port, share, start + sender / STEADY_RATE, STEADY_SENDERS / STEADY_RATE)
            for sender, share in enumerate(shares)
        ]
        began = {
            identity: posted[1]
            for run, share in zip(runs, shares, strict=True)
            for (identity, _, _), posted in zip(share, run.result(), strict=True)
        }
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while not began.keys() <= heard.at.keys():
        if time.monotonic() > until:
            raise RuntimeError(f"{len(began.keys() - heard.at.keys())} builds never came to the WebSocket")
        time.sleep(0.05)
    return [heard.at[identity] - at for identity, at in began.items()]


def _post_burst(port: int, bodies: Sequence[tuple[str, bytes, str]]) -> list[Posted]:
    start = time.monotonic() + 2.0
    with ProcessPoolExecutor(BURST_PROCESSES) as processes:
        runs = [
            processes.submit(_post_share, port, bodies[process::BURST_PROCESSES], start, process)
            for process in range(BURST_PROCESSES)
        ]
        return [posted for run in runs for posted in run.result()]


def _post_share(port: int, bodies: Sequence[tuple[str, bytes, str]], start: float, process: int) -> list[Posted]:
    every = BURST_PROCESSES * SENDERS_EACH / BURST_RATE
    with ThreadPoolExecutor(SENDERS_EACH) as senders:
        runs = [
            senders.submit(_post, port, bodies[sender::SENDERS_EACH], start + (process + sender) / BURST_RATE, every)
            for sender in range(SENDERS_EACH)
        ]
        return [posted for run in runs for posted in run.result()]


def _post(port: int, bodies: Sequence[tuple[str, bytes, str]], start: float, every: float) -> list[Posted]:
    """Post one after another over one connection, each at its time or as soon as the one before was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    posted = []
    for number, (identity, body, signature) in enumerate(bodies):
        time.sleep(max(0.0, start + number * every - time.monotonic()))
        began = time.monotonic()
        headers = {
            "content-type": "application/json",
            "x-github-event": "workflow_run",
            "x-github-delivery": identity,
            "x-hub-signature-256": f"sha256={signature}",
        }
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        answer.read()
        posted.append((answer.status, began, time.monotonic()))
    return posted


def _wait_until_processed(url: str, expected: int) -> tuple[int, float]:
    """How many of the builds are recorded in the end, and the seconds until nothing waited any more."""
    began = time.monotonic()
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        while time.monotonic() - began < LONGEST_WAIT_SECONDS:
            waiting = connection.execute("SELECT count(*) FROM receipts WHERE state IN ('received', 'processing')")
            recorded = connection.execute("SELECT count(*) FROM builds WHERE external_id LIKE '7%' AND is_finished")
            found, left = int(_first(recorded)), int(_first(waiting))
            if left == 0 or found >= expected:
                break
            time.sleep(0.2)
    return found, time.monotonic() - began


def _first(cursor: psycopg.Cursor[tuple[int]]) -> int:
    row = cursor.fetchone()
    return 0 if row is None else row[0]


@contextmanager
def _stack(url: str, simulator: Simulator, repository: str) -> Iterator[int]:
    """A scheduler and an API as real processes; yields the API's port once the scheduler has polled."""
    with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG.format(url=simulator.url, repository=repository))
        secrets = {"SIMULATED_TOKEN": simulator.token, "SIMULATED_WEBHOOKS": SECRET}
        environment = os.environ | secrets | {"DATABASE_URL": libpq_url(url)}
        processes = []
        try:
            for part, ready in (("scheduler", "polled"), ("api", "following the log")):
                command = [sys.executable, "-m", "cli.main", "--config", str(config), part]
                processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
                said = _await(processes[-1], ready)
            yield next(int(str(line["port"])) for line in said if line["event"] == "listening")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


def _await(process: subprocess.Popen[str], event: str) -> list[dict[str, object]]:
    """What a process said until the event; the rest is read and dropped, so that it never waits for us."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(json.loads(line))
        if said[-1]["event"] == event:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return said
    raise RuntimeError(f"a process ended before it said: {event}")

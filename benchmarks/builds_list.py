"""`GET /api/builds?limit=50` from a real API process, four clients at once, on few and on many builds."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import orjson

CLIENTS = 4
REQUESTS = 400
WARM_UP = 50

_START = "import sys; from api import server; from shared.config.settings import load; sys.exit(server.run(load(None)))"


def latencies(url: str) -> list[float]:
    """Seconds of every request of four clients, sorted, warm-up left out; `url` is the database's."""
    with serving(url) as (host, port), ProcessPoolExecutor(CLIENTS) as clients:
        runs = [clients.submit(_ask, host, port) for _ in range(CLIENTS)]
        return sorted(second for run in runs for second in run.result())


@contextmanager
def serving(url: str) -> Iterator[tuple[str, int]]:
    """A real API process on a free port, ended as a process manager would; yields its host and port."""
    settings = {"DATABASE_URL": url, "OBSERVATORY_SERVER__PORT": "0", "OBSERVATORY_LOGGING__FORMAT": "json"}
    process = subprocess.Popen([sys.executable, "-c", _START], env=os.environ | settings, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        address = next(filter(None, map(_address, process.stderr)), None)
        if address is None:
            raise RuntimeError("the API did not start")
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _address(line: bytes) -> tuple[str, int] | None:
    said = orjson.loads(line)
    if said["event"] != "listening":
        return None
    parts = urlsplit(said["url"])
    return str(parts.hostname), int(parts.port or 0)


def _ask(host: str, port: int) -> list[float]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    seconds = []
    for _ in range(WARM_UP + REQUESTS):
        began = time.perf_counter()
        connection.request("GET", "/api/builds?limit=50")
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - began)
        if answer.status != 200 or len(body) < 10_000:
            raise RuntimeError(f"answered {answer.status} with {len(body)} bytes")
    return seconds[WARM_UP:]

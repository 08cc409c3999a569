"""All builds as CSV from a real API process: how fast, and what the process grows by."""

import http.client
import threading
import time

from benchmarks.figure import Figure
from benchmarks.serving import Address, serving
from benchmarks.stage import Stage

BUILDS = 1_000_000
PATH = "/api/builds?format=csv"
WARM_UP = "/api/builds?format=csv&limit=2000"
SAMPLE_SECONDS = 0.2


def run(stage: Stage, builds: int = BUILDS) -> list[Figure]:
    """Read the whole list once; the process was warmed up by a short export."""
    url, dataset = stage.dataset(builds)
    with serving(url) as address:
        _read(address, WARM_UP)
        before = address.memory()
        peak, ended = [before], threading.Event()
        watching = threading.Thread(target=_watch, args=(address, peak, ended))
        watching.start()
        began = time.perf_counter()
        try:
            rows, size = _read(address, PATH)
        finally:
            ended.set()
            watching.join()
        seconds = time.perf_counter() - began
    if rows < dataset.builds + 1:
        raise RuntimeError(f"{rows:,} lines of {dataset.builds:,} builds and a header")
    return [
        Figure(
            name=f"export of {dataset.builds:,} builds as CSV, memory growth",
            value=(peak[0] - before) / 1_000_000,
            unit="MB",
            bound=30,
            compared=f"{size / 1_000_000:,.0f} MB in {seconds:,.0f} s; {before / 1_000_000:.0f} MB before",
        ),
        Figure(name="export as CSV", value=dataset.builds / seconds, unit="builds/s"),
    ]


def _read(address: Address, path: str) -> tuple[int, int]:
    """Lines and bytes of an answer that has to come to its end."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {answer.read(300)!r}")
    lines = size = 0
    while block := answer.read(65_536):
        lines += block.count(b"\n")
        size += len(block)
    return lines, size


def _watch(address: Address, peak: list[int], ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], address.memory())

"""What a real Chromium tells of a page: its scripts' size, its paints, its frames, its longest task, its heap."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from playwright.sync_api import Browser, CDPSession, Page

MEGABYTE = 1_000_000

# What was fetched until the page stood, as it travelled.
_SCRIPTS = """
() => performance.getEntriesByType("resource").filter(({ name }) => new URL(name).pathname.endsWith(".js"))
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
"""

_LARGEST_PAINT = """
() => new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
  .observe({ type: "largest-contentful-paint", buffered: true }))
"""

# As somebody who drags the bar: so many rows a frame, until so many have gone by or nothing more comes.
_SCROLL = """
({ rows, step, seconds }) => new Promise((resolve) => {
  const grid = document.querySelector("[role=grid][aria-label=Builds]");
  const frames = [];
  let [most, last, until] = [0, 0, performance.now() + seconds * 1000];
  let before = performance.now();
  const frame = (now) => {
    frames.push(now - before);
    before = now;
    const shown = grid.querySelectorAll("[data-build]");
    most = Math.max(most, grid.querySelectorAll("[role=rowgroup] > [role=row]").length);
    last = Math.max(last, Number(shown[shown.length - 1]?.getAttribute("aria-rowindex") ?? 0) - 1);
    if (last >= rows || now > until) return resolve({ frames: frames.slice(1), most, last });
    grid.scrollTop += step;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""

# From the moment that the page is sent there until the frame after the one in which every cell is there.
_GRID_PAINTED = """
({ path, cells, seconds }) => new Promise((resolve, reject) => {
  const began = performance.now();
  const look = () => {
    const found = document.querySelectorAll("[role=grid] td").length;
    if (found >= cells) requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    else if (performance.now() - began > seconds * 1000) reject(new Error(`only ${found} cells`));
    else requestAnimationFrame(look);
  };
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
  look();
})
"""


@dataclass(frozen=True, slots=True)
class Scrolled:
    """A table scrolled: each frame in milliseconds, the most rows the page held, the last row that was seen."""

    frames: list[float]
    most: int
    last: int


def scripts(page: Page) -> int:
    """Bytes of JavaScript that opening the page fetched, packed as they travelled."""
    return int(page.evaluate(_SCRIPTS))


def largest_paint(page: Page) -> float:
    """Milliseconds until the largest content was painted."""
    return float(page.evaluate(_LARGEST_PAINT))


def scroll(page: Page, rows: int, *, step: int = 880, seconds: float = 120) -> Scrolled:
    """Scroll the table of builds past so many rows."""
    found = page.evaluate(_SCROLL, {"rows": rows, "step": step, "seconds": seconds})
    return Scrolled(found["frames"], found["most"], found["last"])


def grid_painted(page: Page, path: str, cells: int, *, seconds: float = 30) -> float:
    """Milliseconds from the moment that the page is sent to a view until so many cells of its grid are painted."""
    return float(page.evaluate(_GRID_PAINTED, {"path": path, "cells": cells, "seconds": seconds}))


def slow_down(page: Page, times: float) -> CDPSession:
    """Let the processor of this page be so many times slower."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": times})
    return session


def heap(page: Page) -> int:
    """Bytes of the page's heap that are still used once everything that can be given back was."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return int(used)


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[Callable[[], list[float]]]:
    """Trace what happens in the block; afterwards ask for the tasks of the main thread, longest first, in ms."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        browser.start_tracing(page=page, path=file, categories=["disabled-by-default-devtools.timeline", "toplevel"])
        try:
            yield lambda: found
        finally:
            found += _tasks(browser.stop_tracing())


def _tasks(trace: bytes) -> list[float]:
    events = orjson.loads(trace)["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    lengths = [
        event["dur"] / 1000
        for event in events
        if event["ph"] == "X" and event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in mains
    ]
    return sorted(lengths, reverse=True)

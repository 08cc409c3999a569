"""What a real Chromium tells of a page: its scripts' size, its paints, its frames, its longest task, its heap."""

import re
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

FLING_PX = 176
"""How far a frame moves that is flung as fast as a finger can: 10,000 px a second, four new rows."""

SCREEN_PX = 880
"""And one that is moved by the bar: a screen of new rows."""

# So many pixels a frame, until so many have gone by or nothing more comes.
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

# From the moment that the page is sent there until the frame after the one in which a cell stands in each corner of
# what is in sight, and until the grid knows all rows.
_GRID_PAINTED = """
({ path, rows, seconds }) => new Promise((resolve, reject) => {
  const began = performance.now();
  let painted = 0;
  const isCell = (x, y) => document.elementFromPoint(x, y)?.closest("[role=grid] td[data-column]") != null;
  const isPainted = () => {
    const first = document.querySelector("[role=grid] td[data-column]");
    if (first === null) return false;
    const box = first.closest("[role=grid]").parentElement.getBoundingClientRect();
    const { left, top } = first.getBoundingClientRect();
    const [right, bottom] = [Math.min(box.right, innerWidth) - 30, Math.min(box.bottom, innerHeight) - 30];
    return [left + 8, right].every((x) => [top + 8, bottom].every((y) => isCell(x, y)));
  };
  const mark = () => { painted ||= performance.now() - began; };
  const look = () => {
    if (painted === 0 && isPainted()) requestAnimationFrame(() => setTimeout(mark));
    const known = Number(document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") ?? 0);
    if (painted > 0 && known > rows) resolve([painted, performance.now() - began]);
    else if (performance.now() - began > seconds * 1000) reject(new Error(`only ${known} rows`));
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


def without_scripts(html: str) -> str:
    """A page as it stands, to be opened once more without anything that runs."""
    return re.sub(r'<script.*?</script>|<link rel="modulepreload"[^>]*>', "", html, flags=re.DOTALL)


def largest_paint(page: Page) -> float:
    """Milliseconds until the largest content was painted."""
    return float(page.evaluate(_LARGEST_PAINT))


def scroll(page: Page, rows: int, *, step: int, seconds: float) -> Scrolled:
    """Scroll the table of builds past so many rows."""
    found = page.evaluate(_SCROLL, {"rows": rows, "step": step, "seconds": seconds})
    return Scrolled(found["frames"], found["most"], found["last"])


def grid_painted(page: Page, path: str, rows: int, *, seconds: float = 30) -> tuple[float, float]:
    """Milliseconds from the moment that the page is sent to a view until all cells in sight of its grid are painted.

    And until the grid knows so many rows, most of which are out of sight.
    """
    painted, known = page.evaluate(_GRID_PAINTED, {"path": path, "rows": rows, "seconds": seconds})
    return float(painted), float(known)


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

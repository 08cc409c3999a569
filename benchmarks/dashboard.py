"""The dashboard in a real Chromium: how soon it stands, how it scrolls, and what a storm of events does to it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks import dashboard_page as browser_page
from benchmarks.dashboard_page import MEGABYTE, Scrolled
from benchmarks.figure import Figure, percentile
from benchmarks.serving import serving
from benchmarks.stage import Stage
from shared.clock import utc_now
from shared.database import make_engine
from shared.observation import Observation
from shared.recorder import record
from tests.api.serving import a_world
from tests.dashboard.looking import Looking, chromium, settle
from tests.factories import a_build, a_job

SLOWER = 4
OPENED, FEWEST_OPENED = 5, 3
SCROLLED, FEWEST_SCROLLED = 20_000, 5_000
HEARD, SEEN = 9_000, 10
"""Numbers of builds from here on, and how many of them."""
STORM = 500
TRAFFIC = 30_000
"""As many events as eight hours of a busy day have: one a second."""
WARM = 3_000
COMMITS, JOBS, STAGE = 50, 200, 20
CALM_MS = 3_000
"""After so long nothing that was caused is still to come."""


def run(stage: Stage, builds: int, share: float = 1.0) -> list[Figure]:
    """Every figure of the dashboard; the large data set for what is read, a small one for what happens."""
    url, _ = stage.dataset(builds)
    with chromium() as browser:
        with _pages(browser, url) as looking:
            figures = [_size(looking), *_paint(looking, builds, share), *_scrolling(looking, builds, share)]
        url = stage.database("dashboard")
        with _pages(browser, url) as looking, _world(url) as engine:
            figures += [_heard(looking, engine), *_storm(browser, looking, engine), *_grid(browser, looking, engine)]
            figures.append(_hours(looking, engine, int(TRAFFIC * share)))
    return figures


@contextmanager
def _pages(browser: Browser, url: str) -> Iterator[Looking]:
    with serving(url) as address:
        looking = Looking(browser, f"http://{address.host}:{address.port}")
        # Nobody collects here, and the page says so.
        looking.forgive("503")
        yield looking
        looking.close()
    if looking.wrongs:
        raise RuntimeError(f"the page complains: {looking.wrongs[:3]}")


def _size(looking: Looking) -> Figure:
    page = looking.visit("/")
    kilobytes = browser_page.scripts(page) / 1000
    page.context.close()
    return Figure(name="JavaScript until the overview stands, gzip", value=kilobytes, unit="KB", bound=150)


def _paint(looking: Looking, builds: int, share: float) -> list[Figure]:
    """Each time with nothing kept from before: a profile of its own. And what the same words take as mere HTML."""
    page = looking.visit("/")
    still = browser_page.without_scripts(page.content())
    page.context.close()
    drawn, bare = [], []
    for _ in range(max(FEWEST_OPENED, round(OPENED * share))):
        drawn.append(_painted(looking, None))
        bare.append(_painted(looking, still))
    return [
        Figure(
            name=f"largest contentful paint, processor {SLOWER} times slower",
            value=median(drawn),
            unit="ms",
            bound=1200,
            compared=f"of {builds:,} builds, cold cache",
        ),
        Figure(
            name="the same page as HTML without a script",
            value=median(bare),
            unit="ms",
            compared="what of it is the browser's and the machine's",
        ),
    ]


def _painted(looking: Looking, instead: str | None) -> float:
    """How long the largest paint took, of the page or of what is answered instead."""
    page = looking.open()
    if instead is not None:
        page.route("**/", lambda route: route.fulfill(body=instead, content_type="text/html"))
    browser_page.slow_down(page, SLOWER)
    # Whoever asks the page whether it stands has it answer: so it is left alone until it surely does.
    page.goto("/", wait_until="commit")
    page.wait_for_timeout(CALM_MS)
    if instead is None:
        page.wait_for_timeout(CALM_MS)
        settle(page)
    found = browser_page.largest_paint(page)
    page.context.close()
    return found


def _scrolling(looking: Looking, builds: int, share: float) -> list[Figure]:
    found, last = [], min(builds, max(FEWEST_SCROLLED, int(SCROLLED * share)))
    for step in (browser_page.FLING_PX, browser_page.SCREEN_PX):
        page = looking.visit("/?window=1y")
        found.append(browser_page.scroll(page, last, step=step, seconds=200))
        page.context.close()
    return scrolled_figures(*found)


def scrolled_figures(flung: Scrolled, dragged: Scrolled) -> list[Figure]:
    """What is promised of scrolling by hand; and what dragging the bar costs, which draws a whole screen each frame."""
    return [
        _frames("a frame while scrolling, p95", flung, f"{browser_page.FLING_PX} px each", bound=25),
        _frames("the same with the bar dragged", dragged, f"{browser_page.SCREEN_PX} px each, a screen of new rows"),
        Figure(
            name="rows in the page while scrolling, most",
            value=max(flung.most, dragged.most),
            unit="rows",
            bound=60,
        ),
    ]


def _frames(name: str, found: Scrolled, how: str, bound: float | None = None) -> Figure:
    seen = f"{found.last:,} builds in {len(found.frames):,} frames, {how}; p50 {median(found.frames):.1f} ms"
    return Figure(name=name, value=percentile(found.frames, 95), unit="ms", bound=bound, compared=seen)


@contextmanager
def _world(url: str) -> Iterator[Engine]:
    engine = make_engine(url, application="bench", pool_size=4)
    a_world(engine)
    yield engine
    engine.dispose()


def _heard(looking: Looking, engine: Engine) -> Figure:
    """From the moment a build is on record until its row stands on the page."""
    page = looking.visit("/")
    expect(page.get_by_role("banner")).to_contain_text("Live")
    page.wait_for_timeout(CALM_MS)
    taken = []
    for number in range(HEARD, HEARD + SEEN):
        _record(engine, [_build(number, "queued", queued_at=utc_now())])
        began = time.monotonic()
        page.locator("[data-build]").filter(has_text=f"#{number}").wait_for()
        taken.append((time.monotonic() - began) * 1000)
    page.context.close()
    return Figure(name="a build on record is on the page, slowest", value=max(taken), unit="ms", bound=2_000)


def _storm(browser: Browser, looking: Looking, engine: Engine) -> list[Figure]:
    """Builds are queued, begin and end, all within a second; afterwards the page shows how they ended."""
    _record(engine, [_build(number, "queued") for number in range(50)])
    page = looking.visit("/")
    builds = STORM // 2
    with browser_page.traced(browser, page) as tasks:
        began = time.monotonic()
        for status in ("running", "failed"):
            for start in range(0, builds, 25):
                _record(engine, [_build(1000 + number, status) for number in range(start, start + 25)])
        seconds = time.monotonic() - began
        page.wait_for_timeout(CALM_MS)
    wrong = _rows_that_differ(page, engine)
    page.context.close()
    name = f"{STORM} events at once: the longest task of the page"
    return [
        Figure(name=name, value=tasks()[0], unit="ms", bound=100, compared=f"recorded within {seconds:.1f} s"),
        Figure(name="rows that do not show how a build ended", value=wrong, unit="rows", bound=0),
    ]


def _rows_that_differ(page: Page, engine: Engine) -> int:
    statement = text("SELECT id::text, status FROM builds ORDER BY queued_at DESC, id DESC LIMIT 15")
    with engine.connect() as connection:
        truth = [tuple(row) for row in connection.execute(statement)]
    shown = page.evaluate("""
        () => [...document.querySelectorAll("[role=grid][aria-label=Builds] [data-build]")].map((row) =>
          [row.dataset.build, row.querySelector("[data-status]").dataset.status])
    """)
    return sum(tuple(one) != other for one, other in zip(shown, truth, strict=False)) + max(0, 15 - len(shown))


def _grid(browser: Browser, looking: Looking, engine: Engine) -> list[Figure]:
    """The waterfall of one pipeline: painted after a click on it, and again when one of its builds changes."""
    for number in range(COMMITS):
        _record(engine, [_wide(number, "succeeded" if number % 7 else "failed")])
    _record(engine, [_wide(COMMITS, "running")])
    page = looking.visit("/")
    painted, known = browser_page.grid_painted(page, _every_group(engine), COMMITS)
    page.wait_for_timeout(CALM_MS)
    with browser_page.traced(browser, page) as tasks:
        _record(engine, [_wide(COMMITS, "failed")])
        page.wait_for_timeout(CALM_MS)
    page.context.close()
    size = f"waterfall of {COMMITS} commits by {JOBS} jobs"
    return [
        Figure(
            name=f"{size}: first paint",
            value=painted,
            unit="ms",
            bound=500,
            compared=f"every cell in sight, from the way there on; every row is known after {known:.0f} ms",
        ),
        Figure(name=f"{size}: a build changes, longest task", value=tasks()[0], unit="ms", bound=16),
    ]


def _every_group(engine: Engine) -> str:
    """The waterfall with all of its groups open, of which each has one stage."""
    with engine.connect() as connection:
        pipeline = connection.execute(text("SELECT id FROM pipelines WHERE name = 'wide'")).scalar_one()
    groups = "\n".join(f"{pipeline} stage part {stage}" for stage in range(JOBS // STAGE))
    return f"/waterfall?{urlencode({'repository': 'acme/wide', 'open': groups})}"


def _hours(looking: Looking, engine: Engine, events: int) -> Figure:
    """The page stays open while more and more happens: what it holds afterwards that it did not before."""
    page = looking.visit("/")
    _happen(engine, 0, WARM)
    page.wait_for_timeout(CALM_MS)
    before = browser_page.heap(page)
    _happen(engine, WARM, events)
    page.wait_for_timeout(CALM_MS)
    grown = (browser_page.heap(page) - before) / MEGABYTE
    page.context.close()
    name = f"heap of the page after {events:,} more events"
    return Figure(name=name, value=max(0, grown), unit="MB", bound=20, compared=f"of {before / MEGABYTE:.1f} MB before")


def _happen(engine: Engine, first: int, events: int) -> None:
    for start in range(first, first + events // 2, 150):
        numbers = range(10_000 + start, 10_000 + start + 150)
        for status in ("running", "succeeded"):
            _record(engine, [_build(number, status) for number in numbers])


def _record(engine: Engine, observations: Sequence[Observation]) -> None:
    with Session(engine) as session, session.begin():
        record(session, observations, instance_id=1, source_id=1, is_backfill=False)


def _build(number: int, status: str, **fields: Any) -> Observation:
    usual: dict[str, Any] = {
        "external_id": str(number),
        "number": number,
        "queued_at": utc_now() - timedelta(seconds=60),
        "branch": f"branch-{number % 40}",
        "pipeline_external_id": f"1/{number % 20}",
        "pipeline_name": f"service-{number % 20}",
    }
    return a_build(status, **(usual | fields))


def _wide(number: int, status: str) -> Observation:
    sha = f"{number:040x}"
    jobs = tuple(
        a_job(
            status if job % 9 == 0 else "succeeded",
            external_id=f"{number}-{job}",
            name=f"test-{job}",
            stage=f"part {job // STAGE}",
        )
        for job in range(JOBS)
    )
    place = {
        "pipeline_external_id": "2/1",
        "pipeline_name": "wide",
        "repository_external_id": "2",
        "repository_name": "acme/wide",
    }
    return _build(500_000 + number, status, commit_sha=sha, branch="main", jobs=jobs, **place)

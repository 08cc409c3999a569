"""What happens is on the page as it happens; what it may not be believed about is said."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import health, processes
from shared.clock import utc_now
from shared.jobs import Job, Trouble
from shared.recorder import record
from tests.cli.test_up import Command
from tests.dashboard.looking import Looking, Theme, settle, too_wide
from tests.dashboard.world import SCHEDULER
from tests.factories import a_build, minutes

SOON_MS = 8_000
"""Beside other tests on a slow machine. The promise, two seconds, is a figure of `--only dashboard`."""
FIGURES_MS = 10_000
"""Figures are asked for again at their leisure."""
DEMO_SECONDS = "110"
A_BUILD_SECONDS = 60


def commit(engine: Engine, status: str, **fields: Any) -> None:
    """The next state of the storefront's build 9000, queued a minute ago."""
    usual: dict[str, Any] = {"external_id": "9000", "number": 9000, "queued_at": utc_now() - minutes(1)}
    build = a_build(status, **(usual | fields))
    with Session(engine) as session, session.begin():
        record(session, [build], instance_id=1, source_id=1, is_backfill=False)


def listens(page: Page) -> None:
    """Wait until the page hears of what happens: of what was before, it only learns by asking again."""
    expect(page.get_by_role("banner")).to_contain_text("Live")


def test_a_build_comes_and_finishes_on_the_page_as_it_happens(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")
    listens(page)
    row = page.get_by_role("grid", name="Builds").get_by_role("row").filter(has_text="#9000")
    queued_at = utc_now() - minutes(1)

    commit(engine, "queued", queued_at=queued_at)
    expect(row).to_contain_text("Queued", timeout=SOON_MS)
    commit(engine, "running", queued_at=queued_at)
    expect(row).to_contain_text("Running", timeout=SOON_MS)
    commit(engine, "failed", queued_at=queued_at, finished_at=utc_now())
    expect(row).to_contain_text("Failed", timeout=SOON_MS)


def test_who_reads_further_down_is_not_moved_and_told_of_what_came(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/?window=7d")
    listens(page)
    grid = page.get_by_role("grid", name="Builds")
    grid.evaluate("(scroller) => scroller.scrollTo({ top: 2000 })")
    in_sight = grid.locator("[data-build]").nth(12)
    expect(in_sight).to_be_visible()
    page.wait_for_timeout(300)
    before = in_sight.bounding_box()
    build = in_sight.get_attribute("data-build")

    commit(engine, "queued", external_id="9001", number=9001)
    page.get_by_role("button", name="1 new").wait_for(timeout=SOON_MS)

    assert grid.locator(f"[data-build='{build}']").bounding_box() == before
    page.get_by_role("button", name="1 new").click()
    expect(grid.locator("[data-build]").first).to_contain_text("#9001")


def test_a_status_that_was_not_there_before_does_not_move_the_page(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/?window=7d")
    listens(page)
    builds = page.get_by_role("grid", name="Builds")
    legend = page.get_by_role("list", name="Builds by status")
    expect(legend.get_by_text("Skipped")).to_have_count(0)
    before = builds.bounding_box()

    commit(engine, "skipped", external_id="9003", number=9003, finished_at=utc_now())

    expect(legend.get_by_text("Skipped")).to_be_visible(timeout=FIGURES_MS)
    assert builds.bounding_box() == before


def test_an_open_build_is_followed_to_its_end(looking: Looking, engine: Engine) -> None:
    queued_at = utc_now() - minutes(1)
    commit(engine, "running", external_id="9002", number=9002, queued_at=queued_at)
    with engine.connect() as connection:
        build = connection.execute(text("SELECT id FROM builds WHERE external_id = '9002'")).scalar_one()
    page = looking.open()
    page.goto(f"/builds/{build}")
    expect(page.get_by_role("main").locator("[data-status=running]").first).to_be_visible()
    listens(page)

    commit(engine, "succeeded", external_id="9002", number=9002, queued_at=queued_at, finished_at=utc_now())

    expect(page.get_by_role("main").locator("[data-status=succeeded]").first).to_be_visible(timeout=SOON_MS)


def test_a_stale_source_is_named_on_every_view(visit: Callable[..., Page], engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                UPDATE sources SET last_ok_at = now() - interval '20 minutes', failures = 5,
                    last_error = 'gitlab.com answered 503' WHERE scope = 'platform/search'
            """)
        )
    page = visit("/waterfall")

    notice = page.get_by_role("main").get_by_role("status").filter(has_text="platform/search may be older")
    expect(notice).to_contain_text("gitlab.com answered 503")
    notice.get_by_role("link", name="See the sources").click()
    expect(page.get_by_role("main")).to_contain_text("5 polls in a row failed")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_a_scheduler_fails_at_is_told_until_it_works(looking: Looking, engine: Engine, theme: Theme) -> None:
    page = looking.open(theme=theme, width=1024)
    page.goto("/")
    listens(page)
    notice = page.get_by_role("alert").filter(has_text="Figures do not follow the builds")

    fails(engine, Job.FIGURES)
    expect(notice).to_contain_text("the job figures has failed each time since", timeout=SOON_MS)
    page.reload()
    expect(notice).to_be_visible(timeout=SOON_MS)
    assert too_wide(page, 320, 1024) == ""
    listens(page)

    fails(engine)
    expect(notice).to_have_count(0, timeout=SOON_MS)


def fails(engine: Engine, *jobs: Job) -> None:
    """The scheduler that lives tells with a heartbeat what of it fails."""
    troubles = [Trouble(job, 7, utc_now(), "KeyError: 'branch'") for job in jobs]
    with Session(engine) as session, session.begin():
        processes.beat(session, SCHEDULER, troubles)
        health.beat(session)


@pytest.fixture
def demo(place: Path) -> Iterator[str]:
    """The address of the whole product, collecting from simulated GitHub, GitLab and Jenkins."""
    command = Command(place, "demo", "--fresh", "--port", "0", "--seconds", DEMO_SECONDS)
    try:
        assert command.says("is running ("), command.words
        yield next(word for word in command.words.split() if word.startswith("http://") and word.count("/") >= 2)
    finally:
        command.interrupt()


@pytest.mark.timeout(180)
def test_a_build_of_a_provider_is_followed_from_the_queue_to_its_end(demo: str, browser: Browser) -> None:
    address = "/".join(demo.split("/")[:3])
    looking = Looking(browser, address)
    one = _until(lambda: _open_builds(address), "a build to follow")[0]
    # Of its pipeline alone: others' builds, of which many come at the beginning, would push it out of sight.
    page = looking.visit(f"/?pipeline_id={one['pipeline_id']}")
    row = page.get_by_role("grid", name="Builds").locator(f"[data-build='{one['id']}']")
    expect(row).to_be_visible(timeout=SOON_MS)

    ended = _until(lambda: _ended(address, one["id"]), "its end")

    expect(row.locator(f"[data-status={ended[0]['status']}]")).to_be_visible(timeout=SOON_MS)
    settle(page)
    looking.close()
    assert looking.wrongs == []


def _open_builds(address: str) -> list[dict[str, Any]]:
    builds: list[dict[str, Any]] = _read(f"{address}/api/builds?status=queued,running")["builds"]
    return builds


def _ended(address: str, build: int) -> list[dict[str, Any]]:
    one = _read(f"{address}/api/builds/{build}")
    return [one] if one["finished_at"] else []


def _read(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def _until(ask: Callable[[], list[dict[str, Any]]], what: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + A_BUILD_SECONDS
    while not (found := ask()):
        assert time.monotonic() < deadline, f"no sign of {what}"
        time.sleep(0.1)
    return found

"""The network goes and comes back: the page says so, keeps what it had, and misses nothing."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import Engine

from benchmarks.serving import free_port
from tests.api.stand import Api, running_api
from tests.dashboard.looking import Looking, settle
from tests.dashboard.test_live import commit
from tests.dashboard.world import freshen

BACK_MS = 15_000
"""The pause before the next try has grown to a few seconds by then."""

NO_ANSWER = "ERR_FAILED|ERR_CONNECTION|ERR_INTERNET|ERR_NETWORK|WebSocket|ERR_EMPTY_RESPONSE"


class Outage:
    """An API process that can be killed and started again on the port it had."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.port = free_port()
        self._stack = ExitStack()
        self.api: Api | None = None

    def begin(self) -> None:
        assert self.api is not None
        self.api.process.send_signal(signal.SIGKILL)
        self._stack.close()

    def end(self) -> None:
        self.api = self._stack.enter_context(running_api(self._url, {"server__port": self.port}))

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def outage(stand_url: str, engine: Engine) -> Iterator[Outage]:
    freshen(engine)
    outage = Outage(stand_url)
    outage.end()
    yield outage
    outage.close()


@pytest.fixture
def far(browser: Browser, outage: Outage) -> Iterator[Looking]:
    looking = Looking(browser, f"http://127.0.0.1:{outage.port}")
    looking.forgive(NO_ANSWER)
    yield looking
    looking.close()
    assert looking.wrongs == []


def link(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("button", name="details of the connection")


def test_a_lost_server_is_told_and_what_was_missed_appears_when_it_is_back(
    far: Looking, outage: Outage, engine: Engine
) -> None:
    page = far.visit("/")
    rows = page.get_by_role("grid", name="Builds").get_by_role("row")
    expect(link(page)).to_contain_text("Live")
    shown = page.get_by_role("grid", name="Builds").locator("[data-build]").count()

    outage.begin()
    expect(link(page)).not_to_contain_text("Live")
    assert page.get_by_role("grid", name="Builds").locator("[data-build]").count() == shown
    commit(engine, "failed", external_id="9100", number=9100)
    commit(engine, "running", external_id="9101", number=9101)
    outage.end()

    expect(link(page)).to_contain_text("Live", timeout=BACK_MS)
    expect(rows.filter(has_text="#9100")).to_contain_text("Failed")
    expect(rows.filter(has_text="#9101")).to_contain_text("Running")


def test_a_page_that_is_opened_without_the_server_shows_what_was_there_and_how_old_it_is(
    far: Looking, outage: Outage
) -> None:
    page = far.visit("/", keeps_offline=True)
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    page.reload()
    settle(page)
    builds = page.get_by_role("grid", name="Builds").locator("[data-build]")
    first = builds.first.get_attribute("data-build")
    page.wait_for_timeout(500)

    outage.begin()
    page.reload()

    expect(builds.first).to_have_attribute("data-build", str(first))
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("The server cannot be reached: data of")
    outage.end()
    page.get_by_role("button", name="Try now").first.click()
    expect(page.get_by_role("main").get_by_role("alert")).to_have_count(0, timeout=BACK_MS)


def test_a_browser_without_network_says_offline_and_goes_on_by_itself(
    visit: Callable[..., Page], looking: Looking
) -> None:
    looking.forgive(NO_ANSWER)
    page = visit("/", keeps_offline=True)
    alert = page.get_by_role("main").get_by_role("alert")

    page.context.set_offline(True)
    page.keyboard.press("r")
    expect(alert).to_contain_text("Offline: data of", timeout=BACK_MS)
    page.context.set_offline(False)

    expect(alert).to_have_count(0, timeout=BACK_MS)

"""What is shown for the question before is marked as such; what could not be asked again says how old it is."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine

from tests.dashboard.looking import Looking
from tests.dashboard.views import address_of

FORMER = {
    "overview": (re.compile(r"/api/metrics/overview\?"), ".overview-card"),
    "pipeline": (re.compile(r"/api/metrics/pipeline/"), ".overview-card"),
    "pipelines": (re.compile(r"/api/metrics/flaky\?"), "tr[data-pipeline]"),
    "triage": (re.compile(r"/api/triage\?"), ".triage-share-failed"),
}


@pytest.mark.parametrize("view", FORMER)
def test_figures_of_the_former_window_are_grey_until_the_next_come(
    visit: Callable[..., Page], engine: Engine, view: str
) -> None:
    path, shown = FORMER[view]
    page = visit(address_of(view, engine))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(path, hold)
    busy = page.locator(f".answer[aria-busy=true] {shown}").first

    page.get_by_role("combobox", name="Window of time").select_option("7d")

    expect(busy).to_be_visible()
    found = f"document.querySelector('.answer[aria-busy=true] {shown}').closest('[aria-busy=true] > *')"
    page.wait_for_function(f"getComputedStyle({found}).filter === 'grayscale(1)'")
    for route in held:
        route.continue_()
    page.unroute(path)
    expect(busy).to_have_count(0)
    expect(page.locator(shown).first).to_be_visible()


ASKED = {
    "overview": re.compile(r"/api/metrics/overview\?"),
    "pipeline": re.compile(r"/api/metrics/pipeline/"),
    "pipelines": re.compile(r"/api/metrics/slowdowns\?"),
    "triage": re.compile(r"/api/incidents\?"),
    "sources": re.compile(r"/api/sources\?"),
    "alerts": re.compile(r"/api/incidents\?"),
    "build": re.compile(r"/api/builds/\d+$"),
    "incident": re.compile(r"/api/incidents/\d+$"),
}


@pytest.mark.parametrize("view", ASKED)
def test_what_could_not_be_refreshed_says_how_old_it_is_until_it_is(
    visit: Callable[..., Page], looking: Looking, engine: Engine, view: str
) -> None:
    looking.forgive("400")
    page = visit(address_of(view, engine))
    older = page.get_by_role("main").locator("[data-older]")
    refused = {"status": 400, "content_type": "application/problem+json", "body": '{"title": "Refused", "status": 400}'}
    page.route(ASKED[view], lambda route: route.fulfill(**refused))

    page.keyboard.press("r")

    expect(older.first).to_contain_text("could not be refreshed")
    page.unroute(ASKED[view])
    older.first.get_by_role("button", name="Try again").click()
    expect(older).to_have_count(0)

"""Every view opens on its own address and tells in words what there is."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from tests.api.stand import Api
from tests.dashboard.looking import Looking, settle
from tests.dashboard.views import address_of

WORDS = {
    "overview": ("Success rate", "Average duration", "Broken now", "platform/search", "Waiting", "margaret"),
    "waterfall": ("e2e", "integration", "chromium", "Waiting"),
    "triage": ("e2e", "platform/search", "relevance", "main"),
    "pipelines": ("mobile/android", "mobile/ios", "deploy", "acme/payments"),
    "sources": ("acme/*", "platform/search", "502 Bad Gateway"),
    "alerts": ("e2e", "platform/search", "main"),
    "build": ("e2e", "chromium", "firefox", "Timed out after 30000 ms waiting for the button", "Failed"),
    "pipeline": ("e2e", "acme/storefront", "Failed"),
    "incident": ("e2e", "main", "acme/storefront"),
}


@pytest.mark.parametrize("view", WORDS)
def test_a_view_tells_what_there_is(visit: Callable[..., Page], engine: Engine, view: str) -> None:
    page = visit(address_of(view, engine))

    for words in WORDS[view]:
        expect(page.get_by_role("main")).to_contain_text(words)


def test_what_is_asked_before_the_page_is_drawn_is_what_the_view_asks(looking: Looking) -> None:
    asked: list[str] = []
    page = looking.open()
    page.on("request", lambda request: asked.append(request.url.removeprefix(looking.address)))

    page.goto("/?window=7d&branch=main&status=failed&broken=all&provider=github")
    settle(page)

    questions = ("/api/metrics/overview?", "/api/builds?", "/api/incidents?")
    ahead = asked.index(next(url for url in asked if url.startswith("/api/session")))
    for question in questions:
        found = [place for place, url in enumerate(asked) if url.startswith(question)]
        assert found[0] < ahead
        assert len({asked[place] for place in found}) == 1


def test_somebody_chosen_sees_their_own_builds_and_is_known_next_time(visit: Callable[..., Page]) -> None:
    page = visit("/me")
    page.get_by_role("button", name="Choose your name").click()
    page.get_by_role("combobox", name="Choose your name").fill("ada")
    page.get_by_role("option", name="ada").click()

    waiting = page.get_by_role("region", name="Waiting for approval")
    expect(waiting).to_contain_text("deploy")
    page.reload()
    expect(waiting).to_contain_text("deploy")


def test_the_navigation_leads_to_every_view_and_keeps_what_is_looked_at(visit: Callable[..., Page]) -> None:
    page = visit("/?repository=acme%2Fpayments&window=7d")
    views = page.get_by_role("navigation", name="Views")
    titles = views.get_by_role("link").all_inner_texts()

    for title in titles:
        views.get_by_role("link", name=title).click()
        expect(views.get_by_role("link", name=title)).to_have_attribute("aria-current", "page")
        expect(page).to_have_url(re.compile(r"repository=acme%2Fpayments.*window=7d"))
    assert titles == ["Overview", "Waterfall", "Triage", "My builds", "Pipelines", "Sources", "Alerts"]


def test_a_build_is_opened_from_its_row_and_the_way_back_finds_the_same_table(visit: Callable[..., Page]) -> None:
    page = visit("/?status=failed")
    first = page.get_by_role("grid", name="Builds").locator("[data-build]").first
    build = first.get_attribute("data-build")

    first.click()
    expect(page).to_have_url(re.compile(rf"/builds/{build}\b"))
    page.go_back()

    expect(first).to_have_attribute("data-build", str(build))


def test_an_address_of_nothing_says_so(looking: Looking) -> None:
    looking.forgive("404")
    page = looking.open()
    page.goto("/builds/999999999")

    expect(page.get_by_role("main")).to_contain_text("There is no such build")


def test_a_wall_shows_the_view_alone(visit: Callable[..., Page]) -> None:
    page = visit("/?kiosk", width=2560, height=1440)

    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("main")).to_contain_text("Success rate")


def test_a_theme_that_is_chosen_stays(visit: Callable[..., Page]) -> None:
    page = visit("/", theme="light")
    page.get_by_role("button", name="Appearance and keys").click()

    page.get_by_role("radio", name="Dark").click()
    page.reload()

    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_page_allows_no_script_but_its_own_and_no_frame_around_it(visit: Callable[..., Page], api: Api) -> None:
    page = visit("/")
    answer = page.request.get(f"http://{api.address}/")

    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy or "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"]


def test_an_error_in_the_page_is_counted_by_the_server(visit: Callable[..., Page], api: Api, looking: Looking) -> None:
    looking.forgive("a mistake of ours")
    page = visit("/")

    with page.expect_response("**/api/client-errors") as told:
        page.evaluate("setTimeout(() => { throw new Error('a mistake of ours'); }, 0)")

    assert told.value.status == 204
    _, metrics = api.get("/metrics")
    counted = re.findall(rb"^observatory_client_errors_total\{[^}]*\} ([1-9])", metrics, re.MULTILINE)
    assert counted == [b"1"]

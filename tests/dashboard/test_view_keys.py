"""The keys of single views: triage, pipelines, alerts, sources, and a build with several attempts."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.keys import Scope, create_key
from tests.dashboard.looking import Looking
from tests.dashboard.test_keys import press, sheet
from tests.dashboard.world import find

ELSEWHERE = re.compile(r"^https://")
"""The page itself is served by http on this machine."""

TABS = [
    (1, "Incidents", "Open incidents"),
    (2, "Routes", "payments-at-night"),
    (3, "Receivers", "on-call"),
    (4, "Silences", "The signing key is renewed until Monday"),
    (5, "Deliveries", "Slack answered 404 no_service"),
]

_TWICE = "SELECT id FROM builds WHERE attempt = 2 ORDER BY id DESC LIMIT 1"


def opened_by(page: Page, key: str) -> str:
    """The address of the window that a key opens; nobody is really asked."""

    def answer(route: Route) -> None:
        route.fulfill(body="at the provider")

    page.context.route(ELSEWHERE, answer)
    with page.context.expect_page() as opened:
        page.keyboard.press(key)
    opened.value.wait_for_url(ELSEWHERE)
    return opened.value.url


def test_triage_is_walked_by_n_and_p(visit: Callable[..., Page]) -> None:
    page = visit("/triage?branches=all")
    rows = page.get_by_role("list", name="Broken now, longest first").get_by_role("link")
    expect(rows.nth(0)).to_have_attribute("aria-current", "true")

    press(page, "n")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    expect(rows.nth(1)).to_be_focused()
    expect(page.get_by_role("main").get_by_role("heading", level=2).first).to_have_text(
        rows.nth(1).locator("strong").inner_text()
    )
    press(page, "p", "p")

    expect(rows.nth(0)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("keys", [(), ("n",)])
def test_enter_leads_to_the_whole_story_of_the_incident(visit: Callable[..., Page], keys: tuple[str, ...]) -> None:
    page = visit("/triage?branches=all")
    row = page.get_by_role("list", name="Broken now, longest first").get_by_role("link").nth(len(keys))
    incident = re.search(r"incident=(\d+)", row.get_attribute("href") or "")
    assert incident is not None

    press(page, *keys)
    expect(row).to_have_attribute("aria-current", "true")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/incidents/{incident[1]}\b"))


def test_o_opens_the_last_failure_of_the_incident_at_the_provider(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/triage")
    chosen = page.get_by_role("list", name="Broken now, longest first").locator("[aria-current]")
    incident = re.search(r"incident=(\d+)", chosen.get_attribute("href") or "")
    assert incident is not None
    last = "SELECT b.web_url FROM incidents i JOIN builds b ON b.id = i.last_bad_build_id WHERE i.id = :id"

    url = opened_by(page, "o")

    with engine.connect() as connection:
        assert url == connection.execute(text(last), {"id": int(incident[1])}).scalar_one()


def test_failed_jobs_are_walked_and_opened_by_the_same_keys(visit: Callable[..., Page]) -> None:
    page = visit("/triage?by=jobs&window=7d")
    rows = page.get_by_role("list", name="Failed jobs, most failures first").get_by_role("link")

    press(page, "n")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    newest = page.get_by_role("table").get_by_role("row").nth(1)
    link = newest.get_by_title(re.compile("Open at"))
    expect(link).to_be_visible()
    press(page, "p")
    expect(rows.nth(0)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("main").get_by_role("heading", level=2).first).to_have_text(
        rows.nth(0).locator("strong").inner_text()
    )
    expect(link).to_be_visible()

    assert re.fullmatch(r"https://[\w./]+/runs/\d+", opened_by(page, "o"))


def test_pipelines_are_narrowed_by_b_and_grouped_by_g(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/pipelines")
    rows = page.get_by_role("table", name="Pipelines").locator("tr[data-pipeline]")
    everything = find(engine, "SELECT count(*) FROM pipelines")
    expect(rows).to_have_count(everything)

    press(page, "b")
    expect(page.get_by_role("button", name=re.compile("^Broken"))).to_have_attribute("aria-pressed", "true")
    expect(rows.filter(has_text="e2e")).to_have_count(1)
    assert 0 < rows.count() < everything
    press(page, "b")
    expect(rows).to_have_count(everything)

    groups = page.locator("th[scope=rowgroup]")
    expect(groups).to_have_count(0)
    press(page, "g")
    expect(groups.filter(has_text="acme/storefront")).to_contain_text("3 pipelines")
    press(page, "g")
    expect(groups).to_have_count(0)


@pytest.mark.parametrize(("number", "tab", "words"), TABS)
def test_a_number_leads_to_a_part_of_the_alerts(visit: Callable[..., Page], number: int, tab: str, words: str) -> None:
    page = visit("/alerts?tab=routes" if number == 1 else "/alerts")

    press(page, str(number))

    link = page.get_by_role("navigation", name="Alerts").get_by_role("link", name=tab)
    expect(link).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("main")).to_contain_text(words)


def test_p_polls_every_source(visit: Callable[..., Page], looking: Looking, engine: Engine) -> None:
    looking.forgive("401")
    with Session(engine) as session, session.begin():
        key = create_key(session, "ada", [Scope.READ, Scope.COLLECT], utc_now())
    page = visit("/sources")

    press(page, "p")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Sign in and go on").click()
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("3 sources are polled now")

    assert find(engine, "SELECT count(*) FROM sources WHERE requested_at IS NULL") == 0


def built_twice(looking: Looking, engine: Engine, *, height: int = 900) -> Page:
    """The page of a build with two attempts; its log is asked for in vain, since nobody collects here."""
    page = looking.open(height=height)
    page.goto(f"/builds/{find(engine, _TWICE)}")
    jobs = page.get_by_role("region", name="Jobs")
    expect(jobs).to_be_visible()
    expect(jobs.locator(".skeleton")).to_have_count(0)
    return page


def test_l_leads_to_the_log_of_a_build(looking: Looking, engine: Engine) -> None:
    page = built_twice(looking, engine, height=500)
    log = page.get_by_role("region", name="Log", exact=True)
    expect(log).to_be_attached()
    expect(log).not_to_be_in_viewport()

    press(page, "l")

    expect(log).to_be_in_viewport()


def test_a_number_shows_the_attempt_of_that_number(looking: Looking, engine: Engine) -> None:
    page = built_twice(looking, engine)
    assert sheet(page)["Attempt 1"] == ["1"]

    press(page, "1")
    expect(page).to_have_url(re.compile(r"attempt=1\b"))
    expect(page.get_by_role("region", name="Jobs")).to_contain_text("Failed")
    press(page, "2")

    expect(page).not_to_have_url(re.compile("attempt="))
    expect(page.get_by_role("region", name="Jobs")).not_to_contain_text("Failed")

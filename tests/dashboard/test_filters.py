"""The table of builds: each filter narrows it to what the database says, stands in the address and stays there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, text

from tests.dashboard.looking import Looking
from tests.dashboard.views import address_of

FEW = 6

_NEWEST = """
    SELECT b.id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = b.project_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE b.queued_at > now() - interval '23 hours' AND {condition} ORDER BY b.queued_at DESC, b.id DESC LIMIT {few}
"""


@dataclass(frozen=True)
class Filter:
    """How a person sets it, what stands in the address then, and what it means in the database."""

    label: str
    value: str
    parameter: str
    condition: str
    said: str | None = None


PROVIDER = Filter("Provider", "gitlab", "provider", "i.provider = 'gitlab'")
FOUND = (
    Filter("Instance", "ci.acme.test", "instance", "i.name = 'ci.acme.test'"),
    Filter("Project", "mobile", "project", "j.key = 'mobile'"),
    Filter("Repository", "acme/payments", "repository", "r.name = 'acme/payments'"),
    Filter("Branch", "taxes-early", "branch", "b.branch = 'taxes-early'"),
    Filter("Author", "grace", "author", "b.author = 'grace'"),
)


def newest(engine: Engine, condition: str) -> list[str]:
    with engine.connect() as connection:
        found = connection.execute(text(_NEWEST.format(condition=condition, few=FEW))).scalars().all()
    assert found, condition
    return [str(each) for each in found]


def table(page: Page) -> Locator:
    return page.get_by_role("grid", name="Builds")


def expect_rows(page: Page, ids: list[str]) -> None:
    """The first rows are these builds, and the table has no others where these are all."""
    rows = table(page).locator("[data-build]")
    for place, one in enumerate(ids):
        expect(rows.nth(place)).to_have_attribute("data-build", one)
    if len(ids) < FEW:
        expect(rows).to_have_count(len(ids))


def parameters(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def expect_to_stay(page: Page, engine: Engine, wanted: Filter) -> None:
    """It narrowed the table, stands in the address, survives a reload, and goes when its chip is taken away."""
    ids = newest(engine, wanted.condition)
    expect_rows(page, ids)
    assert parameters(page)[wanted.parameter] == wanted.value
    page.reload()
    expect_rows(page, ids)
    page.get_by_role("list", name="Filters that are set").get_by_role("button", name="Remove the filter").click()
    expect_rows(page, newest(engine, "true"))
    assert wanted.parameter not in parameters(page)


def test_a_filter_that_is_chosen_narrows_the_table(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")
    page.get_by_role("button", name="Filter", exact=True).click()

    page.locator(".menu:popover-open").get_by_label(PROVIDER.label).select_option(PROVIDER.value)

    expect_to_stay(page, engine, PROVIDER)


def look_for(page: Page, label: str, words: str) -> Locator:
    """Type into the choice of a filter; returns what is offered for that."""
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator(".filters-fields").get_by_role("button", name=f"{label}:").click()
    choice = page.get_by_role("dialog", name=label)
    choice.get_by_role("combobox").fill(words)
    return choice.get_by_role("option")


@pytest.mark.parametrize("wanted", FOUND, ids=lambda one: one.parameter)
def test_a_filter_is_found_by_a_part_of_its_name(visit: Callable[..., Page], engine: Engine, wanted: Filter) -> None:
    page = visit("/")

    offered = look_for(page, wanted.label, wanted.value[1:-1])
    expect(offered.filter(has_text=re.compile(rf"^{re.escape(wanted.value)}(default|GitHub)?$"))).to_have_count(1)
    page.keyboard.press("Enter")

    expect_to_stay(page, engine, wanted)


def test_a_branch_that_nobody_knows_can_be_asked_for(visit: Callable[..., Page]) -> None:
    page = visit("/")

    expect(look_for(page, "Branch", "no-such, branch")).to_contain_text(["as typed"])
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_contain_text("No build matches")
    assert parameters(page)["branch"] == "no-such\\, branch"


def test_several_at_once_in_the_address_are_not_offered_as_one(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/?instance=github.com,ci.acme.test&provider=github,jenkins")

    offered = look_for(page, "Instance", "")
    expect(offered).to_have_text(["Any", "ci.acme.test", "github.com", "gitlab.com"])
    shown = page.locator(".menu").get_by_label(PROVIDER.label).locator("option:checked")
    expect(shown).to_have_text("GitHub, Jenkins")

    assert parameters(page)["instance"] == "github.com,ci.acme.test"
    expect_rows(page, newest(engine, "i.name IN ('github.com', 'ci.acme.test')"))


@pytest.mark.parametrize(("label", "path"), [("Branch", "branches"), ("Project", "projects"), ("Author", "authors")])
def test_choices_that_cannot_be_fetched_say_so(looking: Looking, label: str, path: str) -> None:
    looking.forgive("400")
    page = looking.open()
    page.route(re.compile(f"/api/{path}"), lambda route: route.fulfill(status=400, body="{}"))
    page.goto("/")

    look_for(page, label, "gra")

    expect(page.get_by_role("dialog", name=label)).to_contain_text("They could not be fetched.")


def test_a_commit_leads_to_every_build_of_it_whenever_it_was(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit(address_of("build", engine))
    commit = page.locator(".build-facts code")
    short = commit.inner_text()

    commit.click()

    with engine.connect() as connection:
        statement = "SELECT id FROM builds WHERE commit_sha LIKE :sha ORDER BY queued_at DESC, id DESC LIMIT :few"
        ids = connection.execute(text(statement), {"sha": f"{short}%", "few": FEW}).scalars().all()
    expect_rows(page, [str(one) for one in ids])
    assert parameters(page)["from"] == "ever"


def test_statuses_are_ticked_several_at_once(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")
    page.get_by_role("button", name="Status").click()
    page.get_by_role("checkbox", name="Failed").check()
    page.get_by_role("checkbox", name="Cancelled").check()
    ids = newest(engine, "b.status IN ('failed', 'cancelled')")

    expect_rows(page, ids)
    assert parameters(page)["status"] == "failed,cancelled"
    page.reload()
    expect_rows(page, ids)
    expect(page.get_by_role("list", name="Filters that are set").get_by_role("listitem")).to_have_count(3)
    page.get_by_role("button", name="Clear all").click()
    expect_rows(page, newest(engine, "true"))


def test_a_search_finds_words_of_a_commit(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")

    page.get_by_role("searchbox", name="Search builds").fill("browser driver")

    expect_to_stay(
        page,
        engine,
        Filter("", "browser driver", "q", "b.commit_message = 'Upgrade the browser driver'"),
    )


def test_a_span_of_time_narrows_the_table(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")
    with engine.connect() as connection:
        at = connection.execute(text("SELECT to_char(now() - interval '6 hours', 'YYYY-MM-DD\"T\"HH24:MI')")).scalar()
    page.get_by_role("button", name="Filter", exact=True).click()

    page.locator(".menu:popover-open").get_by_label("Queued until").fill(str(at))

    ids = newest(engine, f"b.queued_at < timestamp '{at}' AT TIME ZONE 'UTC'")
    expect_rows(page, ids)
    assert parameters(page)["to"].startswith(str(at))
    page.reload()
    expect_rows(page, ids)


def test_a_span_that_ends_before_it_begins_is_not_asked_for(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("button", name="Filter", exact=True).click()
    menu = page.locator(".menu:popover-open")
    menu.get_by_label("Queued from").fill("2026-11-20T13:05")
    menu.get_by_label("Queued until").fill("2026-11-20T12:00")

    expect(menu.get_by_role("alert")).to_have_text("Must be after “Queued from”.")
    assert "to=" not in page.url


def test_a_step_back_undoes_a_choice(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("button", name="Status").click()
    page.get_by_label("Failed").check()
    expect(page).to_have_url(re.compile("status=failed"))

    page.go_back()

    expect(page).not_to_have_url(re.compile("status="))
    expect(page.get_by_role("list", name="Filters that are set")).to_have_count(0)


def test_the_window_of_the_header_holds_for_figures_and_table(visit: Callable[..., Page]) -> None:
    page = visit("/")
    builds = page.get_by_role("region", name="Outcomes").get_by_text("builds by when they were queued")
    day = int(builds.inner_text().split()[0].replace(",", ""))

    page.get_by_label("Window of time").select_option("7d")

    expect(builds).not_to_have_text(f"{day} builds by when they were queued")
    assert int(builds.inner_text().split()[0].replace(",", "")) > day
    assert parameters(page)["window"] == "7d"


def test_a_figure_leads_to_exactly_the_builds_behind_it(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/")

    page.get_by_role("list", name="Builds by status").get_by_role("link", name="Failed").click()

    expect_rows(page, newest(engine, "b.status = 'failed'"))
    assert parameters(page)["status"] == "failed"


def test_a_filter_can_be_kept_and_taken_up_again(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/?author=ada&status=failed")
    page.get_by_role("button", name="Saved filters").click()
    page.get_by_label("Save the filters that are set as").fill("What I broke")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto("/")

    page.get_by_role("button", name="Saved filters").click()
    page.get_by_role("button", name="What I broke", exact=True).click()

    assert parameters(page) == {"author": "ada", "status": "failed"}


def test_a_filter_kept_elsewhere_sets_nothing_on_a_pipelines_page_that_it_does_not_show(
    visit: Callable[..., Page], engine: Engine
) -> None:
    page = visit("/?repository=acme%2Fpayments&pipeline_id=1&status=failed&author=ada")
    page.get_by_role("button", name="Saved filters").click()
    page.get_by_label("Save the filters that are set as").fill("Payments by ada")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(address_of("pipeline", engine))

    page.get_by_role("button", name="Saved filters").click()
    kept = page.get_by_role("button", name="Payments by ada", exact=True)
    kept.click()

    expect(kept).to_have_attribute("aria-pressed", "true")
    assert parameters(page) == {"author": "ada", "status": "failed"}
    said = page.get_by_role("list", name="Filters that are set").get_by_role("listitem")
    expect(said).to_have_text([re.compile("Failed"), re.compile("ada"), "Clear all"])


def test_what_is_shown_can_be_taken_along(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/?status=failed&branch=main")
    page.get_by_role("button", name="Export").click()

    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()

    lines = saved.value.path().read_text().splitlines()
    assert len(newest(engine, "b.status = 'failed' AND b.branch = 'main'")) <= len(lines) - 1
    assert all(",failed," in line for line in lines[1:])

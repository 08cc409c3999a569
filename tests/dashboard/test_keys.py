"""Every key that the sheet behind `?` names does what it says."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from tests.dashboard.views import address_of

WAYS = [(1, "/"), (2, "/waterfall"), (3, "/triage"), (4, "/me"), (5, "/pipelines"), (6, "/sources"), (7, "/alerts")]


def press(page: Page, *keys: str) -> None:
    page.locator("body").press("Escape")
    for key in keys:
        page.keyboard.press(key)


def sheet(page: Page) -> dict[str, list[str]]:
    """What the sheet says: the keys by their words."""
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys")
    said = {
        row.locator("dt").inner_text(): row.locator("kbd").all_inner_texts() for row in dialog.locator("dl > div").all()
    }
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return said


def test_the_sheet_names_the_keys_of_everywhere_and_of_the_view(visit: Callable[..., Page]) -> None:
    said = sheet(visit("/"))

    assert said["Refresh the data"] == ["r", "Ctrl+R"]
    assert said["Switch between light and dark"] == ["t", "Ctrl+T"]
    assert said["Next build"] == ["j"]
    assert said["Waterfall"] == ["Alt+2"]


def test_searching_is_the_browsers_where_a_view_has_no_field_for_it(visit: Callable[..., Page]) -> None:
    page = visit("/alerts")
    page.evaluate("addEventListener('keydown', (event) => { window.isTaken = event.defaultPrevented; })")

    press(page, "Control+f")

    assert page.evaluate("window.isTaken") is False
    assert "Search" not in sheet(page)


@pytest.mark.parametrize(("number", "path"), WAYS)
def test_alt_and_a_number_lead_to_a_view(visit: Callable[..., Page], number: int, path: str) -> None:
    page = visit("/sources" if path == "/" else "/")

    press(page, f"Alt+{number}")

    expect(page).to_have_url(re.compile(rf"{path}(\?|$)"))


@pytest.mark.parametrize("key", ["r", "Control+r"])
def test_r_asks_for_everything_again_without_loading_the_page(visit: Callable[..., Page], key: str) -> None:
    page = visit("/")
    page.evaluate("window.isStillHere = true")

    with page.expect_response("**/api/metrics/overview*"), page.expect_response(re.compile("/api/builds\\?")):
        press(page, key)

    assert page.evaluate("window.isStillHere")


@pytest.mark.parametrize("key", ["/", "Control+f"])
def test_a_slash_leads_to_the_search(visit: Callable[..., Page], key: str) -> None:
    page = visit("/")

    press(page, key)

    expect(page.get_by_role("searchbox", name="Search builds")).to_be_focused()


def test_t_switches_between_light_and_dark(visit: Callable[..., Page]) -> None:
    page = visit("/", theme="light")
    scheme = "getComputedStyle(document.documentElement).colorScheme"

    press(page, "t")
    first = page.evaluate(scheme)
    press(page, "t")

    assert (first, page.evaluate(scheme)) == ("dark", "light")


def test_letters_typed_into_a_field_are_letters(visit: Callable[..., Page]) -> None:
    page = visit("/", theme="light")

    page.get_by_role("searchbox", name="Search builds").press_sequentially("rt?/j")

    expect(page.get_by_role("searchbox", name="Search builds")).to_have_value("rt?/j")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_browsers_own_keys_can_be_left_to_it(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("button", name="Appearance and keys").click()
    page.get_by_label("Leave Ctrl+R and Ctrl+F to the browser").check()

    press(page, "Control+f")

    expect(page.get_by_role("searchbox", name="Search builds")).not_to_be_focused()


def test_j_and_k_walk_the_builds_and_enter_opens_one(visit: Callable[..., Page]) -> None:
    page = visit("/")
    builds = page.get_by_role("grid", name="Builds").locator("[data-build]")
    second = builds.nth(1).get_attribute("data-build")

    press(page, "j", "j", "j", "k")
    expect(builds.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/builds/{second}\b"))


def test_the_waterfall_is_narrowed_walked_and_opened_by_keys(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall")

    press(page, "h")
    expect(page.get_by_role("button", name="Hide green")).to_have_attribute("aria-pressed", "true")
    press(page, "h", "u")
    expect(page.get_by_role("button", name="Hide never run")).to_have_attribute("aria-pressed", "true")
    press(page, "u", "e")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    cell = page.get_by_role("grid", name="Commits by pipelines and jobs").locator("td[tabindex='0']")
    cell.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("tr[data-row='1'] td:focus")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator("tr[data-row='1'] td[data-column='1']:focus")).to_have_count(1)


def test_a_build_is_read_by_keys(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit(address_of("build", engine))
    expect(page.get_by_role("main")).to_contain_text("Timed out after 30000 ms")

    press(page, "/")
    field = page.get_by_role("searchbox", name="Search the log")
    expect(field).to_be_focused()
    field.fill("step 4")
    expect(page.get_by_role("main")).to_contain_text("9 lines")
    page.locator("body").click(position={"x": 2, "y": 300})
    page.keyboard.press("n")
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"\d+ of 9 lines"))
    press(page, "w")
    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", re.compile("true|false"))

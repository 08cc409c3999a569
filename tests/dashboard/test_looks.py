"""What a style decides and somebody once stumbled over: what is seen, what stands inside its box, what lines up."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, text

from tests.dashboard.looking import Looking, Theme

NARROWEST_DATE = 240
# Of lightness, which runs from 0 to 1.
VISIBLE = 0.04
_LIGHTNESS = """
(element) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = getComputedStyle(element).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
"""
_BACKGROUND = "element => getComputedStyle(element).backgroundColor"


def bottom_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def heights_of(elements: Locator) -> set[int]:
    return {round(height) for height in elements.evaluate_all("all => all.map((one) => one.clientHeight)")}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_place_of_the_keyboard_in_a_dropdown_is_seen(looking: Looking, theme: Theme) -> None:
    page = looking.visit("/", theme=theme)
    page.locator(".selectors .combobox").first.click()
    here = page.locator(".combobox-list [data-here]")

    expect(here).to_be_visible()

    menu = page.locator(".combobox-menu:popover-open")
    assert abs(here.evaluate(_LIGHTNESS) - menu.evaluate(_LIGHTNESS)) >= VISIBLE


def test_a_date_to_filter_by_has_room_for_its_time(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("button", name="Filter", exact=True).click()

    widths = page.locator("input[type=datetime-local]").evaluate_all("all => all.map((one) => one.clientWidth)")

    assert [width > NARROWEST_DATE for width in widths] == [True, True]


def test_a_button_that_cannot_be_pressed_looks_so(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall?repository=acme%2Fstorefront")
    page.keyboard.press("e")
    keep = page.get_by_role("button", name="Keep these groups")
    enabled = keep.evaluate(_BACKGROUND)

    page.get_by_role("textbox", name="Groups").fill("no name")

    expect(keep).to_be_disabled()
    assert keep.evaluate(_BACKGROUND) != enabled


def test_how_many_times_the_usual_stands_within_its_row(visit: Callable[..., Page]) -> None:
    page = visit("/")
    words = page.locator(".builds-times").first
    expect(words).to_be_visible()

    row = page.locator(".builds-row").filter(has=words).first

    assert bottom_of(words) <= bottom_of(row) - 6


def test_on_a_wide_screen_the_charts_are_as_high_as_what_is_broken(visit: Callable[..., Page]) -> None:
    page = visit("/?broken=all", width=1920, height=1080)
    broken = bottom_of(page.locator(".overview-broken"))

    charts = [bottom_of(chart) for chart in page.locator(".overview-chart").all()]

    assert charts == pytest.approx([broken, broken], abs=1)


def test_a_line_below_a_row_of_pipelines_goes_from_edge_to_edge(visit: Callable[..., Page]) -> None:
    page = visit("/pipelines?group=repository")
    rows = page.locator(".pipelines-table tbody > tr")

    lines = rows.evaluate_all(
        "all => all.map((row) => [...row.cells].map((c) => getComputedStyle(c).borderBottomWidth))"
    )

    assert {len(set(widths)) for widths in lines} == {1}


def test_incidents_that_flapped_are_in_rows_as_high_as_the_others(looking: Looking, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE incidents SET flaps = 21 WHERE id = (SELECT max(id) FROM incidents WHERE fixed_at IS NULL)")
        )

    page = looking.visit("/alerts")

    expect(page.get_by_role("button", name="21 flaps")).to_be_visible()
    assert len(heights_of(page.locator(".alerts-incidents tbody > tr"))) == 1


def test_where_no_build_matches_the_filters_are_cleared_by_a_button(visit: Callable[..., Page]) -> None:
    page = visit("/?q=nothing+is+called+so&status=failed")

    page.get_by_role("button", name="Clear the filters").click()

    expect(page.get_by_role("grid", name="Builds").locator("[data-build]").first).to_be_visible()
    assert "?" not in page.url


def test_a_wall_says_what_is_filtered_and_asks_for_no_press(visit: Callable[..., Page]) -> None:
    page = visit("/?kiosk=1&status=failed")
    filters = page.locator(".filters")

    expect(filters).to_contain_text("Status Failed")
    expect(filters.get_by_role("button")).to_have_count(0)
    expect(filters.get_by_role("searchbox")).to_have_count(0)


def test_commits_of_several_repositories_say_of_which(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall")
    commits = page.locator(".waterfall-commit")
    expect(commits.filter(has_text="acme/payments").first).to_be_visible()
    expect(commits.filter(has_text="acme/storefront").first).to_be_visible()

    page.goto("/waterfall?repository=acme%2Fstorefront")

    expect(commits.first).to_be_visible()
    expect(page.locator(".waterfall-repository")).to_have_count(0)

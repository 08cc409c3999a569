"""Every view in both themes: axe, the checker of the accessibility rules, finds nothing; and it fits every screen."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route
from sqlalchemy import Engine

from tests.dashboard.looking import Looking, Theme, too_wide
from tests.dashboard.views import NAMES, address_of

AXE = (Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js").read_text()

ANSWERS = re.compile(r"/api/(metrics/overview|builds)\?")

RUN = """
() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
  .then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any.map((one) => one.message).join("; ")}`)))
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", NAMES)
def test_a_view_breaks_no_rule_and_fits_a_telephone_a_desk_and_a_wall(
    visit: Callable[..., Page], engine: Engine, view: str, theme: str
) -> None:
    page = visit(address_of(view, engine), theme=theme, person="ada")
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""
    assert too_wide(page, 375, 1440, 2560) == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["/", "/waterfall"])
def test_what_is_still_of_the_former_window_breaks_no_rule(looking: Looking, view: str, theme: Theme) -> None:
    page = looking.visit(view, theme=theme)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(ANSWERS, hold)
    page.get_by_role("combobox", name="Window of time").select_option("7d")
    page.locator(".answer[aria-busy=true]").first.wait_for()
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""
    for route in held:
        route.continue_()
    page.unroute(ANSWERS)


# The checker knows nothing of filters: how far each tone's ink is from its grounds without its colour.
_GREY = """
() => {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const probe = document.body.appendChild(document.createElement("i"));
  const luminance = (name) => {
    probe.style.color = `var(--${name})`;
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
    const grey = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
    return grey <= 0.04045 ? grey / 12.92 : ((grey + 0.055) / 1.055) ** 2.4;
  };
  const contrast = (ink, ground) => {
    const [dark, light] = [luminance(ink), luminance(ground)].sort((one, other) => one - other);
    return [`${ink} on ${ground}`, (light + 0.05) / (dark + 0.05)];
  };
  const tones = ["good", "bad", "late", "busy", "held", "none"];
  const inks = ["quiet", "accent", ...tones];
  const plain = inks.flatMap((ink) => ["panel", "hover"].map((ground) => contrast(ink, ground)));
  return Object.fromEntries([...plain, ...tones.map((tone) => contrast(tone, `${tone}-soft`))]);
}
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_ink_is_read_without_its_colour(visit: Callable[..., Page], theme: Theme) -> None:
    found: dict[str, float] = visit("/", theme=theme).evaluate(_GREY)

    assert len(found) == 22
    assert {name: ratio for name, ratio in found.items() if not 4.5 <= ratio < 21} == {}


def test_the_sheet_of_keys_breaks_no_rule(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""


def test_who_has_not_said_who_they_are_is_asked_by_the_rules(visit: Callable[..., Page]) -> None:
    page = visit("/me")
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""


def test_a_telephone_breaks_no_rule(visit: Callable[..., Page]) -> None:
    # As long as the page: of what the bar at the bottom covers by chance, axe would take the rest for its size.
    page = visit("/", width=375, height=3000)
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""

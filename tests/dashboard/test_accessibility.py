"""Every view in both themes: axe, the checker of the accessibility rules, finds nothing; and it fits every screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine

from tests.dashboard.looking import too_wide
from tests.dashboard.views import NAMES, address_of

AXE = (Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js").read_text()

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
    page = visit("/", width=375)
    page.evaluate(AXE)

    assert "\n".join(page.evaluate(RUN)) == ""

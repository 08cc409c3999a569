"""What a newcomer has to be told stands on the page in words, not in an icon or a tooltip alone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text

from tests.dashboard.views import address_of


@pytest.fixture
def flapping(engine: Engine) -> Iterator[None]:
    """Let the incident of the end-to-end tests flap."""
    e2e = "fixed_at IS NULL AND branch = 'main' AND pipeline_id = (SELECT id FROM pipelines WHERE name = 'e2e')"
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE incidents SET status = 'flapping', flaps = 2 WHERE {e2e}"))
    yield
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE incidents SET status = 'broken', flaps = 0 WHERE {e2e}"))


def test_what_flapping_means_is_told_to_who_has_no_mouse(visit: Callable[..., Page], flapping: None) -> None:
    page = visit("/")

    page.locator(".overview-incident").get_by_role("button", name="flapping").press("Enter")

    expect(page.get_by_text("three in a row end it")).to_be_visible()


def test_what_is_broken_now_says_what_counts_who_it_was_and_which_job(visit: Callable[..., Page]) -> None:
    page = visit("/")
    row = page.locator(".overview-incident", has=page.get_by_role("link", name="e2e", exact=True))

    expect(page.get_by_text("Open incidents on default branches")).to_be_visible()
    expect(row.get_by_title("Job that failed first: firefox")).to_contain_text("commit by ")
    expect(row).to_contain_text("failures, last ")


@pytest.mark.parametrize("width", [1280, 375])
def test_the_waterfall_names_its_outcomes(visit: Callable[..., Page], engine: Engine, width: int) -> None:
    page = visit(address_of("waterfall", engine), width=width)
    if width < 1216:
        page.get_by_role("button", name="Outcomes and durations").click()

    word = page.get_by_role("list", name="Builds by status").get_by_text("Succeeded")

    expect(word).to_be_visible()
    box = word.bounding_box()
    assert box is not None
    assert box["width"] > 30


def test_the_lag_of_a_source_says_of_what_time_it_is(visit: Callable[..., Page]) -> None:
    expect(visit("/sources").get_by_role("columnheader", name="Lag").first).to_contain_text("s median")

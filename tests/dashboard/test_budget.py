"""What the figures promise of the page's weight and of its rows, on a small world: every change is held to it."""

from collections.abc import Callable

from playwright.sync_api import Page

from benchmarks import dashboard_page

BYTES = 150_000
ROWS = 60


def test_the_overview_needs_no_more_script_than_promised(visit: Callable[..., Page]) -> None:
    assert 10_000 < dashboard_page.scripts(visit("/")) <= BYTES


def test_a_long_table_holds_few_rows_however_fast_it_is_scrolled(visit: Callable[..., Page]) -> None:
    page = visit("/?window=7d", height=1200)

    found = dashboard_page.scroll(page, 300, step=400, seconds=20)

    assert found.last >= 300
    assert 10 < found.most <= ROWS

"""A list that is shown can be taken along as a file, and the file has what is shown."""

import csv
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine, text

from tests.dashboard.looking import settle

_MINE = """
    SELECT id FROM builds WHERE author = 'ada' AND queued_at >= date_trunc('hour', now()) - interval '24 hours'
"""


@dataclass(frozen=True)
class Shown:
    """A list of a view: what exports it, and which attribute of its rows ends with their ids."""

    address: str
    words: str
    link: str
    rows: str
    attribute: str
    column: str = "id"


LISTS = (
    Shown("/alerts", "Export incidents", "CSV", "main tr[data-incident]", "data-incident"),
    Shown("/alerts?is_default_branch=true", "Export incidents", "CSV", "main tr[data-incident]", "data-incident"),
    Shown("/alerts?status=fixed", "Export incidents", "CSV", "main tr[data-incident]", "data-incident"),
    Shown("/triage", "Export incidents", "CSV", ".triage-row", "href"),
    Shown("/triage?branches=all", "Export incidents", "CSV", ".triage-row", "href"),
    Shown("/pipelines", "Export pipelines", "Pipelines: CSV", "tr[data-pipeline]", "data-pipeline"),
    Shown("/pipelines", "Export pipelines", "Figures: CSV", "tr[data-pipeline]", "data-pipeline", "pipeline_id"),
    Shown("/sources", "Export sources", "CSV", "tr[data-source]", "data-source"),
)


@pytest.mark.parametrize("shown", LISTS, ids=lambda shown: f"{shown.address} {shown.link}")
def test_a_list_is_taken_along_as_it_is_shown(visit: Callable[..., Page], shown: Shown) -> None:
    page = visit(shown.address)
    ids = [str(row.get_attribute(shown.attribute)).split("=")[-1] for row in page.locator(shown.rows).all()]

    taken = [row[shown.column] for row in exported(page, shown.words, shown.link)]

    assert ids
    assert sorted(taken) == sorted(ids)


def test_errors_are_taken_along_in_their_words(visit: Callable[..., Page]) -> None:
    page = visit("/sources")

    words = page.get_by_role("table", name="Errors of collecting").locator("tbody td:nth-of-type(2)").all_inner_texts()

    assert words
    assert [row["example"] for row in exported(page, "Export errors", "CSV")] == words


def test_my_builds_are_taken_along_all_of_them(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit("/me", person="ada")

    taken = {row["id"] for row in exported(page, "Export builds", "CSV")}

    with engine.connect() as connection:
        mine = {str(one) for one in connection.execute(text(_MINE)).scalars()}
    assert mine
    assert taken == mine


def exported(page: Page, words: str, link: str) -> list[dict[str, str]]:
    """The rows of the file that this link of this menu gives."""
    settle(page)
    page.get_by_role("button", name=words, exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("link", name=link).click()
    with saved.value.path().open(newline="") as file:
        return list(csv.DictReader(file))

"""The drawing of Slack in the docs shows what is sent, and is there."""

import re
from pathlib import Path

import pytest

from tests.alerts.slack_page import PICTURES, page
from tests.pictures import LARGEST_BYTES

FOLDER = Path(__file__).resolve().parents[2] / "docs/pictures"


def words_of(html: str) -> str:
    """What a reader sees."""
    return re.sub(r"<[^>]+>", " ", html.partition("<body>")[2])


def test_a_lone_break_shows_its_facts_under_a_red_bar() -> None:
    html = page(PICTURES["slack-broke"]())

    for seen in ("acme/checkout integration tests broke on main", "Round totals", "8 min 32 s, usually 4 min 47 s"):
        assert seen in words_of(html)
    assert "background:#c62828" in html
    assert "*" not in words_of(html)


def test_a_storm_shows_twenty_lines_and_how_many_more_there_are() -> None:
    shown = words_of(page(PICTURES["slack-storm"]()))

    assert shown.count("•") == 20
    assert "and 980 more" in shown


def test_a_conversation_shows_its_replies_below_a_message_that_turned_green() -> None:
    html = page(PICTURES["slack-thread"]())

    assert "background:#c62828" not in html
    assert re.search(
        r"\(edited\).*2 pipelines are fixed.*2 replies.*deploy is fixed on main", words_of(html), re.DOTALL
    )


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_in_the_docs_and_small(name: str) -> None:
    assert 0 < (FOLDER / f"{name}.png").stat().st_size <= LARGEST_BYTES

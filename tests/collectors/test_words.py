"""The documentation's tables of words are those of the code."""

from pathlib import Path

import pytest

from collectors import COLLECTORS
from collectors.words import renewed, table
from shared.status import Status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"


def test_the_page_says_what_the_code_does() -> None:
    page = PAGE.read_text()

    assert renewed(page) == page, "run python -m collectors.words docs/providers.md"


@pytest.mark.parametrize("kind", COLLECTORS)
def test_every_provider_has_its_words_on_the_page(kind: str) -> None:
    page = PAGE.read_text()

    assert f"<!-- words: {kind} -->\n\n{table(COLLECTORS[kind].words)}" in page
    for field in COLLECTORS[kind].words.values():
        assert field
        assert Status.UNKNOWN not in field.values()


def test_a_word_that_changes_changes_the_page() -> None:
    words = {"`status`": {"done": Status.SUCCEEDED, "broken": Status.FAILED, "red": Status.FAILED}}

    assert table(words) == "| ours | `status` |\n|---|---|\n| succeeded | `done` |\n| failed | `broken`, `red` |\n"

"""Cells: what a spreadsheet opens it shows, and what a program reads is what was written."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_text import cell, csv_lines
from shared.status import Status

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def parsed(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode(), newline="")))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://evil.example","x")',
        "+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "=",
        "-",
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe_in_front(text: str) -> None:
    assert parsed(csv_lines([["before", text]])) == [["before", f"'{text}"]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=4))
def test_no_text_begins_a_formula_and_all_of_it_is_read_again(texts: list[str]) -> None:
    (line,) = parsed(csv_lines([[*texts, "end"]]))

    assert not [text for text in line if text.startswith(FORMULAS)]
    assert [
        text[1:] if text.startswith("'") and text != given else text for text, given in zip(line, texts, strict=False)
    ] == texts


def test_numbers_stay_numbers() -> None:
    assert csv_lines([[-5, 0.25, -0.5, 10**15, 1e300]]) == b"-5,0.25,-0.5,1000000000000000,1e+300\r\n"


def test_nothing_flags_instants_and_words_have_one_form_each() -> None:
    in_berlin = datetime(2026, 11, 20, 13, 0, 0, 250000, tzinfo=timezone(timedelta(hours=1)))

    line = parsed(csv_lines([[None, True, False, in_berlin, datetime(2026, 1, 1, tzinfo=UTC), Status.TIMED_OUT]]))

    assert line == [["", "true", "false", "2026-11-20T12:00:00.250000Z", "2026-01-01T00:00:00Z", "timed_out"]]


def test_lists_and_objects_are_json() -> None:
    assert cell({"a": [1, None], "b": "é"}) == '{"a":[1,null],"b":"é"}'
    assert cell([]) == "[]"


def test_quotes_commas_and_line_ends_stay_within_their_cell() -> None:
    texts = ['say "no"', "a,b;c", "two\nlines", "two\r\nlines", " x ", "ünïcödé 🚀"]

    content = csv_lines([texts, texts])

    assert parsed(content) == [texts, texts]
    assert content.endswith(b"\r\n")
    assert not content.startswith(b"\xef\xbb\xbf")

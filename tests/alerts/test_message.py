"""What a message says, and that it is one clean line whatever a provider put in."""

import pytest

from alerts.message import in_words, is_link, one_line, parse_message, to_row
from tests.alerts.messages import a_message
from tests.factories import NOON, minutes


def test_a_title_is_a_sentence() -> None:
    assert a_message("broke").title == "acme/web ci broke on main"
    assert a_message("flapping", breaks=3).title == "acme/web ci is flapping on main"
    assert a_message("fixed").title == "acme/web ci is fixed on main"
    assert a_message(repository=None, pipeline="checkout").title == "checkout broke on main"
    assert a_message(repository="group/app", pipeline="group/app").title == "group/app broke on main"
    assert a_message(repository=None, pipeline="nightly", branch=None).title == "nightly broke"


def test_the_facts_leave_out_what_is_unknown() -> None:
    bare = a_message(commit_sha=None, commit_message=None, author=None, number=None, duration_seconds=None)

    assert [label for label, _ in bare.facts] == ["Status", "Pipeline", "Branch"]
    assert "Branch" not in dict(a_message(branch=None).facts)
    assert dict(a_message("fixed", attempt=2, is_unstable=True).facts) == {
        "Status": "succeeded (unstable)",
        "Pipeline": "acme/web ci",
        "Branch": "main",
        "Commit": "a1b2c3d4e5 Fix the login form",
        "Author": "ada",
        "Build": "#412 attempt 2",
        "Duration": "5 min",
        "Broken for": "2 h 10 min",
    }


def test_a_duration_is_told_beside_the_usual_one() -> None:
    assert dict(a_message(usual_seconds=250.4).facts)["Duration"] == "5 min, usually 4 min 10 s"
    assert "Duration" not in dict(a_message(duration_seconds=None, usual_seconds=250).facts)


def test_a_branch_that_flaps_is_told_with_how_often_it_broke_and_what_to_expect() -> None:
    facts = dict(a_message("flapping", breaks=3).facts)

    assert facts["Status"] == "failed"
    assert facts["Flapping"] == "broke 3 times within an hour; told again once it passes steadily"
    assert "Broken for" not in facts


def test_a_message_comes_back_from_its_row_as_it_was() -> None:
    message = a_message("fixed", broken_since=NOON - minutes(3), repository=None)

    assert parse_message(to_row(message)) == message


@pytest.mark.parametrize("row", [None, {}, [], {"kind": "melted"}])
def test_a_row_that_is_no_message_is_an_error(row: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_message(row)


def test_text_becomes_one_visible_line() -> None:
    assert one_line("a\r\nb\tc\x00\x1b[1m\u202ed\u2028e\ud800f\u200b", 100) == "a b c [1m d e f"
    assert one_line("👩\u200d💻 works", 100) == "👩\u200d💻 works"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com/x",
        "//example.com/x",
        "https://",
        "https://user:pass@example.com/",
        "https://example.com/a b",
        "https://example.com/>|x",
        "https://example.com/\u202ex",
        "https://[broken",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_only_plain_web_addresses_are_links(url: str) -> None:
    assert not is_link(url)
    assert url not in [found for _, found in a_message(web_url=url).links("https://builds.example.com")]


def test_links_lead_to_us_and_to_the_provider() -> None:
    assert a_message().links("https://builds.example.com/") == (
        ("Open in Build Observatory", "https://builds.example.com/api/builds/7"),
        ("Open on github.com", "https://github.com/acme/web/actions/runs/100"),
    )
    assert a_message(web_url=None).links("") == ()


def test_durations_are_said_in_two_units_at_most() -> None:
    assert [in_words(seconds) for seconds in (0, 45, 200, 7_800, 273_700)] == [
        "0 s",
        "45 s",
        "3 min 20 s",
        "2 h 10 min",
        "3 d 4 h",
    ]

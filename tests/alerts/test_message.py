"""What a message says, and that it is one clean line whatever a provider put in."""

import pytest

from alerts.message import clock_span, clock_time, in_words, is_link, one_line, parse_message, to_row
from shared.status import Status
from tests.alerts.messages import a_message, a_notice
from tests.factories import NOON, minutes


def test_a_title_is_a_sentence() -> None:
    assert a_message("broke").title == "acme/web ci broke on main"
    assert a_message("flapping", breaks=3).title == "acme/web ci is flapping on main"
    assert a_message("fixed").title == "acme/web ci is fixed on main"
    assert a_message("still_failing").title == "acme/web ci is still failing on main"
    assert a_message("recovered").title == "acme/web ci failed and recovered on main"
    assert a_message(repository=None, pipeline="checkout").title == "checkout broke on main"
    assert a_message(repository="group/app", pipeline="group/app").title == "group/app broke on main"
    assert a_message(repository=None, pipeline="nightly", branch=None).title == "nightly broke"


def test_the_raw_feed_says_what_the_build_came_to() -> None:
    titles = [a_message("transition", status=status).title for status in Status]

    assert len(set(titles)) == len(Status)
    assert "acme/web ci waits for a person on main" in titles
    assert "acme/web ci timed out on main" in titles
    assert "acme/web ci was cancelled on main" in titles


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
        "Broken": "2026-11-20 09:55\u201312:05 UTC, 2 h 10 min",
    }


def test_a_duration_is_told_beside_the_usual_one() -> None:
    assert dict(a_message(usual_seconds=250.4).facts)["Duration"] == "5 min, usually 4 min 10 s"
    assert "Duration" not in dict(a_message(duration_seconds=None, usual_seconds=250).facts)


def test_a_branch_that_flaps_is_told_with_how_often_it_broke_and_what_to_expect() -> None:
    facts = dict(a_message("flapping", breaks=3).facts)

    assert facts["Status"] == "failed"
    assert facts["Flapping"] == "broke 3 times within an hour; told again once it passes steadily"
    assert facts["Broken"] == "since 2026-11-20 12:05 UTC"


def test_what_is_still_failing_says_since_when_how_often_and_why_it_is_told() -> None:
    again = a_message("still_failing", failures=4, why="the silence by ada ended", timezone="Europe/Berlin")

    facts = dict(again.facts)
    assert facts["Broken"] == "since 2026-11-20 13:05 CET"
    assert facts["Failures"] == "4 in a row"
    assert facts["Why"] == "the silence by ada ended"
    assert "Failures" not in dict(a_message(failures=1).facts)
    assert "Broken" not in dict(a_message().facts)


def test_what_recovered_before_it_was_told_says_from_when_to_when() -> None:
    told = a_message("recovered", broken_since=NOON, fixed_at=NOON + minutes(17), finished_at=NOON + minutes(20))

    assert dict(told.facts)["Broken"] == "2026-11-20 12:00\u201312:17 UTC, 17 min"


def test_times_are_told_in_the_receivers_zone_with_both_days_where_they_differ() -> None:
    assert clock_time(NOON, "America/New_York") == "2026-11-20 07:00 EST"
    assert clock_span(NOON, NOON + minutes(30), "UTC") == "2026-11-20 12:00\u201312:30 UTC"
    assert clock_span(NOON, NOON + minutes(1_440), "UTC") == "2026-11-20 12:00\u20132026-11-21 12:00 UTC"


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
    assert url not in [found for _, found in a_notice(web_url=url).resolved_links("https://builds.example.com")]


def test_links_lead_to_us_and_to_the_provider() -> None:
    assert a_message().links == (
        ("Open in Build Observatory", "/api/builds/7"),
        ("Open on github.com", "https://github.com/acme/web/actions/runs/100"),
    )
    assert a_message(web_url=None).links == (("Open in Build Observatory", "/api/builds/7"),)


def test_durations_are_said_in_two_units_at_most() -> None:
    assert [in_words(seconds) for seconds in (0, 45, 200, 7_800, 273_700)] == [
        "0 s",
        "45 s",
        "3 min 20 s",
        "2 h 10 min",
        "3 d 4 h",
    ]

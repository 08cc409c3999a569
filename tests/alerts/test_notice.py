"""What one message to one receiver says: titles that sum up, twenty lines, links made whole, every text clean."""

import pytest

from alerts.notice import Line, Notice, NoticeKind, Section, Tone, parse_notice, resolve, to_row
from shared.status import Status
from tests.alerts.messages import a_group, a_message, a_notice, every_kind


def test_news_of_one_incident_is_its_message() -> None:
    notice = a_notice("fixed")

    assert (notice.title, notice.tone) == ("acme/web ci is fixed on main", Tone.GOOD)
    assert notice.facts == a_message("fixed").facts
    assert notice.thread == "incident-7"
    assert [message.incident_id for message in notice.messages] == [7]


def test_news_of_many_sums_up_what_is_worse_first() -> None:
    notice = a_group(broke=980, fixed=20)

    assert notice.title == "980 pipelines broke, 20 are fixed"
    assert notice.tone is Tone.BAD
    assert a_group(broke=0, fixed=1).title == "1 pipeline is fixed"
    assert a_group(broke=0, fixed=1).tone is Tone.GOOD
    assert a_group(broke=1, fixed=2).title == "1 pipeline broke, 2 are fixed"
    assert a_group(broke=1_200).title == "1,200 pipelines broke"


def test_twenty_have_a_line_and_the_rest_stand_behind_the_link() -> None:
    notice = a_group(broke=1_000)

    [section] = notice.sections
    assert (len(section.lines), section.more, len(notice.messages)) == (20, 980, 20)
    assert notice.resolved_links("https://builds.example.com") == (
        ("All 1,000 in Build Observatory", "https://builds.example.com/api/deliveries/12"),
    )


def test_a_line_says_what_happened_to_what_since_when_and_where_to_read_on() -> None:
    [section] = a_group(broke=0, fixed=1).sections

    [line] = section.lines
    assert line == Line(
        tone=Tone.GOOD,
        label="fixed",
        text="acme/web ci-1 on main · a1b2c3d4e5 Fix the login form · ada"
        " · 2026-11-20 09:55\u201312:05 UTC, 2 h 10 min",
        url="https://github.com/acme/web/actions/runs/100",
    )
    assert a_group(web_url=None).sections[0].lines[0].url == "/api/builds/1"


def test_a_line_of_the_raw_feed_looks_like_the_status_it_came_to() -> None:
    statuses = (Status.FAILED, Status.TIMED_OUT, Status.SUCCEEDED, Status.RUNNING)

    assert [a_notice("transition", status=status).tone for status in statuses] == [
        Tone.BAD,
        Tone.BAD,
        Tone.GOOD,
        Tone.PLAIN,
    ]


@pytest.mark.parametrize("kind", every_kind())
def test_a_notice_comes_back_from_its_row_as_it_was(kind: str) -> None:
    notice = every_kind()[kind]

    assert parse_notice(to_row(notice)) == notice


def test_the_board_of_a_reply_comes_back_with_it() -> None:
    reply = Notice(kind=NoticeKind.NEWS, id=2, title="fixed", tone=Tone.GOOD, board=a_group())

    assert parse_notice(to_row(reply)) == reply


def test_every_text_becomes_one_visible_line_of_a_bounded_length() -> None:
    hostile = "a\r\nb\u202ec\ud800" + "x" * 10_000

    notice = Notice(
        kind=NoticeKind.OPERATIONS,
        id=1,
        title=hostile,
        tone=Tone.BAD,
        facts=((hostile, hostile),),
        sections=(
            Section(title=hostile, lines=(Line(tone=Tone.BAD, label=hostile, text=hostile),)),
            Section(title="\r\n", lines=()),
        ),
        links=((hostile, "/api/x"),),
    )

    [section, nameless] = notice.sections
    [(label, _)] = notice.resolved_links("https://builds.example.com")
    for text in (notice.title, *notice.facts[0], section.title or "", section.lines[0].text, label):
        assert text.startswith("a b c xxx")
        assert text.isprintable()
        assert len(text) <= 500
    assert nameless.title is None


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("/api/builds/7", "https://builds.example.com/api/builds/7"),
        ("https://github.com/x", "https://github.com/x"),
        ("//evil.example/x", "https://builds.example.com//evil.example/x"),
        ("javascript:alert(1)", None),
        ("https://user:pass@example.com/", None),
        (None, None),
    ],
)
def test_only_plain_web_addresses_are_offered(url: str | None, whole: str | None) -> None:
    assert resolve(url, "https://builds.example.com/") == whole


def test_without_an_address_of_ours_only_the_providers_link_is_left() -> None:
    assert a_notice().resolved_links("") == (("Open on github.com", "https://github.com/acme/web/actions/runs/100"),)

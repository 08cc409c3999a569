"""Slack's webhooks: which addresses are accepted, what is sent inside Slack's limits, the plain second try."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from alerts import RECEIVERS
from alerts.notice import Line, Notice, NoticeKind, Section, Tone
from alerts.receivers.slack import SlackSettings
from alerts.receivers.slack_message import escape, escape_markup, render, render_plain
from alerts.receivers.slack_wire import DEADLINE_SECONDS
from shared.config.settings import load
from shared.errors import ConfigError, ReceiverGone, Rejected
from simulator.slack_payloads import find_mistake
from tests.alerts.messages import a_digest, a_group, a_notice, a_trial, every_kind
from tests.alerts.receivers.slack import SlackStand
from tests.alerts.stand import Said

BASE_URL = "https://builds.example.com"


@pytest.fixture
def slack() -> Iterator[SlackStand]:
    with SlackStand() as slack:
        yield slack


def texts_of(value: object) -> Iterator[str]:
    """Every string in a payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/services/T/B/x",
        "ftp://hooks.example.com/x",
        "hooks.example.com/services/T/B/x",
        "https:///services/T/B/x",
        "https://user:word@hooks.example.com/x",
        "https://hooks.example.com/x#y",
        "https://hooks.example.com/a b",
        "https://hooks.example.com:notaport/x",
    ],
)
def test_an_address_that_could_leak_the_message_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SlackSettings(kind="slack", name="ops", webhook_url=SecretStr(url))

    assert "must be a whole https:// URL" in str(caught.value)
    assert url not in str(caught.value)


@pytest.mark.parametrize("url", ["https://hooks.example.com/services/T/B/x", "http://127.0.0.1:9/x", "http://[::1]/x"])
def test_https_and_this_machine_are_accepted(url: str) -> None:
    assert SlackSettings(kind="slack", name="ops", webhook_url=SecretStr(url)).webhook_url.get_secret_value() == url


def test_the_configuration_names_the_address_and_never_holds_it(tmp_path: Any) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[receivers]]\nkind = "slack"\nname = "ops"\nwebhook_url_env = "HOOK"\n')

    config = load(file, receivers=RECEIVERS, environ={"HOOK": "https://hooks.example.com/services/T/B/canary123"})

    assert [settings.name for settings in config.receivers] == ["ops"]
    assert "canary123" not in repr(config)
    with pytest.raises(ConfigError, match=r"receivers\[0\].webhook_url"):
        load(file, receivers=RECEIVERS, environ={"HOOK": "not-a-url"})


def is_escaped(text: str) -> bool:
    """Whether nothing of Slack's own is left but what we wrote: links in angle brackets."""
    bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    return "&" not in bare and all(
        part.startswith(("https://builds.example.com/", "https://github.com/")) for part in bare.split("<")[1:]
    )


@pytest.mark.parametrize("endless", ["&<>" * 5_000, "release/" * 1_250, "*_~`:a:" * 2_000, "|" * 5_000, "W" * 10_000])
def test_whatever_it_says_slack_would_take_it_at_first_try(endless: str) -> None:
    names = dict.fromkeys(("pipeline", "repository", "branch", "commit_message", "author", "instance"), endless)

    for kind, notice in every_kind(**names).items():
        payload = render(notice, BASE_URL, is_possible_repeat=True)

        assert find_mistake(payload) is None, kind
        assert len(payload["text"]) <= 3_000
        assert all(map(is_escaped, texts_of(payload))), kind


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("&<>*_~`:|@\u202e\n"), max_size=300))
def test_no_text_becomes_markup_or_is_refused(text: str) -> None:
    fields = ("pipeline", "repository", "branch", "commit_message", "author", "instance")
    names: dict[str, Any] = dict.fromkeys(fields, text)

    for notice in (a_notice(**names), a_group(broke=20, **names), a_digest(text)):
        payload = render(notice, BASE_URL, is_possible_repeat=False)

        orjson.dumps(payload)
        assert find_mistake(payload) is None
        assert all(map(is_escaped, texts_of(payload)))


def test_a_lone_break_is_a_header_its_facts_and_two_buttons_under_a_red_bar() -> None:
    payload = render(a_notice(), BASE_URL, is_possible_repeat=False)

    assert payload["blocks"][0]["text"] == {
        "type": "plain_text",
        "text": "acme/web ci broke on main",
        "emoji": False,
    }
    [bar] = payload["attachments"]
    facts, buttons = bar["blocks"]
    assert bar["color"] == "#c62828"
    assert facts["text"]["text"].split("\n") == [
        "*Status*  failed",
        "*Pipeline*  acme/web ci",
        "*Branch*  main",
        "*Commit*  a1b2c3d4e5 Fix the login form",
        "*Author*  ada",
        "*Build*  #412",
        "*Duration*  5 min",
    ]
    assert facts["expand"]
    assert [(each["text"]["text"], each["url"]) for each in buttons["elements"]] == [
        ("Open in Build Observatory", "https://builds.example.com/api/builds/7"),
        ("Open on github.com", "https://github.com/acme/web/actions/runs/100"),
    ]


def test_each_tone_has_its_colour_and_says_so_in_words_as_well() -> None:
    told = [render(a_notice(kind), BASE_URL, is_possible_repeat=False) for kind in ("broke", "flapping", "fixed")]

    assert [payload["attachments"][0]["color"] for payload in told] == ["#c62828", "#ef6c00", "#2e7d32"]
    assert [payload["blocks"][0]["text"]["text"] for payload in told] == [
        "acme/web ci broke on main",
        "acme/web ci is flapping on main",
        "acme/web ci is fixed on main",
    ]


def test_a_storm_has_twenty_linked_lines_with_their_labels_and_the_rest_behind_a_link() -> None:
    payload = render(a_group(broke=980, fixed=20), BASE_URL, is_possible_repeat=False)

    lines = [line for block in payload["attachments"][0]["blocks"][:-1] for line in block["text"]["text"].split("\n")]
    assert len(lines) == 21
    assert lines[0] == (
        "• *broke*  <https://github.com/acme/web/actions/runs/100|acme/web ci-1 on main>"
        " · a1b2c3d4e5 Fix the login form · ada"
    )
    assert lines[20] == "<https://builds.example.com/api/deliveries/12|and 980 more>"


def test_lines_at_their_longest_are_all_there() -> None:
    text, url = "<" * 500, "https://github.com/" + "x" * 1_500
    line = Line(tone=Tone.BAD, label="still failing", text=text, url=url)
    notice = Notice(
        kind=NoticeKind.NEWS, id=1, title="storm", tone=Tone.BAD, sections=(Section(title=None, lines=(line,) * 20),)
    )

    payload = render(notice, BASE_URL, is_possible_repeat=False)

    assert json.dumps(payload["attachments"]).count("*still failing*") == 20
    assert find_mistake(payload) is None


def test_sections_share_the_room_and_what_does_not_fit_is_counted() -> None:
    payload = render(a_digest("x" * 400, lines=60), BASE_URL, is_possible_repeat=False)

    text = json.dumps(payload["attachments"])
    shown = text.count("*still failing*")
    assert 15 < shown < 60
    assert text.count("*not told*") > 15
    assert f"and {4 + 60 - shown} more" in text
    assert find_mistake(payload) is None


def test_a_notice_without_anything_to_say_but_its_title_is_a_message_too() -> None:
    bare = Notice(kind=NoticeKind.OPERATIONS, id=1, title="ops is on again", tone=Tone.GOOD)

    assert find_mistake(render(bare, "", is_possible_repeat=False)) is None
    assert find_mistake(render(a_trial(), "", is_possible_repeat=False)) is None


def test_plain_text_says_the_same_with_its_links() -> None:
    text = render_plain(a_notice("fixed"), BASE_URL, is_possible_repeat=False)["text"]
    storm = render_plain(a_group(broke=30), BASE_URL, is_possible_repeat=False)["text"]

    assert text.startswith("acme/web ci is fixed on main\nStatus: succeeded\n")
    assert "Open in Build Observatory: <https://builds.example.com/api/builds/7>" in text
    assert storm.startswith("30 pipelines broke\nbroke: acme/web ci-1 on main")
    assert "\nand 10 more\nAll 30 in Build Observatory: <https://builds.example.com/api/deliveries/12>" in storm


@pytest.mark.parametrize(
    "text", ["*bold*", "_it_", "~no~", "`x`", "a *b* c", ":bug:", "fix:bug:x", "> quote", "```x```"]
)
def test_what_would_format_text_is_parted_from_it(text: str) -> None:
    inert = escape_markup(text, 300)

    assert inert.replace("\u200b", "").replace("&gt;", ">") == text
    assert not inert.startswith(("*", "_", "~", "`", "&gt;", ":"))
    assert ":bug:" not in inert


@pytest.mark.parametrize("text", ["snake_case_name", "release/1.2", "10:02 UTC", "a*b", "2026-11-20 10:02\u201310:19"])
def test_ordinary_names_can_be_copied_as_they_are(text: str) -> None:
    assert escape_markup(text, 300) == text


def test_escaping_cuts_between_entities_never_inside_one() -> None:
    for limit in range(2, 40):
        cut = escape("a&b<c>" * 10, limit)

        assert len(cut) <= limit
        assert cut.endswith("…")
        assert "&" not in cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_blocks_slack_cannot_read_are_sent_once_more_as_plain_text(slack: SlackStand) -> None:
    slack.say(Said(400, "invalid_blocks"))

    slack.receiver().send(a_notice(), is_possible_repeat=True)

    first, second = (json.loads(request.body) for request in slack.requests)
    assert "blocks" in first
    assert "blocks" not in second
    assert "attachments" not in second
    assert second["text"].startswith("possible repeat: acme/web ci broke on main")


def test_plain_text_that_is_refused_as_well_is_a_rejection(slack: SlackStand) -> None:
    slack.say(*[Said(400, "invalid_payload")] * 2)

    with pytest.raises(Rejected, match="400 invalid_payload to the plain text as well"):
        slack.receiver().send(a_notice(), is_possible_repeat=False)

    assert len(slack.requests) == 2


def test_a_closed_webhook_is_not_asked_twice(slack: SlackStand) -> None:
    slack.say(Said(400, "invalid_token"))

    with pytest.raises(ReceiverGone, match="create a new one"):
        slack.receiver().send(a_notice(), is_possible_repeat=False)

    assert len(slack.requests) == 1


def test_a_redirect_is_not_followed(slack: SlackStand) -> None:
    with SlackStand() as elsewhere:
        slack.say(Said(307, headers={"Location": elsewhere.url}))

        with pytest.raises(Exception, match="redirect"):
            slack.receiver().send(a_notice(), is_possible_repeat=False)

        assert elsewhere.requests == []


def test_a_message_has_eight_seconds_in_all() -> None:
    assert DEADLINE_SECONDS == 8

"""Slack: which addresses are accepted, what is sent inside Slack's limits, the plain second try."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from alerts import RECEIVERS
from alerts.slack import DEADLINE_SECONDS, SlackSettings
from alerts.slack_message import escape, render, render_plain
from shared.config.settings import load
from shared.errors import ConfigError, Rejected
from tests.alerts.messages import a_message
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


def test_every_text_keeps_within_slacks_limits_after_escaping() -> None:
    endless = "&<>" * 5_000
    message = a_message(pipeline=endless, repository=endless, branch=endless, commit_message=endless, author=endless)

    payload = render(message, BASE_URL, is_possible_repeat=True)

    assert len(payload["blocks"][0]["text"]["text"]) <= 150
    assert len(payload["text"]) <= 3_000
    section, _ = payload["attachments"][0]["blocks"]
    assert all(len(field["text"]) <= 2_000 for field in section["fields"])
    assert all(
        "&" not in text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "") for text in texts_of(payload)
    )


def test_nothing_but_our_own_buttons_and_links_is_markup() -> None:
    payload = render(a_message(), BASE_URL, is_possible_repeat=False)

    kinds = json.dumps(payload)
    assert '"mrkdwn"' not in kinds.replace('"mrkdwn": false', "")
    assert payload["attachments"][0]["color"] == "#c62828"
    assert [button["url"] for button in payload["attachments"][0]["blocks"][1]["elements"]] == [
        "https://builds.example.com/api/builds/7",
        "https://github.com/acme/web/actions/runs/100",
    ]


def test_plain_text_says_the_same_with_its_links() -> None:
    text = render_plain(a_message("fixed"), BASE_URL, is_possible_repeat=False)["text"]

    assert text.startswith("acme/web ci is fixed on main\nStatus: succeeded\n")
    assert "Open in Build Observatory: <https://builds.example.com/api/builds/7>" in text


def test_escaping_cuts_between_entities_never_inside_one() -> None:
    for limit in range(2, 40):
        cut = escape("a&b<c>" * 10, limit)

        assert len(cut) <= limit
        assert cut.endswith("…")
        assert "&" not in cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_blocks_slack_cannot_read_are_sent_once_more_as_plain_text(slack: SlackStand) -> None:
    slack.say(Said(400, "invalid_blocks"))

    slack.receiver().send(a_message(), is_possible_repeat=True)

    first, second = (json.loads(request.body) for request in slack.requests)
    assert "blocks" in first
    assert "blocks" not in second
    assert "attachments" not in second
    assert second["text"].startswith("possible repeat: acme/web ci broke on main")


def test_plain_text_that_is_refused_as_well_is_a_rejection(slack: SlackStand) -> None:
    slack.say(*[Said(400, "invalid_payload")] * 2)

    with pytest.raises(Rejected, match="400 invalid_payload to the plain text as well"):
        slack.receiver().send(a_message(), is_possible_repeat=False)

    assert len(slack.requests) == 2


def test_a_closed_webhook_is_not_asked_twice(slack: SlackStand) -> None:
    slack.say(Said(400, "invalid_token"))

    with pytest.raises(Rejected, match="create a new one"):
        slack.receiver().send(a_message(), is_possible_repeat=False)

    assert len(slack.requests) == 1


def test_a_redirect_is_not_followed(slack: SlackStand) -> None:
    with SlackStand() as elsewhere:
        slack.say(Said(307, headers={"Location": elsewhere.url}))

        with pytest.raises(Exception, match="redirect"):
            slack.receiver().send(a_message(), is_possible_repeat=False)

        assert elsewhere.requests == []


def test_a_message_has_eight_seconds_in_all() -> None:
    assert DEADLINE_SECONDS == 8

"""Slack by a bot: what its settings accept, replies below the first message, which is edited, what each error asks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from alerts import RECEIVERS
from alerts.notice import Notice, Tone
from alerts.receiver import Reference
from alerts.receivers.slack_bot import SlackBotSettings
from shared.config.settings import load
from shared.errors import ConfigError, ReceiverGone, Rejected, RetryLater
from simulator.slack import CHANNEL
from tests.alerts.messages import a_group, a_notice
from tests.alerts.receivers.slack_bot import SlackBotStand, refused
from tests.alerts.stand import Said


@pytest.fixture
def slack() -> Iterator[SlackBotStand]:
    with SlackBotStand() as slack:
        yield slack


def settings(**overrides: Any) -> SlackBotSettings:
    told: dict[str, Any] = {"token": SecretStr("xoxb-1-canary"), "channel": "#builds"}
    return SlackBotSettings(kind="slack-bot", name="ops", **(told | overrides))


def begun(slack: SlackBotStand, notice: Notice | None = None) -> Reference:
    """A conversation that one message began."""
    reference = slack.receiver().send(notice or a_group(broke=2), is_possible_repeat=False)
    assert reference is not None
    return reference


def all_fixed() -> Notice:
    """The reply that says so, and what the first message says from now on."""
    board = replace(a_group(broke=0, fixed=2), title="All 2 pipelines recovered")
    return replace(a_group(broke=0, fixed=2, notice_id=13), board=board)


def colour(payload: Mapping[str, Any]) -> str:
    return str(payload["attachments"][0]["color"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("token", SecretStr("xapp-1-an-app-level-token")),
        ("token", SecretStr("with a space")),
        ("token", SecretStr("line\nbreak")),
        ("token", SecretStr("")),
        ("channel", "builds"),
        ("channel", "#"),
        ("channel", "#a b"),
        ("channel", "#<!channel>"),
        ("channel", "c0123456789"),
        ("api_url", "http://slack.example.com/api"),
        ("api_url", "https://user:word@slack.com/api"),
        ("api_url", "slack.com/api"),
    ],
)
def test_what_could_never_work_is_refused_and_never_shown(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**{key: value})

    assert [error["loc"] for error in caught.value.errors()] == [(key,)]
    assert not isinstance(value, SecretStr) or not value.get_secret_value() or str(value) not in str(caught.value)


@pytest.mark.parametrize("channel", ["#builds", "#überwachung", "C0123456789", "G0123456789", "D0123456789"])
def test_a_channel_is_named_or_given_by_its_id(channel: str) -> None:
    assert settings(channel=channel).channel == channel


def test_the_configuration_names_the_token_and_never_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[receivers]]\nkind = "slack-bot"\nname = "ops"\nchannel = "#builds"\ntoken_env = "BOT"\n')

    config = load(file, receivers=RECEIVERS, environ={"BOT": "xoxb-1-canary123"})

    assert [(receiver.kind, receiver.name) for receiver in config.receivers] == [("slack-bot", "ops")]
    assert "canary123" not in repr(config)
    with pytest.raises(ConfigError, match=r"receivers\[0\].token"):
        load(file, receivers=RECEIVERS, environ={"BOT": "not a token"})


def test_a_message_begins_a_conversation_that_is_named_by_channel_and_time(slack: SlackBotStand) -> None:
    reference = begun(slack)

    [message] = slack.slack.messages
    assert reference == {"channel": CHANNEL, "ts": message.ts}
    assert (message.channel, message.thread) == (CHANNEL, None)
    assert "xoxb" not in json.dumps(message.payload)


def test_a_reply_stands_below_the_first_message_which_is_edited_before(slack: SlackBotStand) -> None:
    reference = begun(slack)
    reply = replace(
        a_notice("fixed"), board=replace(a_group(broke=1, fixed=1), title="1 of 2 pipelines is still broken")
    )

    assert slack.receiver().send(reply, is_possible_repeat=False, thread=reference) is None

    first, below = slack.slack.messages
    assert first.text.startswith("1 of 2 pipelines is still broken\n")
    assert first.earlier[0]["text"].startswith("2 pipelines broke\n")  # type: ignore[attr-defined]
    assert colour(first.payload) == "#c62828"
    assert below.thread == first.ts
    assert below.text.startswith("acme/web ci is fixed on main\n")
    assert not below.is_broadcast
    assert [request.path for request in slack.requests[1:]] == ["/api/chat.update", "/api/chat.postMessage"]


def test_when_all_has_recovered_the_first_message_turns_green(slack: SlackBotStand) -> None:
    reference = begun(slack)

    slack.receiver().send(all_fixed(), is_possible_repeat=False, thread=reference)

    first, below = slack.slack.messages
    assert colour(first.earlier[0]) == "#c62828"
    assert colour(first.payload) == "#2e7d32"
    assert first.text.startswith("All 2 pipelines recovered\n")
    assert (below.thread, below.is_broadcast) == (first.ts, False)


def test_a_repeated_reply_is_labelled_and_leaves_the_first_message_as_it_should_be(slack: SlackBotStand) -> None:
    reference = begun(slack)
    receiver = slack.receiver()

    receiver.send(all_fixed(), is_possible_repeat=False, thread=reference)
    receiver.send(all_fixed(), is_possible_repeat=True, thread=reference)

    first, *below = slack.slack.messages
    assert first.text.startswith("All 2 pipelines recovered\n")
    assert [message.text.startswith("possible repeat: 2 pipelines are fixed") for message in below] == [False, True]


def test_a_reply_whose_first_message_was_deleted_begins_a_conversation_anew(slack: SlackBotStand) -> None:
    reference = begun(slack)
    slack.slack.delete(reference["ts"])

    anew = slack.receiver().send(all_fixed(), is_possible_repeat=False, thread=reference)

    [message] = slack.slack.messages
    assert anew == {"channel": CHANNEL, "ts": message.ts}
    assert message.thread is None
    assert message.text.startswith("2 pipelines are fixed\n")


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "is_archived", "not_in_channel"])
def test_a_conversation_that_cannot_go_on_goes_on_in_the_channel_that_is_set(slack: SlackBotStand, error: str) -> None:
    reference = begun(slack)
    slack.say(refused(error))

    anew = slack.receiver(channel="#elsewhere").send(all_fixed(), is_possible_repeat=False, thread=reference)

    assert anew is not None
    assert anew["channel"] == "C0ELSEWHERE"


@pytest.mark.parametrize("error", ["thread_not_found", "cannot_reply_to_message"])
def test_a_message_without_room_for_replies_is_followed_by_another_one(slack: SlackBotStand, error: str) -> None:
    reference = begun(slack)
    slack.say(refused(error))

    anew = slack.receiver().send(replace(all_fixed(), board=None), is_possible_repeat=False, thread=reference)

    assert anew == {"channel": CHANNEL, "ts": slack.slack.messages[-1].ts}


def test_where_the_workspace_forbids_edits_the_reply_arrives_all_the_same(slack: SlackBotStand) -> None:
    reference = begun(slack)
    slack.say(refused("edit_window_closed"))

    slack.receiver().send(all_fixed(), is_possible_repeat=False, thread=reference)

    first, below = slack.slack.messages
    assert first.earlier == ()
    assert below.thread == first.ts


def test_an_edit_that_fails_for_now_leaves_the_reply_unsent(slack: SlackBotStand) -> None:
    reference = begun(slack)
    slack.say(refused("internal_error"))

    with pytest.raises(RetryLater, match="internal_error"):
        slack.receiver().send(all_fixed(), is_possible_repeat=False, thread=reference)

    assert len(slack.slack.messages) == 1


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long", "an_error_of_next_year"])
def test_blocks_slack_cannot_read_are_sent_once_more_as_plain_text(slack: SlackBotStand, error: str) -> None:
    slack.say(refused(error))

    begun(slack, a_notice())

    first, second = (json.loads(request.body) for request in slack.requests)
    assert first["blocks"]
    assert (second["blocks"], second["attachments"]) == ([], [])
    assert second["text"].startswith("acme/web ci broke on main\nStatus: failed")


def test_plain_text_that_is_refused_as_well_is_a_rejection(slack: SlackBotStand) -> None:
    slack.say(refused("invalid_blocks"), refused("msg_too_long"))

    with pytest.raises(Rejected, match="200 msg_too_long to the plain text as well"):
        begun(slack)

    assert len(slack.requests) == 2


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("token_revoked", "token_env"),
        ("missing_scope", "chat:write"),
        ("not_in_channel", "/invite"),
        ("channel_not_found", "/invite"),
        ("is_archived", "archived"),
        ("restricted_action", "administrators"),
        ("unknown_method", "api_url"),
    ],
)
def test_what_ends_it_says_what_to_do_and_is_not_tried_as_plain_text(
    slack: SlackBotStand, error: str, remedy: str
) -> None:
    slack.say(refused(error))

    with pytest.raises(ReceiverGone, match=f"Slack answered 200 {error}; .*{remedy}"):
        begun(slack)

    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    ("channel", "error"), [("#old", "is_archived"), ("#other", "not_in_channel"), ("#no", "not_f")]
)
def test_a_channel_where_it_cannot_speak_ends_it(slack: SlackBotStand, channel: str, error: str) -> None:
    with pytest.raises(ReceiverGone, match=error):
        slack.receiver(channel=channel).send(a_notice(), is_possible_repeat=False)


def test_a_wrong_token_ends_it(slack: SlackBotStand) -> None:
    receiver = settings(api_url=slack.api_url).open("https://builds.example.com")

    with pytest.raises(ReceiverGone, match="invalid_auth") as caught:
        receiver.send(a_notice(), is_possible_repeat=False)

    assert "canary" not in str(caught.value)


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(slack: SlackBotStand) -> None:
    with SlackBotStand() as elsewhere:
        slack.say(Said(307, headers={"Location": f"{elsewhere.api_url}/chat.postMessage"}))

        with pytest.raises(RetryLater, match="redirect"):
            begun(slack)

        assert elsewhere.requests == []


def test_an_answer_that_repeats_the_longest_message_is_read_to_its_end(slack: SlackBotStand) -> None:
    storm = a_group(broke=1_000, commit_message="ä" * 500, pipeline="ö" * 500)

    assert begun(slack, storm)["ts"] == slack.slack.messages[0].ts
    assert storm.tone is Tone.BAD

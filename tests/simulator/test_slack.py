"""The stand-in for Slack checks, answers, keeps and fails as Slack does."""

import re

import pytest

from simulator import TOKEN, Simulator
from simulator.slack import BOT_TOKEN, CHANNEL, HOOK
from simulator.slack_payloads import find_mistake
from tests.simulator.caller import Caller, send_raw


@pytest.fixture
def slack(simulator: Simulator) -> Caller:
    return Caller(simulator.slack_url.removesuffix(HOOK))


def section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_message_is_taken_and_kept(simulator: Simulator, slack: Caller) -> None:
    reply = slack.call("POST", HOOK, {"text": "checkout is failing", "blocks": [section("on main")]})

    assert (reply.status, reply.body) == (200, b"ok")
    (message,) = simulator.messages
    assert message.text == "checkout is failing"
    assert message.payload["blocks"] == [section("on main")]
    assert message.at == simulator.clock.now()


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": 5}, "invalid_payload"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [{"type": "sektion"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y" * 3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y")] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "header", "text": {"text": "h" * 151}}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y" * 3000), {"type": "divider"}]}, None),
        ({"blocks": [section("y")]}, None),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
    ],
)
def test_payloads_are_checked(payload: dict[str, object], word: str | None) -> None:
    assert find_mistake(payload) == word


def test_mistakes_are_a_400_and_not_kept(simulator: Simulator, slack: Caller) -> None:
    assert (slack.call("POST", HOOK, {}).status, slack.call("POST", HOOK, {}).body) == (400, b"no_text")
    assert slack.call("POST", HOOK, ["text"]).body == b"invalid_payload"
    assert slack.call("POST", "/services/T0/B0/wrong", {"text": "x"}).body == b"no_service"
    assert simulator.messages == ()


@pytest.mark.parametrize(
    ("settings", "status", "word"),
    [
        ({"kind": "too_many_requests", "seconds": 30}, 429, b"rate_limited"),
        ({"kind": "server_error", "status": 500}, 500, b"rollup_error"),
        ({"kind": "not_found"}, 404, b"no_service"),
        ({"kind": "unauthorized"}, 403, b"invalid_token"),
    ],
)
def test_it_fails_in_slacks_own_words(
    simulator: Simulator, slack: Caller, settings: dict[str, object], status: int, word: bytes
) -> None:
    simulator.fault(str(settings["kind"]), site="slack", count=1, **{k: v for k, v in settings.items() if k != "kind"})

    failed, taken = (slack.call("POST", HOOK, {"text": "x"}) for _ in range(2))

    assert (failed.status, failed.body) == (status, word)
    assert failed.headers.get("Retry-After") == ("30" if status == 429 else None)
    assert taken.status == 200
    assert len(simulator.messages) == 1


def test_a_message_can_be_taken_although_the_sender_never_learns_it(simulator: Simulator, slack: Caller) -> None:
    simulator.fault("reset_after", site="slack", count=1)
    body = '{"text": "x"}'
    request = f"POST {HOOK} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n{body}"

    with send_raw(slack.base, request) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)

    assert [message.text for message in simulator.messages] == ["x"]


def test_a_hang_takes_nothing(simulator: Simulator, slack: Caller) -> None:
    simulator.fault("silent", site="slack", count=1)

    with send_raw(slack.base, f"POST {HOOK} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}", timeout=0.2) as connection:
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert simulator.messages == ()


def test_a_slack_fault_leaves_github_alone(simulator: Simulator) -> None:
    simulator.fault("server_error", site="slack")

    assert Caller(simulator.url, TOKEN).get("/repos/lumen-shop/checkout").status == 200


@pytest.fixture
def bot(simulator: Simulator) -> Caller:
    return Caller(simulator.slack_api_url.removesuffix("/api"), BOT_TOKEN)


def say(bot: Caller, method: str = "chat.postMessage", **payload: object) -> dict[str, object]:
    """What the Web API answers."""
    told: dict[str, object] = {"channel": "#builds", "text": "ci broke"}
    return bot.call("POST", f"/api/{method}", told | payload).json


def test_a_bots_message_is_named_by_its_channels_id_and_its_time(simulator: Simulator, bot: Caller) -> None:
    first, second = say(bot), say(bot)

    assert (first["ok"], first["channel"]) == (True, CHANNEL)
    assert re.fullmatch(r"\d{10}\.\d{6}", str(first["ts"]))
    assert first["ts"] != second["ts"]
    assert [(each.channel, each.ts) for each in simulator.messages] == [
        (CHANNEL, first["ts"]),
        (CHANNEL, second["ts"]),
    ]


def test_a_reply_hangs_below_its_message(simulator: Simulator, bot: Caller) -> None:
    ts = say(bot)["ts"]

    say(bot, text="still failing", thread_ts=ts, reply_broadcast=True)

    first, reply = simulator.messages
    assert (first.thread, reply.thread, reply.is_broadcast) == (None, ts, True)


def test_an_edit_changes_the_message_and_what_it_said_is_kept(simulator: Simulator, bot: Caller) -> None:
    ts = say(bot, blocks=[section("red")])["ts"]

    answer = say(bot, "chat.update", channel=CHANNEL, ts=ts, text="ci is fixed", blocks=[section("green")])

    [message] = simulator.messages
    assert answer["ok"] is True
    assert message.payload == {"text": "ci is fixed", "blocks": [section("green")]}
    assert message.earlier == ({"text": "ci broke", "blocks": [section("red")]},)
    assert message.ts == ts


@pytest.mark.parametrize(
    ("method", "payload", "error"),
    [
        ("chat.postMessage", {"channel": "#nowhere"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#old"}, "is_archived"),
        ("chat.postMessage", {"channel": "#other"}, "not_in_channel"),
        ("chat.postMessage", {"text": ""}, "no_text"),
        ("chat.postMessage", {"blocks": [section("y" * 3001)]}, "invalid_blocks"),
        ("chat.update", {"channel": "#builds", "ts": "1.000100"}, "channel_not_found"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.000100"}, "message_not_found"),
        ("chat.scream", {}, "unknown_method"),
    ],
)
def test_a_bot_hears_what_is_wrong_with_status_200(
    simulator: Simulator, bot: Caller, method: str, payload: dict[str, object], error: str
) -> None:
    assert say(bot, method, **payload) == {"ok": False, "error": error}
    assert simulator.messages == ()


def test_a_bot_needs_its_token(simulator: Simulator) -> None:
    base = simulator.slack_api_url.removesuffix("/api")

    assert say(Caller(base))["error"] == "not_authed"
    assert say(Caller(base, "xoxb-another"))["error"] == "invalid_auth"


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("too_many_requests", 429, "ratelimited"),
        ("server_error", 500, "internal_error"),
        ("unauthorized", 200, "token_revoked"),
        ("forbidden", 200, "missing_scope"),
        ("not_found", 200, "channel_not_found"),
    ],
)
def test_the_web_api_fails_in_its_own_words(
    simulator: Simulator, bot: Caller, kind: str, status: int, error: str
) -> None:
    simulator.fault(kind, site="slack", path="chat.postMessage", count=1, seconds=30)

    reply = bot.call("POST", "/api/chat.postMessage", {"channel": "#builds", "text": "x"})

    assert (reply.status, reply.json["error"]) == (status, error)
    assert reply.headers.get("Retry-After") == ("30" if status == 429 else None)
    assert say(bot)["ok"] is True


def button(text: str = "Open", url: str = "https://example.com") -> dict[str, object]:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, "url": url}


@pytest.mark.parametrize(
    ("blocks", "word"),
    [
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}], "invalid_attachments"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}], "invalid_attachments"),
        ([{"type": "actions", "elements": [button()] * 26}], "invalid_attachments"),
        ([{"type": "actions", "elements": []}], "invalid_attachments"),
        ([{"type": "actions", "elements": [button("x" * 76)]}], "invalid_attachments"),
        ([{"type": "actions", "elements": [button(url="https://example.com/" + "x" * 3000)]}], "invalid_attachments"),
        ([section("x" * 2_900)] * 5, "msg_blocks_too_long"),
        ([section("x" * 2_900)] * 4, None),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}]}], None),
        ([{"type": "actions", "elements": [button()]}], None),
    ],
)
def test_what_stands_under_a_bar_is_checked_as_well(blocks: list[dict[str, object]], word: str | None) -> None:
    assert find_mistake({"text": "x", "attachments": [{"color": "#c62828", "blocks": blocks}]}) == word

"""The stand-in for Slack checks, answers, keeps and fails as Slack does."""

import pytest

from simulator import TOKEN, Simulator
from simulator.slack import HOOK, find_mistake
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

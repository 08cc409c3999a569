"""The hardened client: what it sends, where it goes, what it makes of a refusal."""

import logging
from datetime import timedelta

import pytest
from pydantic import SecretStr

from shared.errors import (
    MalformedPayload,
    NotFound,
    ProviderError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from shared.http.authorization import AuthStyle
from shared.http.client import Client
from shared.http.rate_limit import Budget
from tests.factories import NOON
from tests.loopback import Loopback, reply
from tests.shared.http.stand import QUICK, TOKEN, a_client, answers


def test_a_good_answer_comes_with_its_headers_links_and_clock() -> None:
    told = {
        "Date": "Fri, 20 Nov 2026 12:00:01 GMT",
        "Link": '<https://api.github.com/repositories/1/actions/runs?page=2>; rel="next", <x>; rel="last"',
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "59",
    }
    with Loopback(answers(reply({"id": 1}, headers=told))) as server, a_client(server) as client:
        answer = client.get_json("/repos/a/b", {"per_page": 50}, {"X-Extra": "yes"})

    assert answer.payload == {"id": 1}
    assert answer.date == NOON + timedelta(seconds=1)
    assert answer.links["next"] == "https://api.github.com/repositories/1/actions/runs?page=2"
    assert answer.budget == Budget(60, 59, None)
    heard = server.heard[0]
    assert heard.target == "/repos/a/b?per_page=50"
    assert heard.headers["authorization"] == "Bearer ghp_canary0123456789"
    assert heard.headers["accept-encoding"] == "gzip"
    assert "build-observatory" in heard.headers["user-agent"]
    assert heard.headers["x-extra"] == "yes"


@pytest.mark.parametrize(
    ("style", "header", "value"),
    [
        (AuthStyle.BEARER, "authorization", "Bearer user:token"),
        (AuthStyle.PRIVATE_TOKEN, "private-token", "user:token"),
        (AuthStyle.BASIC, "authorization", "Basic dXNlcjp0b2tlbg=="),
    ],
)
def test_each_provider_gets_its_credential_as_it_wants_it(style: AuthStyle, header: str, value: str) -> None:
    with Loopback(answers(reply({}))) as server, a_client(server, SecretStr("user:token"), auth=style) as client:
        client.get_json("/")

    assert server.heard[0].headers[header] == value


def test_a_credential_that_no_header_can_carry_is_refused_without_repeating_it() -> None:
    with pytest.raises(Unauthorized) as caught:
        Client("http://127.0.0.1:1", SecretStr("se\ncret"))

    assert "cret" not in str(caught.value)


def test_cookies_are_not_kept() -> None:
    with Loopback(answers(reply({}, headers={"Set-Cookie": "session=1"}))) as server, a_client(server) as client:
        client.get_json("/")
        client.get_json("/")

    assert "cookie" not in server.heard[1].headers


def test_a_passing_trouble_is_tried_again() -> None:
    with (
        Loopback(answers(reply(b"", 502), reply(b"busy", 503), reply({"id": 1}))) as server,
        a_client(server) as client,
    ):
        assert client.get_json("/").payload == {"id": 1}

    assert len(server.heard) == 3


def test_a_lasting_trouble_is_told_after_three_tries() -> None:
    with (
        Loopback(answers(reply(b"<html>sorry</html>", 500))) as server,
        a_client(server) as client,
        pytest.raises(Unavailable, match="500"),
    ):
        client.get_json("/")

    assert len(server.heard) == 3


def test_a_trouble_that_asks_for_a_pause_is_not_tried_at_once() -> None:
    with (
        Loopback(answers(reply(b"", 503, {"Retry-After": "30"}))) as server,
        a_client(server) as client,
        pytest.raises(Unavailable),
    ):
        client.get_json("/")

    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_origin_is_followed_once_with_the_credential(status: int) -> None:
    moved = reply(b"", status, {"Location": "/repositories/7?page=2"})
    with Loopback(answers(moved, reply({"id": 7}))) as server, a_client(server) as client:
        assert client.get_json("/repos/old/name").payload == {"id": 7}

    assert server.heard[1].target == "/repositories/7?page=2"
    assert server.heard[1].headers["authorization"] == "Bearer ghp_canary0123456789"


def test_a_redirect_in_circles_is_left() -> None:
    with (
        Loopback(answers(reply(b"", 302, {"Location": "/again"}))) as server,
        a_client(server) as client,
        pytest.raises(MalformedPayload, match="redirected twice"),
    ):
        client.get_json("/")

    assert len(server.heard) == 2


@pytest.mark.parametrize("location", ["https://127.0.0.1:{own}/x", "http://localhost:{own}/x", "//[", "", "ftp://x/"])
def test_a_redirect_to_elsewhere_is_refused(location: str) -> None:
    moved: list[str] = []
    with Loopback(lambda _: reply(b"", 302, {"Location": moved[0]})) as server, a_client(server) as client:
        moved.append(location.format(own=server.port))
        with pytest.raises(MalformedPayload, match="redirect"):
            client.get_json("/x")


@pytest.mark.parametrize("way", ["redirect", "link", "double slash", "userinfo", "at sign"])
def test_the_credential_never_reaches_another_host(way: str) -> None:
    with Loopback(answers(reply({}))) as thief:
        there = f"127.0.0.1:{thief.port}"
        with Loopback(answers(reply(b"", 301, {"Location": f"http://{there}/"}))) as server, a_client(server) as client:
            targets = {
                "redirect": "/",
                "link": f"http://{there}/repositories/1",
                "double slash": f"//{there}/",
                "userinfo": f"http://127.0.0.1:{server.port}@{there}/",
                "at sign": f"@{there}/",
            }
            with pytest.raises(MalformedPayload, match="another address"):
                client.get_json(targets[way])

    assert thief.heard == []


def test_a_link_that_brings_a_credential_of_its_own_is_refused() -> None:
    with Loopback(answers(reply({}))) as server, a_client(server) as client:
        with pytest.raises(MalformedPayload, match="another address"):
            client.get_json(f"http://mallory:secret@127.0.0.1:{server.port}/")

        assert server.heard == []


def test_a_link_to_the_own_origin_is_followed_wherever_it_points() -> None:
    with Loopback(answers(reply({"page": 2}))) as server, Client(f"{server.url}/api/v3", limits=QUICK) as client:
        client.get_json(f"{server.url}/repositories/348674220/actions/runs?per_page=1&page=2")
        client.get_json("/repos/a/b")

    assert server.heard[0].target == "/repositories/348674220/actions/runs?per_page=1&page=2"
    assert server.heard[1].target == "/api/v3/repos/a/b"


def test_a_rate_limit_is_raised_at_once_and_its_budget_is_told() -> None:
    budgets: list[Budget] = []
    spent = {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(NOON.timestamp()) + 900),
    }
    with (
        Loopback(answers(reply({"message": "API rate limit exceeded"}, 403, spent))) as server,
        a_client(server, on_budget=budgets.append) as client,
        pytest.raises(RateLimited) as caught,
    ):
        client.get_json("/")

    assert caught.value.retry_at == NOON + timedelta(minutes=15)
    assert budgets == [Budget(60, 0, NOON + timedelta(minutes=15))]
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("status", "headers", "credential", "error", "words"),
    [
        (401, {}, TOKEN, Unauthorized, "wrong, expired or revoked"),
        (401, {}, None, Unauthorized, "none is configured; set token_env"),
        (403, {"X-Accepted-GitHub-Permissions": "actions=read"}, TOKEN, Unauthorized, "permission actions=read"),
        (403, {"X-OAuth-Scopes": "gist"}, TOKEN, Unauthorized, "has the scopes gist"),
        (404, {}, TOKEN, NotFound, "let the token see it"),
        (404, {}, None, NotFound, "set a token"),
        (410, {}, TOKEN, NotFound, "410"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(
    status: int, headers: dict[str, str], credential: SecretStr | None, error: type[ProviderError], words: str
) -> None:
    with (
        Loopback(answers(reply({"message": "No <b>\x1b[31m"}, status, headers))) as server,
        a_client(server, credential) as client,
        pytest.raises(error, match=words) as caught,
    ):
        client.get_json("/repos/a/b")

    assert len(server.heard) == 1
    assert str(caught.value).startswith(f"127.0.0.1:{server.port}/repos/a/b: ")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "behaviour",
    [
        reply({}, 401),
        reply({}, 404),
        reply({}, 429),
        reply({}, 500),
        reply(b"<p>"),
        b"",
        reply({}, 302, {"Location": "//x"}),
    ],
)
def test_no_error_and_no_log_tells_the_query_or_the_credential(
    behaviour: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with Loopback(answers(behaviour)) as server, a_client(server) as client, pytest.raises(ProviderError) as caught:
        client.get_json("/x", {"private": "query-canary"})

    printed = "".join(capsys.readouterr())
    for text in (str(caught.value), repr(caught.value), caplog.text, printed):
        assert "canary" not in text


def test_every_try_is_announced_and_may_be_called_off() -> None:
    class LeaseGone(Exception):
        pass

    tries: list[int] = []

    def before_try() -> None:
        tries.append(1)
        if len(tries) == 2:
            raise LeaseGone

    with (
        Loopback(answers(reply(b"", 500))) as server,
        a_client(server, before_try=before_try) as client,
        pytest.raises(LeaseGone),
    ):
        client.get_json("/")

    assert len(server.heard) == 1


def test_an_unchanged_answer_has_no_payload() -> None:
    with Loopback(answers(reply(b"", 304, {"ETag": 'W/"1"'}))) as server, a_client(server) as client:
        answer = client.get_json("/", headers={"If-None-Match": 'W/"1"'})

    assert (answer.status, answer.payload) == (304, None)
    assert server.heard[0].headers["if-none-match"] == 'W/"1"'

"""Downloads: bounded, streamed to a file, and one hop to another host that learns nothing of ours."""

import gzip
import io
from collections.abc import Iterable, Mapping

import pytest
from pydantic import SecretStr

from shared.errors import MalformedPayload, NotFound, Unauthorized, Unavailable
from shared.http.body import TooLarge
from tests.loopback import Heard, Loopback, reply
from tests.shared.http.stand import TOKEN, a_client, answers

TEXT = {"Content-Type": "text/plain"}


def text(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, location: str = "") -> bytes:
    return reply(body, status, TEXT | {"Location": location} | dict(headers or {}))


def test_a_file_is_filled_with_the_answer_and_its_headers_are_told() -> None:
    with Loopback(answers(text(b"log", headers={"X-More-Data": "true"}))) as server, a_client(server) as client:
        file = io.BytesIO(b"what was there before")
        done = client.download("/job/log", file, largest=100)

    assert file.getvalue() == b"log"
    assert (done.size, done.is_cut, done.headers["x-more-data"]) == (3, False, "true")
    assert server.heard[0].headers["authorization"] == f"Bearer {TOKEN.get_secret_value()}"


@pytest.mark.parametrize("is_gzip", [False, True])
def test_what_is_too_long_is_cut_at_the_limit(is_gzip: bool) -> None:
    body = gzip.compress(b"a" * 50_000_000) if is_gzip else b"a" * 500_000
    headers = {"Content-Encoding": "gzip"} if is_gzip else {}
    with Loopback(answers(text(body, headers=headers))) as server, a_client(server) as client:
        file = io.BytesIO()
        done = client.download("/log", file, largest=100_000)
        with pytest.raises(TooLarge):
            client.download("/log", io.BytesIO(), largest=100_000, must_be_whole=True)

    assert (len(file.getvalue()), done.size, done.is_cut) == (100_000, 100_000, True)


def test_an_answer_that_breaks_off_is_asked_for_again_from_its_beginning() -> None:
    broken = reply(b"half", 200, TEXT, length=100)
    with Loopback(answers(broken, text(b"whole"))) as server, a_client(server) as client:
        file = io.BytesIO()
        client.download("/log", file, largest=100)

    assert file.getvalue() == b"whole"
    assert len(server.heard) == 2


def test_an_answer_that_drips_for_ever_ends_with_the_deadline() -> None:
    def drip(_: Heard) -> Iterable[bytes]:
        return slow.drip(reply(b"", 200, TEXT, length=1000) + b"x" * 1000, 0.05)

    with Loopback(drip) as slow, a_client(slow) as client, pytest.raises(Unavailable, match="no complete answer"):
        client.download("/log", io.BytesIO(), largest=5000)


def test_a_redirect_to_a_listed_host_is_followed_once_without_anything_of_ours() -> None:
    with Loopback(answers(text(b"kept"))) as storage:
        away = text(b"", 302, location=f"{storage.url}/signed?sig=abc")
        own = {"x-github-api-version": "2022-11-28"}
        with Loopback(answers(away)) as server, a_client(server, headers=own) as client:
            file = io.BytesIO()
            client.download("/log", file, largest=100, hosts=(f"127.0.0.1:{storage.port}",))

    assert file.getvalue() == b"kept"
    assert set(storage.heard[0].headers) == {"host", "user-agent", "accept-encoding"}
    assert storage.heard[0].target == "/signed?sig=abc"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:9/log?sig=canary",
        "http://user:pass@kept.example/log?sig=canary",
        "ftp://kept.example/log?sig=canary",
        "http://kept.example.evil/log?sig=canary",
        "http://kept.example:444/log?sig=canary",
        "//other.example/log?sig=canary",
        "",
    ],
)
def test_a_redirect_anywhere_else_is_refused_and_the_signature_is_not_told(location: str) -> None:
    with (
        Loopback(answers(text(b"", 302, location=location))) as server,
        a_client(server) as client,
        pytest.raises(MalformedPayload) as caught,
    ):
        client.download("/log", io.BytesIO(), largest=100, hosts=("kept.example", "*.kept.example"))

    assert "canary" not in str(caught.value)
    assert len(server.heard) == 1


def test_a_renamed_repositorys_log_is_found_behind_two_redirects() -> None:
    with Loopback(answers(text(b"kept"))) as storage:
        steps = answers(text(b"", 301, location="/repositories/1/log"), text(b"", 302, location=f"{storage.url}/x"))
        with Loopback(steps) as server, a_client(server) as client:
            file = io.BytesIO()
            client.download("/log", file, largest=100, hosts=(f"127.0.0.1:{storage.port}",))

    assert file.getvalue() == b"kept"
    assert [heard.target for heard in server.heard] == ["/log", "/repositories/1/log"]
    assert "authorization" not in storage.heard[0].headers


def test_a_link_that_expired_is_replaced_by_a_fresh_one() -> None:
    with (
        Loopback(answers(text(b"too late", 403), text(b"kept"))) as storage,
        Loopback(answers(text(b"", 302, location=f"{storage.url}/x"))) as server,
        a_client(server) as client,
    ):
        file = io.BytesIO()
        client.download("/log", file, largest=100, hosts=(f"127.0.0.1:{storage.port}",))

    assert file.getvalue() == b"kept"
    assert len(server.heard) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"message": "Not Found"}, 404), NotFound),
        (reply({"message": "expired"}, 410), NotFound),
        (reply({"message": "Must have admin rights"}, 403), Unauthorized),
        (text(b"<html>", headers={"Content-Type": "text/html"}), MalformedPayload),
        (text(b"x", headers={"Content-Encoding": "br"}), MalformedPayload),
    ],
)
def test_a_refusal_is_the_same_as_for_json(answer: bytes, error: type[Exception]) -> None:
    with Loopback(answers(answer)) as server, a_client(server) as client, pytest.raises(error):
        client.download("/log", io.BytesIO(), largest=100)


def test_a_storage_that_redirects_on_or_has_lost_it_is_said_so() -> None:
    for status, error in ((302, MalformedPayload), (404, NotFound), (410, NotFound)):
        with Loopback(answers(text(b"", status, location="http://127.0.0.1:1/"))) as storage:
            away = text(b"", 302, location=f"{storage.url}/x?sig=canary")
            with Loopback(answers(away)) as server, a_client(server, SecretStr("token-canary")) as client:
                with pytest.raises(error) as caught:
                    client.download("/log", io.BytesIO(), largest=100, hosts=(f"127.0.0.1:{storage.port}",))
                assert "canary" not in str(caught.value)
